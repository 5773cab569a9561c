"""The list of the MongoDB 8.2 commands that this server does not support yet. Remove a name when its command is implemented.

https://www.mongodb.com/docs/manual/reference/command/

Commands that do not exist on a member of a replica set are not listed, so they raise the error for unknown names. Examples are commands
that were removed before 8.2 (`eval`, `getLastError`, `getFreeMonitoringStatus`), and commands that exist only in mongos (`addShard`),
Atlas (`atlasVersion`) or MongoDB Enterprise.
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
