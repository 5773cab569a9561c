"""The commands of MongoDB 8.2 that Secantus does not support yet. Remove a name when its command is implemented.

Commands that do not exist on a member of a replica set are not listed and raise the error for unknown names: commands that were removed
before 8.2 (`eval`, `getLastError`, `getFreeMonitoringStatus`), and those of mongos (`addShard`), Atlas (`atlasVersion`) and MongoDB
Enterprise.
https://www.mongodb.com/docs/manual/reference/command/
"""

from __future__ import annotations

NOT_YET: frozenset[str] = frozenset(
    """
    _getUserCacheGeneration _isSelf analyze analyzeShardKey
    captrunc cleanupOrphaned
    configureQueryAnalyzer dbCheck driverOIDTest echo emptycapped features flushRouterConfig
    getQueryableEncryptionCountInfo getShardMap getShardVersion godinsert hashBSONElement
    httpClientRequest internalRenameIfOptionsAndIndexesMatch
    releaseMemory replSetAbortPrimaryCatchUp replSetGetRBID
    replSetHeartbeat replSetMaintenance replSetRequestVotes replSetSyncFrom
    replSetTest replSetUpdatePosition
    setProfilingFilterGlobally
    sleep splitChunk splitVector startRecordingTraffic stopRecordingTraffic testDeprecation testDeprecationInVersion2
    whatsmysni
    """.split()
)
