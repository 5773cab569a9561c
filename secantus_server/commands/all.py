"""Imports the command modules. A module registers its commands when it is imported.

A module is imported when one of its commands is first used, because importing all modules takes a third of the server's start time. A
module is named after its command: `listCollections` is defined in `list_collections`. `_OTHER_NAMES` lists the exceptions.
"""

from __future__ import annotations

from typing import Final

import secantus_server.commands
from secantus_server.dispatch.registry import MODULES, import_all_commands
from secantus_server.modules import modules_by_name

#: The commands whose module is not named after them, grouped by module.
_OTHER_NAMES: Final = {
    "append_note": "appendOplogNote",
    "backup_archive": "secantusAdmin.backupArchive",
    "build_info": "buildinfo",
    "cluster_parameters": "getClusterParameter setClusterParameter",
    "coll_stats": "collstats",
    "connection_status": "logout whatsmyuri",
    "convert_to_capped": "cloneCollectionAsCapped",
    "current_op": "killOp lockInfo",
    "data_size": "datasize",
    "db_stats": "dbstats",
    "default_concern": "getDefaultRWConcern setDefaultRWConcern",
    "diagnostic_data": "getDiagnosticData",
    "drop": "dropDatabase",
    "drop_indexes": "deleteIndexes",
    "encrypted_collections": "cleanupStructuredEncryptionData compactStructuredEncryptionData",
    "end": "abortTransaction commitTransaction",
    "fail_points": "configureFailPoint waitForFailPoint",
    "file_md5": "filemd5",
    "find_and_modify": "findandmodify",
    "fsync": "fsyncUnlock",
    "get_more": "killCursors",
    "hello": "isMaster ismaster",
    "log_commands": "getCmdLineOpts getLog logRotate",
    "maintenance": "compact setFeatureCompatibilityVersion shardingState shutdown",
    "map_reduce": "mapreduce",
    "merging": "_mergeAuthzCollections",
    "parameters": "getParameter setParameter",
    "plan_cache": "planCacheClear planCacheClearFilters planCacheListFilters planCacheSetFilter",
    "query_settings": "setQuerySettings removeQuerySettings",
    "reconfig": "replSetReconfig",
    "replica_set": "replSetGetConfig replSetGetStatus replSetInitiate",
    "resize_oplog": "replSetResizeOplog",
    "restore_archive": "secantusAdmin.restoreArchive",
    "roles": "createRole updateRole dropRole dropAllRolesFromDatabase "
    "grantPrivilegesToRole grantRolesToRole revokePrivilegesFromRole revokeRolesFromRole",
    "sasl": "saslContinue saslStart",
    "search_indexes": "createSearchIndexes dropSearchIndex updateSearchIndex",
    "server_status": "connPoolStats",
    "sessions": "startSession endSessions refreshSessions killSessions killAllSessions killAllSessionsByPattern "
    "reapLogicalSessionCacheNow refreshLogicalSessionCacheNow",
    "step_down": "replSetFreeze replSetStepDown replSetStepUp",
    "upkeep": "autoCompact dropConnections reIndex setIndexCommitQuorum",
    "user_cache": "invalidateUserCache",
    "users": "createUser updateUser dropUser dropAllUsersFromDatabase grantRolesToUser revokeRolesFromUser",
    "validate_db_metadata": "validateDBMetadata",
    "write_block": "setUserWriteBlockMode",
}

MODULES.update(modules_by_name(secantus_server.commands.__name__, secantus_server.commands.__path__, _OTHER_NAMES))


def load_commands() -> None:
    """Import all command modules, which registers the commands. Further calls do nothing."""
    import_all_commands()
