"""The modules of the commands. Each registers its commands when it is imported, which is at first use: together they take a third of a start.

A command `listCollections` is in a module `list_collections`; `_SHARED` lists the names for which that is not so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Final

import secantus_server.commands
from secantus_server.dispatch.registry import import_commands_by

#: The names of commands that are not registered by the module of their own name, by module.
_SHARED: Final[dict[str, str]] = {
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
    "parameters": "getParameter setParameter",
    "plan_cache": "planCacheClear planCacheClearFilters planCacheListFilters planCacheSetFilter",
    "replica_set": "replSetGetConfig replSetGetStatus replSetInitiate",
    "resize_oplog": "replSetResizeOplog",
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

_MODULE_OF: Final = {name: module for module, names in _SHARED.items() for name in names.split()}


def _modules() -> Iterator[tuple[str, str]]:
    """Yield the name of each module below this package, and its dotted name."""
    for path in secantus_server.commands.__path__:
        with os.scandir(path) as entries:
            chapters = sorted((entry.name, entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith(("_", ".")))
        for chapter, place in chapters:
            for file in sorted(os.listdir(place)):
                if file.endswith(".py") and not file.startswith(("_", ".")):
                    yield file[:-3], f"{secantus_server.commands.__name__}.{chapter}.{file[:-3]}"


# Found once, since a test may replace the file system before a command is used.
_MODULES: Final = dict(_modules())


def module_of(name: str) -> str | None:
    """Return the dotted name of the module that registers a command if there is such a command."""
    return _MODULES.get(_MODULE_OF.get(name) or re.sub("(?<!^)(?=[A-Z])", "_", name).lower())


def load_command(name: str) -> None:
    """Import the module that registers a command, if there is one."""
    module = module_of(name)
    if module is not None:
        import_module(module)


def load_commands() -> None:
    """Register all commands; a second call does nothing."""
    for module in _MODULES.values():
        import_module(module)


import_commands_by(load_command, load_commands)
