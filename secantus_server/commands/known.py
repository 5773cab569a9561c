"""The commands that MongoDB has and Secantus does not have yet; a name leaves this list when its command is written."""

from __future__ import annotations

NOT_YET: frozenset[str] = frozenset(
    """
    _getUserCacheGeneration _isSelf _mergeAuthzCollections abortMoveCollection abortReshardCollection abortTransaction
    abortUnshardCollection addShard addShardToZone analyze analyzeShardKey appendOplogNote applyOps atlasVersion authSchemaUpgrade
    authenticate autoCompact availableQueryOptions balancerCollectionStatus balancerStart balancerStatus balancerStop captrunc
    checkMetadataConsistency cleanupOrphaned cleanupReshardCollection cleanupStructuredEncryptionData clearJumboFlag clone
    cloneCollection commitReshardCollection commitShardRemoval commitTransaction compactStructuredEncryptionData
    configureCollectionBalancing configureFailPoint configureQueryAnalyzer copydb createRole createUser dbCheck driverOIDTest
    dropAllRolesFromDatabase dropAllUsersFromDatabase dropConnections dropRole dropUser echo emptycapped enableSharding eval features
    filemd5 flushRouterConfig fsyncUnlock geoNear geoSearch getAuditConfig getClusterParameter getFreeMonitoringStatus getPrevError
    getQueryableEncryptionCountInfo getShardMap getShardVersion getTransitionToDedicatedConfigServerStatus getlasterror getnonce
    godinsert grantPrivilegesToRole grantRolesToRole grantRolesToUser group hashBSONElement httpClientRequest
    internalRenameIfOptionsAndIndexesMatch invalidateUserCache listShards listStreamProcessors logApplicationMessage logout mapReduce
    mapreduce mergeAllChunksOnShard mergeChunks moveChunk moveCollection movePrimary moveRange netstat parallelCollectionScan
    reIndex reapLogicalSessionCacheNow refineCollectionShardKey
    refreshLogicalSessionCacheNow releaseMemory removeQuerySettings removeShard removeShardFromZone repairCursor repairDatabase
    replSetAbortPrimaryCatchUp replSetFreeze replSetGetRBID replSetHeartbeat replSetMaintenance replSetReconfig replSetRequestVotes
    replSetResizeOplog replSetStepDown replSetSyncFrom replSetTest replSetUpdatePosition resetError reshardCollection resync
    revokePrivilegesFromRole revokeRolesFromRole revokeRolesFromUser rolesInfo rotateCertificates saslContinue saslStart
    setAllowMigrations setAuditConfig setClusterParameter setDefaultRWConcern setFeatureCompatibilityVersion setFreeMonitoring
    setIndexCommitQuorum setProfilingFilterGlobally setQuerySettings setShardVersion setUserWriteBlockMode shardCollection
    shardConnPoolStats shardDrainingStatus shardingState sleep split splitChunk splitVector startRecordingTraffic startShardDraining
    stopRecordingTraffic testDeprecation testDeprecationInVersion2 touch transitionFromDedicatedConfigServer
    transitionToDedicatedConfigServer unsetSharding unshardCollection updateRole updateUser updateZoneKeyRange usersInfo
    waitForFailPoint whatsmysni
    """.split()
)

# What to do instead, where there is something better than another server.
_WITHOUT_PASSWORDS = "connect without a user name and password, everybody may do everything"
_NO_USERS = "there are no users and roles, everybody may do everything"
_USERS = """
    createRole createUser dropAllRolesFromDatabase dropAllUsersFromDatabase dropRole dropUser grantPrivilegesToRole grantRolesToRole
    grantRolesToUser revokePrivilegesFromRole revokeRolesFromRole revokeRolesFromUser rolesInfo updateRole updateUser usersInfo
    """
INSTEAD: dict[str, str] = {
    **dict.fromkeys(["saslStart", "saslContinue", "authenticate", "getnonce", "logout"], _WITHOUT_PASSWORDS),
    **dict.fromkeys(_USERS.split(), _NO_USERS),
    **dict.fromkeys(["abortTransaction", "commitTransaction"], "run the statements without a transaction"),
    **dict.fromkeys(["mapReduce", "mapreduce"], "write it as an aggregation"),
    "reIndex": "drop the index and create it again",
}
