"""The names of all actions. https://www.mongodb.com/docs/manual/reference/privilege-actions/"""

from __future__ import annotations

ACTIONS = frozenset(
    """
    addShard addShardToZone allCollectionStats analyze analyzeShardKey anyAction appendOplogNote applicationMessage applyOps
    auditLogRotate authSchemaUpgrade bypassDefaultMaxTimeMS bypassDocumentValidation bypassWriteBlockingMode changeCustomData
    changeOwnCustomData changeOwnPassword changePassword changeStream checkFreeMonitoringStatus checkMetadataConsistency cleanupOrphaned
    cleanupStructuredEncryptionData clearJumboFlag closeAllDatabases collMod collStats compact compactStructuredEncryptionData
    configureQueryAnalyzer connPoolStats connPoolSync convertToCapped cpuProfiler createCollection createDatabase createIndex createRole
    createSearchIndexes createUser dbHash dbStats dropCollection dropConnections dropDatabase dropIndex dropRole dropSearchIndex dropUser
    enableProfiler enableSharding exportCollection find flushRouterConfig forceUUID fsync getClusterParameter getCmdLineOpts
    getDatabaseVersion getDefaultRWConcern getLog getParameter getShardMap getShardVersion grantPrivilegesToRole grantRole
    grantRolesToRole grantRolesToUser hostInfo impersonate importCollection indexStats inprog insert internal invalidateUserCache
    issueDirectShardOperations killAnyCursor killAnySession killCursors killop listCachedAndActiveUsers listClusterCatalog
    listCollections listCursors listDatabases listIndexes listSampledQueries listSearchIndexes listSessions listShards logRotate
    moveChunk moveCollection netstat oidReset operationMetrics performRawDataOperations planCacheIndexFilter planCacheRead
    planCacheWrite queryStatsRead queryStatsReadTransformed querySettings reIndex refineCollectionShardKey remove removeShard
    renameCollection renameCollectionSameDB repairDatabase replSetConfigure replSetGetConfig replSetGetStatus replSetHeartbeat
    replSetReconfig replSetResizeOplog replSetStateChange reshardCollection resync revokePrivilegesFromRole revokeRole
    revokeRolesFromRole revokeRolesFromUser rewriteCollection rotateCertificates runAsLessPrivilegedUser runTenantMigration serverStatus
    setAuthenticationRestriction setChangeStreamState setClusterParameter setDefaultRWConcern setFeatureCompatibilityVersion
    setFreeMonitoring setParameter setUserWriteBlockMode shardCollection shardedDataDistribution shardingState shutdown splitChunk
    splitVector storageDetails top touch transitionFromDedicatedConfigServer transitionToDedicatedConfigServer trafficRecord unlock
    unshardCollection update updateRole updateSearchIndex updateUser useTenant useUUID validate viewRole viewUser
    """.split()
)
