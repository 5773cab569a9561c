"""Every command and every built-in role, on the database of the role and on another one: allowed, or error 13.

The expectations are those of the pages of the commands and of https://www.mongodb.com/docs/manual/reference/built-in-roles/. An interceptor
answers every command that is allowed, so that none runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from bson.int64 import Int64

from secantus_server.auth.builtin_roles import builtin_roles
from secantus_server.dispatch.fail_points import InjectedError
from secantus_server.dispatch.interceptors import Call, Interceptor
from secantus_server.dispatch.registry import all_commands
from secantus_server.server import SecantusDBServer
from tests.commands.auth.scram_client import log_in_raw
from tests.commands.auth.with_access import PASSWORD
from tests.net.raw_client import RawClient, connected

OWN, OTHER = "shop", "store"
REACHED = 9999

# The roles of a database; all others are roles of `admin`.
DATABASE_ROLES = ("dbAdmin", "dbOwner", "read", "readWrite", "userAdmin")
SUPER = ("root", "__system")
READERS = ("read", "readWrite", "dbOwner", "readAnyDatabase", "readWriteAnyDatabase", "searchCoordinator", *SUPER)
DUMPERS = ("backup", "__queryableBackup")
WRITERS = ("readWrite", "dbOwner", "readWriteAnyDatabase", *SUPER)
ADMINS = ("dbAdmin", "dbOwner", "dbAdminAnyDatabase", *SUPER)
BUILDERS = tuple(sorted({*WRITERS, *ADMINS}))
USER_ADMINS = ("userAdmin", "dbOwner", "userAdminAnyDatabase", "restore", *SUPER)
LISTERS = tuple(sorted({*READERS, *ADMINS, *DUMPERS}))
MONITORS = ("clusterMonitor", "clusterAdmin", *SUPER)
MANAGERS = ("clusterManager", "clusterAdmin", *SUPER)
HOSTS = ("hostManager", "clusterAdmin", *SUPER)
EVERYBODY = tuple(builtin_roles("admin"))


def on(field: str, **fields: Any) -> dict[str, Any]:
    return {field: "c", **fields}


PRIVILEGES = [{"resource": {"db": "{db}", "collection": ""}, "actions": ["find"]}]
USER = {"pwd": "x", "roles": ["read"]}

# A command with its arguments, "{db}" for the database, and the roles that may run it.
ON_DATABASE: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    (on("aggregate", pipeline=[], cursor={}), (*READERS, *DUMPERS)),
    (on("aggregate", pipeline=[{"$out": "d"}], cursor={}), WRITERS),
    (on("aggregate", pipeline=[{"$merge": "d"}], cursor={}), WRITERS),
    (on("mapReduce", map="1", reduce="1", out={"inline": 1}), (*READERS, *DUMPERS)),
    (on("mapReduce", map="1", reduce="1", out="d"), WRITERS),
    (on("mapReduce", map="1", reduce="1", out={"reduce": "d"}), WRITERS),
    (on("aggregate", pipeline=[{"$lookup": {"from": "d", "pipeline": [], "as": "x"}}], cursor={}), (*READERS, *DUMPERS)),
    (on("aggregate", pipeline=[{"$changeStream": {}}], cursor={}), READERS),
    (on("aggregate", pipeline=[{"$collStats": {}}], cursor={}), tuple(sorted({*READERS, *ADMINS, *MONITORS}))),
    (on("aggregate", pipeline=[{"$indexStats": {}}], cursor={}), MONITORS),
    (on("aggregate", pipeline=[{"$planCacheStats": {}}], cursor={}), tuple(sorted({*READERS, *ADMINS}))),
    (
        {"aggregate": "system.users", "pipeline": [], "cursor": {}},
        ("__system", "backup", "__queryableBackup", "restore", "userAdminAnyDatabase", "root"),
    ),
    (on("cloneCollectionAsCapped", toCollection="d", size=1024), WRITERS),
    (on("collMod"), (*ADMINS, "restore")),
    (on("collStats"), tuple(sorted({*READERS, *ADMINS, *MONITORS}))),
    (on("compact"), ADMINS),
    ({"filemd5": 1, "root": "fs"}, (*READERS, *DUMPERS)),
    (on("compactStructuredEncryptionData", compactionTokens={}), WRITERS),
    (on("cleanupStructuredEncryptionData", cleanupTokens={}), WRITERS),
    (on("setIndexCommitQuorum", indexNames=["x"], commitQuorum=1), (*BUILDERS, "restore")),
    (on("reIndex"), ADMINS),
    (on("convertToCapped", size=1024), (*BUILDERS, "restore")),
    (on("count"), (*READERS, *DUMPERS)),
    (on("create"), (*BUILDERS, "restore")),
    (on("create", capped=True, size=1024), (*BUILDERS, "restore")),
    (on("create", viewOn="d", pipeline=[]), (*BUILDERS, "restore")),
    (on("createIndexes", indexes=[{"key": {"a": 1}, "name": "a"}]), (*BUILDERS, "restore")),
    (on("createRole", privileges=PRIVILEGES, roles=["read"]), USER_ADMINS),
    (on("createSearchIndexes", indexes=[]), (*BUILDERS, "restore")),
    (on("createUser", **USER), USER_ADMINS),
    ({"dataSize": "{db}.c"}, (*READERS, *DUMPERS)),
    ({"dbHash": 1}, READERS),
    ({"dbStats": 1}, tuple(sorted({*READERS, *ADMINS, *MONITORS}))),
    (on("delete", deletes=[{"q": {}, "limit": 0}]), WRITERS),
    (on("distinct", key="a"), (*READERS, *DUMPERS)),
    (on("drop"), (*BUILDERS, "restore")),
    ({"dropAllRolesFromDatabase": 1}, USER_ADMINS),
    ({"dropAllUsersFromDatabase": 1}, USER_ADMINS),
    ({"dropDatabase": 1}, (*ADMINS, "clusterAdmin")),
    (on("dropIndexes", index="*"), BUILDERS),
    (on("dropRole"), USER_ADMINS),
    (on("dropSearchIndex", name="a"), BUILDERS),
    (on("dropUser"), USER_ADMINS),
    ({"explain": {"find": "c"}}, (*READERS, *DUMPERS)),
    ({"explain": {"delete": "c", "deletes": [{"q": {}, "limit": 0}]}}, WRITERS),
    (on("find"), (*READERS, *DUMPERS)),
    (on("find", rawData=True), WRITERS),
    ({"explain": on("find", rawData=True)}, WRITERS),
    ({"find": "system.js"}, (*READERS, *DUMPERS)),
    ({"find": "system.profile"}, (*ADMINS, *MONITORS, *DUMPERS)),
    (on("findAndModify", update={"$set": {"a": 1}}), WRITERS),
    (on("findAndModify", remove=True), WRITERS),
    (on("grantPrivilegesToRole", privileges=PRIVILEGES), USER_ADMINS),
    (on("grantRolesToRole", roles=["read"]), USER_ADMINS),
    (on("grantRolesToUser", roles=["read"]), USER_ADMINS),
    (on("insert", documents=[{}]), (*WRITERS, "restore")),
    (on("insert", documents=[{}], bypassDocumentValidation=True), ("dbOwner", "restore", *SUPER)),
    ({"listCollections": 1}, (*LISTERS, "restore")),
    (on("listIndexes"), LISTERS),
    (on("planCacheClear"), ADMINS),
    (on("planCacheClearFilters"), ADMINS),
    (on("planCacheListFilters"), ADMINS),
    (on("planCacheSetFilter", query={}, indexes=["a"]), ADMINS),
    ({"profile": 0}, ADMINS),
    ({"profile": -1}, (*ADMINS, *MONITORS, *DUMPERS)),
    (on("revokePrivilegesFromRole", privileges=PRIVILEGES), USER_ADMINS),
    (on("revokeRolesFromRole", roles=["read"]), USER_ADMINS),
    (on("revokeRolesFromUser", roles=["read"]), USER_ADMINS),
    ({"rolesInfo": 1}, USER_ADMINS),
    (on("update", updates=[{"q": {}, "u": {"$set": {"a": 1}}}]), WRITERS),
    (on("update", updates=[{"q": {}, "u": {"$set": {"a": 1}}, "upsert": True}]), WRITERS),
    (on("updateRole", privileges=PRIVILEGES), ("userAdminAnyDatabase", "restore", *SUPER)),
    (on("updateSearchIndex", name="a", definition={}), (*BUILDERS, "restore")),
    (on("updateUser", pwd="x"), USER_ADMINS),
    (on("updateUser", customData={}), USER_ADMINS),
    ({"usersInfo": 1}, USER_ADMINS),
    (on("validate"), ADMINS),
    ({"validateDBMetadata": 1, "db": "{db}", "apiParameters": {"version": "1"}}, ADMINS),
]
ON_ADMIN: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"bulkWrite": 1, "nsInfo": [{"ns": "{db}.c"}], "ops": [{"insert": 0, "document": {}}]}, (*WRITERS, "restore")),
    ({"bulkWrite": 1, "nsInfo": [{"ns": "{db}.c"}], "ops": [{"delete": 0, "filter": {}}]}, WRITERS),
    ({"renameCollection": "{db}.c", "to": "{db}.d"}, BUILDERS),
]
ON_CLUSTER: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"aggregate": 1, "pipeline": [{"$currentOp": {"allUsers": True}}], "cursor": {}}, MONITORS),
    ({"aggregate": 1, "pipeline": [{"$currentOp": {}}], "cursor": {}}, EVERYBODY),
    ({"aggregate": 1, "pipeline": [{"$listLocalSessions": {"allUsers": True}}], "cursor": {}}, (*MONITORS, *MANAGERS)),
    ({"aggregate": 1, "pipeline": [{"$listClusterCatalog": {}}], "cursor": {}}, MONITORS),
    ({"_mergeAuthzCollections": 1, "tempUsersCollection": "admin.t", "db": ""}, ("userAdminAnyDatabase", "restore", *SUPER)),
    ({"appendOplogNote": 1, "data": {}}, (*MANAGERS, *DUMPERS)),
    ({"applyOps": []}, ("dbAdminAnyDatabase", *SUPER)),
    ({"autoCompact": True}, HOSTS),
    ({"dropConnections": 1, "hostAndPort": []}, HOSTS),
    ({"connPoolStats": 1}, MONITORS),
    ({"currentOp": 1}, MONITORS),
    ({"currentOp": 1, "$ownOps": True}, EVERYBODY),
    ({"fsync": 1}, HOSTS),
    ({"secantusAdmin.backupArchive": 1, "outputPath": "a.tar.gz"}, (*DUMPERS, *SUPER)),
    ({"secantusAdmin.backupArchive": 1, "outputPath": "a.tar.gz", "includeUsers": True}, (*DUMPERS, *SUPER)),
    ({"secantusAdmin.restoreArchive": 1, "archivePath": "a.tar.gz", "targetPath": "a"}, ("restore", *SUPER)),
    ({"getDiagnosticData": 1}, MONITORS),
    ({"setDefaultRWConcern": 1, "defaultReadConcern": {"level": "local"}}, MANAGERS),
    ({"setUserWriteBlockMode": 1, "global": False}, (*DUMPERS, "restore", *SUPER)),
    ({"removeQuerySettings": "0" * 64}, MANAGERS),
    ({"setQuerySettings": "0" * 64, "settings": {"reject": True}}, MANAGERS),
    ({"rotateCertificates": 1}, HOSTS),
    ({"fsyncUnlock": 1}, HOSTS),
    ({"getClusterParameter": "*"}, MANAGERS),
    ({"getCmdLineOpts": 1}, MONITORS),
    ({"getDefaultRWConcern": 1}, (*MONITORS, *MANAGERS)),
    ({"getLog": "global"}, MONITORS),
    ({"getParameter": "*"}, (*MONITORS, *DUMPERS, "restore")),
    ({"hostInfo": 1}, MONITORS),
    ({"invalidateUserCache": 1}, (*HOSTS, "userAdminAnyDatabase")),
    ({"killAllSessions": []}, HOSTS),
    ({"killAllSessionsByPattern": []}, HOSTS),
    ({"killAllSessionsByPattern": [{"users": [{"user": "u", "db": "d"}]}]}, ("__system",)),
    ({"killOp": 1, "op": 1}, HOSTS),
    ({"listDatabases": 1, "authorizedDatabases": False},
     (*MONITORS, *DUMPERS, "readAnyDatabase", "readWriteAnyDatabase", "dbAdminAnyDatabase", "userAdminAnyDatabase", "searchCoordinator")),
    ({"lockInfo": 1}, (*MONITORS, *DUMPERS)),
    ({"logRotate": 1}, HOSTS),
    ({"replSetFreeze": 0}, MANAGERS),
    ({"replSetGetConfig": 1}, (*MONITORS, *MANAGERS)),
    ({"replSetGetStatus": 1}, (*MONITORS, *MANAGERS)),
    ({"replSetInitiate": {}}, MANAGERS),
    ({"replSetReconfig": {}}, MANAGERS),
    ({"replSetResizeOplog": 1, "size": 1000.0}, MANAGERS),
    ({"replSetStepDown": 1}, MANAGERS),
    ({"replSetStepUp": 1}, MANAGERS),
    ({"secantusTest": "dump"}, SUPER),
    ({"serverStatus": 1}, (*MONITORS, *DUMPERS)),
    ({"setClusterParameter": {}}, MANAGERS),
    ({"setFeatureCompatibilityVersion": "8.2", "confirm": True}, MANAGERS),
    ({"setParameter": 1}, HOSTS),
    ({"shardingState": 1}, MONITORS),
    ({"shutdown": 1}, HOSTS),
    ({"top": 1}, MONITORS),
]  # fmt: skip
# Every user may run these, here without the arguments that request data of other users.
FOR_EVERYBODY: list[dict[str, Any]] = [
    *({name: 1} for name in ("abortTransaction", "buildInfo", "commitTransaction", "listDatabases", "startSession", "testVersion2")),
    *({name: 1} for name in ("refreshLogicalSessionCacheNow", "reapLogicalSessionCacheNow")),
    *({name: []} for name in ("endSessions", "killSessions", "refreshSessions")),
    {"getMore": Int64(1), "collection": "c"},
    on("killCursors", cursors=[Int64(1)]),
]
# These run only with test commands, and set the fail point of this test.
NOT_REACHED = {"configureFailPoint", "waitForFailPoint"}


def filled(value: Any, db: str) -> Any:
    """Return a command with the name of a database in place of "{db}"."""
    if type(value) is dict:
        return {name: filled(one, db) for name, one in value.items()}
    if type(value) is list:
        return [filled(one, db) for one in value]
    return value.replace("{db}", db) if type(value) is str else value


class Reached(Interceptor):
    """The interceptor that ends a command after its authorization."""

    def before(self, call: Call) -> None:
        if call.name not in ("saslStart", "saslContinue", *NOT_REACHED):
            raise InjectedError(REACHED, "The command is allowed.", None, {})


@pytest.fixture(scope="module")
def server() -> Iterator[SecantusDBServer]:
    """Start a server with a user for each role, on which allowed commands are not executed."""
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", require_auth=True) as running, connected(running) as client:
        client.run({"createUser": "root", "pwd": PASSWORD, "roles": ["root"], "$db": "admin"})
        log_in_raw(client, "root", PASSWORD)
        client.run({"setParameter": 1, "scramIterationCount": 5000, "$db": "admin"})
        for role in EVERYBODY:
            roles = [{"role": role, "db": OWN if role in DATABASE_ROLES else "admin"}]
            options = {"pwd": PASSWORD, "mechanisms": ["SCRAM-SHA-1"], "roles": roles}
            assert client.run({"createUser": f"a {role}", **options, "$db": "admin"})["ok"] == 1
        running.services.interceptors.install(Reached())
        yield running


@pytest.fixture(scope="module")
def clients(server: SecantusDBServer) -> Iterator[dict[str, RawClient]]:
    """Return a client for each role."""
    opened = {role: RawClient(server) for role in EVERYBODY}
    for role, client in opened.items():
        log_in_raw(client, f"a {role}", PASSWORD)
    yield opened
    for client in opened.values():
        client.close()


def outcome(client: RawClient, command: dict[str, Any], db: str) -> bool:
    """Return whether a command is allowed."""
    code = client.run({**command, "$db": db})["code"]
    assert code in (13, REACHED), f"{command} was not reached: {code}"
    return code == REACHED


def allowed(clients: dict[str, RawClient], command: dict[str, Any], db: str) -> set[str]:
    return {role for role, client in clients.items() if outcome(client, command, db)}


@pytest.mark.parametrize(("command", "expected"), ON_DATABASE, ids=str)
@pytest.mark.parametrize("db", [OWN, OTHER])
def test_commands_on_a_database(clients: dict[str, RawClient], command: dict[str, Any], expected: tuple[str, ...], db: str) -> None:
    roles = set(expected) if db == OWN else set(expected) - set(DATABASE_ROLES)
    assert allowed(clients, filled(command, db), db) == roles


@pytest.mark.parametrize(("command", "expected"), ON_ADMIN, ids=str)
@pytest.mark.parametrize("db", [OWN, OTHER])
def test_commands_that_name_a_database(clients: dict[str, RawClient], command: dict[str, Any], expected: tuple[str, ...], db: str) -> None:
    roles = set(expected) if db == OWN else set(expected) - set(DATABASE_ROLES)
    assert allowed(clients, filled(command, db), "admin") == roles


@pytest.mark.parametrize(("command", "expected"), ON_CLUSTER, ids=str)
def test_commands_on_the_cluster(clients: dict[str, RawClient], command: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert allowed(clients, command, "admin") == set(expected)


@pytest.mark.parametrize("command", FOR_EVERYBODY, ids=str)
def test_commands_for_everybody(clients: dict[str, RawClient], command: dict[str, Any]) -> None:
    assert allowed(clients, command, "admin") == set(EVERYBODY)


@pytest.mark.parametrize("command", [command for command, _ in (*ON_DATABASE, *ON_ADMIN, *ON_CLUSTER)] + FOR_EVERYBODY, ids=str)
def test_nothing_is_allowed_before_authentication(server: SecantusDBServer, command: dict[str, Any]) -> None:
    with connected(server) as client:
        reply = client.run({**filled(command, OWN), "$db": "admin"})
    assert (reply["code"], reply["errmsg"]) == (13, f"Command {next(iter(command))} requires authentication")


def test_every_command_is_in_the_matrix() -> None:
    tested = {next(iter(command)) for command, _ in (*ON_DATABASE, *ON_ADMIN, *ON_CLUSTER)} | {next(iter(one)) for one in FOR_EVERYBODY}
    commands = {name for name, command in all_commands().items() if name == command.name and command.privileges.requires_auth}
    assert commands - tested == NOT_REACHED
    assert tested <= commands
