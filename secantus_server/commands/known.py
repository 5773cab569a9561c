"""The commands that MongoDB has and Secantus does not have yet; a name leaves this list when its command is written."""

from __future__ import annotations

NOT_YET: frozenset[str] = frozenset(
    """
    _getUserCacheGeneration _isSelf _mergeAuthzCollections abortMoveCollection abortReshardCollection abortTransaction
    abortUnshardCollection addShard addShardToZone aggregate analyze analyzeShardKey appendOplogNote applyOps atlasVersion
    authSchemaUpgrade authenticate autoCompact availableQueryOptions balancerCollectionStatus balancerStart balancerStatus
    balancerStop buildInfo buildinfo bulkWrite captrunc checkMetadataConsistency cleanupOrphaned cleanupReshardCollection
    cleanupStructuredEncryptionData clearJumboFlag clone cloneCollection cloneCollectionAsCapped collMod collStats collstats
    commitReshardCollection commitShardRemoval commitTransaction compact compactStructuredEncryptionData
    configureCollectionBalancing configureFailPoint configureQueryAnalyzer connPoolStats connectionStatus convertToCapped copydb
    count create createIndexes createRole createSearchIndexes createUser currentOp dataSize datasize dbCheck dbHash dbStats
    dbstats delete deleteIndexes distinct driverOIDTest drop dropAllRolesFromDatabase dropAllUsersFromDatabase dropConnections
    dropDatabase dropIndexes dropRole dropSearchIndex dropUser echo emptycapped enableSharding endSessions eval features
    filemd5 find findAndModify findandmodify flushRouterConfig fsync fsyncUnlock geoNear geoSearch getAuditConfig
    getClusterParameter getCmdLineOpts getDefaultRWConcern getFreeMonitoringStatus getLog getMore getParameter getPrevError
    getQueryableEncryptionCountInfo getShardMap getShardVersion getTransitionToDedicatedConfigServerStatus getlasterror getnonce
    godinsert grantPrivilegesToRole grantRolesToRole grantRolesToUser group hashBSONElement hello hostInfo httpClientRequest
    insert internalRenameIfOptionsAndIndexesMatch invalidateUserCache isMaster isdbgrid ismaster killAllSessions
    killAllSessionsByPattern killCursors killOp killSessions listCollections listCommands listDatabases listIndexes listShards
    listStreamProcessors lockInfo logApplicationMessage logRotate logout mapReduce mapreduce mergeAllChunksOnShard mergeChunks
    moveChunk moveCollection movePrimary moveRange netstat parallelCollectionScan ping planCacheClear planCacheClearFilters
    planCacheListFilters planCacheSetFilter profile reIndex reapLogicalSessionCacheNow refineCollectionShardKey
    refreshLogicalSessionCacheNow refreshSessions releaseMemory removeQuerySettings removeShard removeShardFromZone
    renameCollection repairCursor repairDatabase replSetAbortPrimaryCatchUp replSetFreeze replSetGetConfig replSetGetRBID
    replSetGetStatus replSetHeartbeat replSetInitiate replSetMaintenance replSetReconfig replSetRequestVotes replSetResizeOplog
    replSetStepDown replSetSyncFrom replSetTest replSetUpdatePosition resetError reshardCollection resync revokePrivilegesFromRole
    revokeRolesFromRole revokeRolesFromUser rolesInfo rotateCertificates saslContinue saslStart serverStatus setAllowMigrations
    setAuditConfig setClusterParameter setDefaultRWConcern setFeatureCompatibilityVersion setFreeMonitoring setIndexCommitQuorum
    setParameter setProfilingFilterGlobally setQuerySettings setShardVersion setUserWriteBlockMode shardCollection
    shardConnPoolStats shardDrainingStatus shardingState shutdown sleep split splitChunk splitVector startRecordingTraffic
    startSession startShardDraining stopRecordingTraffic testDeprecation testDeprecationInVersion2 testVersion2 top touch
    transitionFromDedicatedConfigServer transitionToDedicatedConfigServer unsetSharding unshardCollection update updateRole
    updateSearchIndex updateUser updateZoneKeyRange usersInfo validate validateDBMetadata waitForFailPoint whatsmysni whatsmyuri
    """.split()
)
