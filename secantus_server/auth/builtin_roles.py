"""The built-in roles and their privileges. https://www.mongodb.com/docs/manual/reference/built-in-roles/"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from secantus_server.auth.privileges import ANY_ACTION, ANY_RESOURCE, CLUSTER

Privilege = dict[str, Any]

_READ = tuple("changeStream collStats dbHash dbStats find killCursors listCollections listIndexes listSearchIndexes planCacheRead".split())
_WRITE = tuple(
    """
    cleanupStructuredEncryptionData compactStructuredEncryptionData convertToCapped createCollection createIndex createSearchIndexes
    dropCollection dropIndex dropSearchIndex insert performRawDataOperations remove renameCollectionSameDB update updateSearchIndex
    """.split()
)
_READ_WRITE = tuple(sorted(_READ + _WRITE))
_DB_ADMIN = tuple(
    """
    bypassDocumentValidation collMod collStats compact convertToCapped createCollection createIndex createSearchIndexes dbStats
    dropCollection dropDatabase dropIndex dropSearchIndex enableProfiler listCollections listIndexes listSearchIndexes
    planCacheIndexFilter planCacheRead planCacheWrite reIndex renameCollectionSameDB storageDetails updateSearchIndex validate
    """.split()
)
_PROFILE = (*_READ, "convertToCapped", "createCollection", "dropCollection")
_USER_ADMIN = tuple(
    """
    changeCustomData changePassword createRole createUser dropRole dropUser grantRole revokeRole setAuthenticationRestriction viewRole
    viewUser
    """.split()
)
_ENABLE_SHARDING = tuple(
    "analyzeShardKey enableSharding moveCollection refineCollectionShardKey reshardCollection unshardCollection".split()
)
_RESTORED = tuple("bypassDocumentValidation collMod createCollection createIndex dropCollection insert updateSearchIndex".split())
_USERS_ADMIN = tuple(
    "collStats createIndex createSearchIndexes dbHash dbStats dropIndex dropSearchIndex find killCursors planCacheRead".split()
)
_MONITOR_CLUSTER = tuple(
    """
    connPoolStats getCmdLineOpts getDefaultRWConcern getLog getParameter getShardMap hostInfo inprog listClusterCatalog listDatabases
    listSessions listShards netstat queryStatsRead queryStatsReadTransformed replSetGetConfig replSetGetStatus serverStatus shardingState
    top useUUID
    """.split()
)
_MANAGE_CLUSTER = tuple(
    """
    addShard appendOplogNote applicationMessage checkMetadataConsistency cleanupOrphaned flushRouterConfig getClusterParameter
    getDefaultRWConcern listSessions listShards moveCollection querySettings removeShard replSetConfigure replSetGetConfig
    replSetGetStatus replSetResizeOplog replSetStateChange resync setClusterParameter setDefaultRWConcern setFeatureCompatibilityVersion
    transitionFromDedicatedConfigServer transitionToDedicatedConfigServer unshardCollection
    """.split()
)
_MANAGE_DATABASES = tuple(
    """
    analyzeShardKey clearJumboFlag configureQueryAnalyzer enableSharding moveChunk refineCollectionShardKey reshardCollection splitChunk
    splitVector
    """.split()
)
_HOST_CLUSTER = tuple(
    """
    applicationMessage closeAllDatabases compact connPoolSync dropConnections flushRouterConfig fsync invalidateUserCache killAnyCursor
    killAnySession killop logRotate oidReset resync rotateCertificates setParameter shutdown touch unlock
    """.split()
)


def _on(db: str, collection: str, actions: Iterable[str]) -> Privilege:
    return {"resource": {"db": db, "collection": collection}, "actions": list(actions)}


def _on_cluster(*actions: str) -> Privilege:
    return {"resource": dict(CLUSTER), "actions": list(actions)}


def _on_anything(*actions: str) -> Privilege:
    return {"resource": dict(ANY_RESOURCE), "actions": list(actions)}


def _read(db: str) -> list[Privilege]:
    return [_on(db, "", _READ), _on(db, "system.js", _READ)]


def _read_write(db: str) -> list[Privilege]:
    return [_on(db, "", _READ_WRITE), _on(db, "system.js", _READ_WRITE)]


def _db_admin(db: str) -> list[Privilege]:
    return [_on(db, "", _DB_ADMIN), _on(db, "system.profile", _PROFILE)]


def _user_admin(db: str) -> list[Privilege]:
    return [_on(db, "", _USER_ADMIN)]


def _db_owner(db: str) -> list[Privilege]:
    return [*_read_write(db), *_db_admin(db), *_user_admin(db)]


def _enable_sharding(_db: str) -> list[Privilege]:
    return [_on("", "", _ENABLE_SHARDING)]


def _any_read(_db: str) -> list[Privilege]:
    return [_on_cluster("listDatabases"), *_read("")]


def _any_read_write(_db: str) -> list[Privilege]:
    return [_on_cluster("listDatabases"), *_read_write("")]


def _any_db_admin(_db: str) -> list[Privilege]:
    return [_on_cluster("applyOps", "listDatabases"), *_db_admin("")]


def _any_user_admin(_db: str) -> list[Privilege]:
    return [
        *_user_admin(""),
        _on_cluster("authSchemaUpgrade", "invalidateUserCache", "listDatabases"),
        *(_on("admin", name, _USERS_ADMIN) for name in ("system.users", "system.roles")),
        _on("", "system.users", _USERS_ADMIN),
    ]


def _cluster_monitor(_db: str) -> list[Privilege]:
    return [
        _on_cluster(*_MONITOR_CLUSTER),
        _on("", "", ("collStats", "dbStats", "indexStats", "useUUID")),
        _on("", "system.profile", ("find",)),
        *(_on(db, "", (*_READ, "indexStats")) for db in ("config", "local")),
        *(_on(db, "system.js", _READ) for db in ("config", "local")),
        *(_on("local", name, ("find",)) for name in ("system.replset", "system.profile")),
    ]


def _cluster_manager(_db: str) -> list[Privilege]:
    return [
        _on_cluster(*_MANAGE_CLUSTER),
        _on("", "", _MANAGE_DATABASES),
        _on("config", "", (*_READ, "enableSharding", "insert", "moveChunk", "remove", "update")),
        _on("config", "system.js", _READ),
        _on("local", "", ("enableSharding", "insert", "moveChunk", "remove", "update")),
        _on("local", "system.replset", _READ),
    ]


def _host_manager(_db: str) -> list[Privilege]:
    return [_on_cluster(*_HOST_CLUSTER), _on("", "", ("killCursors",))]


def _cluster_admin(db: str) -> list[Privilege]:
    return [*_cluster_monitor(db), *_cluster_manager(db), *_host_manager(db), _on("", "", ("dropDatabase",))]


def _backup(_db: str) -> list[Privilege]:
    readable = (("", "system.js"), ("", "system.profile"), ("", "system.users"), ("admin", "system.users"), ("admin", "system.roles"))
    return [
        _on_cluster("appendOplogNote", "getParameter", "listDatabases", "serverStatus", "setUserWriteBlockMode"),
        _on_anything("listDatabases", "listCollections", "listIndexes", "listSearchIndexes"),
        *(_on(db, "", ("find",)) for db in ("", "config", "local")),
        *(_on(db, name, ("find",)) for db, name in readable),
        *(_on("admin", name, ("find",)) for name in ("system.version", "system.new_users", "system.backup_users")),
        {"resource": {"system_buckets": ""}, "actions": ["find"]},
        _on("config", "settings", ("find", "insert", "update")),
    ]


def _restore(_db: str) -> list[Privilege]:
    everywhere = (*_RESTORED, "convertToCapped", "createSearchIndexes", *(action for action in _USER_ADMIN))
    return [
        _on_cluster("bypassWriteBlockingMode", "getParameter", "setUserWriteBlockMode"),
        _on("", "", everywhere),
        _on("", "system.js", _RESTORED),
        _on_anything("listCollections"),
        *(_on(db, "", _RESTORED) for db in ("config", "local")),
        _on("admin", "system.version", (*_RESTORED, "find")),
        _on("admin", "system.roles", ("createIndex",)),
        *(_on(db, "system.users", (*_RESTORED, "find", "remove", "update")) for db in ("admin", "")),
        _on("", "system.views", ("dropCollection",)),
        {"resource": {"system_buckets": ""}, "actions": list(_RESTORED)},
    ]


def _search_coordinator(db: str) -> list[Privilege]:
    return [*_any_read(db), *_read_write("__mdb_internal_search"), _on_cluster("bypassDefaultMaxTimeMS")]


def _root(db: str) -> list[Privilege]:
    parts = (_any_read_write, _any_db_admin, _any_user_admin, _cluster_admin, _restore, _backup)
    return [
        *(privilege for part in parts for privilege in part(db)),
        _on_anything("validate"),
        _on("config", "system.preimages", ("find", "remove")),
    ]


def _system(_db: str) -> list[Privilege]:
    return [_on_anything(ANY_ACTION)]


_OF_EVERY_DATABASE: dict[str, Callable[[str], list[Privilege]]] = {
    "dbAdmin": _db_admin,
    "dbOwner": _db_owner,
    "enableSharding": _enable_sharding,
    "read": _read,
    "readWrite": _read_write,
    "userAdmin": _user_admin,
}
_OF_ADMIN: dict[str, Callable[[str], list[Privilege]]] = {
    "__queryableBackup": _backup,
    "__system": _system,
    "backup": _backup,
    "clusterAdmin": _cluster_admin,
    "clusterManager": _cluster_manager,
    "clusterMonitor": _cluster_monitor,
    "dbAdminAnyDatabase": _any_db_admin,
    "directShardOperations": lambda _db: [_on_cluster("issueDirectShardOperations")],
    "hostManager": _host_manager,
    "readAnyDatabase": _any_read,
    "readWriteAnyDatabase": _any_read_write,
    "restore": _restore,
    "root": _root,
    "searchCoordinator": _search_coordinator,
    "userAdminAnyDatabase": _any_user_admin,
}


def is_builtin(role: str, db: str) -> bool:
    """Return whether a role is built in."""
    return role in _OF_EVERY_DATABASE or (db == "admin" and role in _OF_ADMIN)


def builtin_roles(db: str) -> list[str]:
    """Return the names of the built-in roles of a database."""
    return sorted({**_OF_EVERY_DATABASE, **_OF_ADMIN} if db == "admin" else _OF_EVERY_DATABASE)


@lru_cache(maxsize=256)
def builtin_privileges(role: str, db: str) -> list[Privilege]:
    """Return the privileges of a built-in role of a database, one per resource. The result is cached, so the caller must not change it."""
    make = _OF_EVERY_DATABASE.get(role) or _OF_ADMIN[role]
    return merged_privileges(make(db))


def merged_privileges(privileges: Iterable[Privilege]) -> list[Privilege]:
    """Merge privileges on the same resource, and return one privilege per resource with the union of the actions."""
    found: list[Privilege] = []
    for privilege in privileges:
        same = next((one for one in found if one["resource"] == privilege["resource"]), None)
        if same is None:
            same = {"resource": dict(privilege["resource"]), "actions": []}
            found.append(same)
        same["actions"] = sorted({*same["actions"], *privilege["actions"]})
    return found
