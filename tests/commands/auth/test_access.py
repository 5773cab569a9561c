"""The permissions of users: authorization of commands by roles, own-only forms, and changes of users while they are logged in."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import Any

import pytest
from bson.binary import Binary
from bson.int64 import Int64
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer
from tests.commands.auth.scram_client import log_in_raw
from tests.commands.auth.with_access import PASSWORD, LogIn, code, connect
from tests.failing import failure
from tests.net.raw_client import RawClient, connected
from tests.waiting import wait_until
from tests.wire.messages import command as message

Client = MongoClient[dict[str, Any]]


def own_role(db: str, collection: str, *actions: str) -> list[dict[str, Any]]:
    return [{"resource": {"db": db, "collection": collection}, "actions": list(actions)}]


@pytest.fixture
def role(root: Client) -> Any:
    """Create the role `r@admin` with privileges, and return its name."""

    def create(privileges: list[dict[str, Any]], *roles: Any, **options: Any) -> str:
        root.admin.command({"createRole": "r", "privileges": privileges, "roles": list(roles), **options})
        return "r"

    yield create
    root.admin.command("dropAllRolesFromDatabase")


def test_nothing_without_authentication(guarded: SecantusDBServer, root: Client) -> None:
    with MongoClient(guarded.uri) as client:
        assert failure(client.test, {"find": "c"})["errmsg"] == "Command find requires authentication"
        for command in (
            {"find": "c"},
            {"insert": "c", "documents": [{}]},
            {"createUser": "x", "pwd": "x", "roles": []},
            {"getMore": Int64(1)},
        ):
            assert code(client.test, command) == 13
        for command in ({"ping": 1}, {"hello": 1}, {"connectionStatus": 1}, {"logout": 1}, {"whatsmyuri": 1}):
            assert client.test.command(command)["ok"] == 1
        assert code(client.test, {"noSuchCommand": 1}) == 59


def test_the_message_names_the_command(log_in: LogIn) -> None:
    client = log_in({"role": "read", "db": "test"})
    message = failure(client.test, {"drop": "c"})["errmsg"]
    assert re.match(
        r'not authorized on test to execute command \{ drop: "c", lsid: \{ id: UUID\("[-0-9a-f]{36}"\) \}, .*\$db: "test"', message
    )
    assert failure(client.test, {"createUser": "x", "pwd": "hush", "roles": []})["errmsg"].count("hush") == 0


def test_a_role_on_one_collection_opens_no_other(log_in: LogIn, role: Any) -> None:
    client = log_in(role(own_role("shop", "open", "find", "insert")))
    client.shop.open.insert_one({"_id": 1})
    assert client.shop.open.find_one() == {"_id": 1}
    for db, name in (("shop", "shut"), ("shop", "open2"), ("other", "open"), ("shop", "system.views"), ("admin", "system.users")):
        assert code(client[db], {"find": name}) == 13
        assert code(client[db], {"count": name}) == 13
        assert code(client[db], {"distinct": name, "key": "a"}) == 13
    assert code(client.shop, {"update": "open", "updates": [{"q": {}, "u": {"$set": {"a": 1}}}]}) == 13
    assert code(client.shop, {"delete": "open", "deletes": [{"q": {}, "limit": 0}]}) == 13


@pytest.mark.parametrize(
    "pipeline",
    [
        [{"$lookup": {"from": "shut", "localField": "a", "foreignField": "a", "as": "x"}}],
        [{"$lookup": {"from": "shut", "pipeline": [], "as": "x"}}],
        [{"$lookup": {"from": "open", "pipeline": [{"$unionWith": "shut"}], "as": "x"}}],
        [{"$graphLookup": {"from": "shut", "startWith": "$a", "connectFromField": "a", "connectToField": "a", "as": "x"}}],
        [{"$unionWith": "shut"}],
        [{"$unionWith": {"coll": "shut"}}],
        [{"$unionWith": {"coll": "open", "pipeline": [{"$lookup": {"from": "shut", "pipeline": [], "as": "x"}}]}}],
        [{"$unionWith": {"pipeline": [{"$documents": []}, {"$unionWith": "shut"}]}}],
        [{"$facet": {"a": [{"$lookup": {"from": "shut", "pipeline": [], "as": "x"}}]}}],
        [{"$out": "open"}],
        [{"$merge": "open"}],
        [{"$merge": {"into": {"db": "other", "coll": "c"}}}],
        [{"$collStats": {"count": {}}}],
        [{"$indexStats": {}}],
        [{"$planCacheStats": {}}],
        [{"$changeStream": {}}],
    ],
    ids=str,
)
def test_pipelines_are_checked_by_their_stages(log_in: LogIn, role: Any, pipeline: list[Any]) -> None:
    client = log_in(role(own_role("shop", "open", "find")))
    assert list(client.shop.open.aggregate([{"$match": {}}, {"$facet": {"a": [{"$match": {"_id": 5}}]}}])) == [{"a": []}]
    assert code(client.shop, {"aggregate": "open", "pipeline": pipeline, "cursor": {}}) == 13
    assert code(client.shop, {"explain": {"aggregate": "open", "pipeline": pipeline, "cursor": {}}}) == 13


@pytest.mark.parametrize(
    ("pipeline", "actions"),
    [
        ([{"$out": "to"}], ("insert", "remove")),
        ([{"$merge": "to"}], ("insert", "update")),
        ([{"$merge": {"into": "to", "whenMatched": "fail"}}], ("insert",)),
        ([{"$merge": {"into": "to", "whenNotMatched": "discard"}}], ("update",)),
        ([{"$merge": {"into": {"db": "shop", "coll": "to"}, "whenMatched": "keepExisting"}}], ("insert", "update")),
        ([{"$merge": {"into": "to", "whenMatched": [{"$set": {"a": 1}}]}}], ("insert", "update")),
    ],
    ids=str,
)
def test_stages_that_write(log_in: LogIn, root: Client, role: Any, pipeline: list[Any], actions: tuple[str, ...]) -> None:
    client = log_in(role([*own_role("shop", "open", "find"), *own_role("shop", "to", *actions)]))
    command = {"aggregate": "open", "pipeline": pipeline, "cursor": {}}
    root.shop["to"].delete_many({})
    assert client.shop.command(command)["ok"] == 1
    for missing in actions:
        left = [action for action in actions if action != missing] or ["collStats"]
        root.admin.command("updateRole", "r", privileges=[*own_role("shop", "open", "find"), *own_role("shop", "to", *left)])
        assert code(client.shop, command) == 13
    root.admin.command("updateRole", "r", privileges=[*own_role("shop", "open", "find"), *own_role("shop", "to", *actions)])
    assert code(client.shop, {**command, "bypassDocumentValidation": True}) == 13


def test_statements_need_what_they_do(log_in: LogIn, role: Any, root: Client) -> None:
    client = log_in(role(own_role("shop", "c", "find", "update")))
    statement = {"q": {"_id": 1}, "u": {"$set": {"a": 1}}}
    assert client.shop.command({"update": "c", "updates": [statement]})["n"] == 0
    assert code(client.shop, {"update": "c", "updates": [statement, {**statement, "upsert": True}]}) == 13
    with pytest.raises(OperationFailure) as caught:
        client.shop.c.update_one({"_id": 1}, {"$set": {"a": 1}}, upsert=True)
    assert caught.value.code == 13
    modify = {"findAndModify": "c", "query": {"_id": 1}}
    assert client.shop.command({**modify, "update": {"$set": {"a": 1}}})["ok"] == 1
    assert code(client.shop, {**modify, "update": {"$set": {"a": 1}}, "upsert": True}) == 13
    assert code(client.shop, {**modify, "remove": True}) == 13
    assert code(client.shop, {"update": "c", "updates": [statement], "bypassDocumentValidation": True}) == 13
    bulk = {"bulkWrite": 1, "nsInfo": [{"ns": "shop.c"}, {"ns": "shop.d"}]}
    update = {"update": 0, "filter": {"_id": 1}, "updateMods": {"$set": {"a": 1}}}
    assert client.admin.command({**bulk, "ops": [update]})["nErrors"] == 0
    for operation in ({**update, "upsert": True}, {**update, "update": 1}, {"insert": 0, "document": {}}, {"delete": 0, "filter": {}}):
        assert code(client.admin, {**bulk, "ops": [update, operation]}) == 13
    assert client.shop.command({"explain": {"update": "c", "updates": [statement]}})["ok"] == 1
    assert code(client.shop, {"explain": {"delete": "c", "deletes": [{"q": {}, "limit": 0}]}}) == 13


def test_views(log_in: LogIn, role: Any, root: Client) -> None:
    root.shop.command("create", "seen", viewOn="hidden", pipeline=[{"$lookup": {"from": "more", "pipeline": [], "as": "x"}}])
    root.shop.hidden.insert_one({"_id": 1})
    client = log_in(
        role([*own_role("shop", "seen", "find"), *own_role("shop", "mine", "find", "createCollection", "collMod", "dropCollection")])
    )
    # The source of a view was checked when the view was created; its reader needs only a privilege on the view.
    assert client.shop.seen.find_one() == {"_id": 1, "x": []}
    assert code(client.shop, {"find": "hidden"}) == 13
    # To create a view, a user must be able to read its source.
    create = {"create": "mine", "viewOn": "seen", "pipeline": []}
    for wrong in ({"viewOn": "hidden"}, {"pipeline": [{"$unionWith": "hidden"}]}, {"viewOn": "system.users"}):
        assert code(client.shop, {**create, **wrong}) == 13
    client.shop.command(create)
    assert code(client.shop, {"collMod": "mine", "viewOn": "hidden", "pipeline": []}) == 13
    assert code(client.shop, {"collMod": "mine", "viewOn": "seen", "pipeline": [{"$unionWith": "hidden"}]}) == 13
    assert client.shop.mine.count_documents({}) == 1
    root.drop_database("shop")


def test_system_collections(log_in: LogIn, root: Client) -> None:
    everything = log_in("readWriteAnyDatabase")
    for name in ("system.users", "system.roles", "system.version"):
        assert code(everything.admin, {"find": name}) == 13
        assert code(everything.admin, {"aggregate": "x", "pipeline": [{"$unionWith": name}], "cursor": {}}) == 13
        assert code(everything.admin, {"aggregate": 1, "pipeline": [{"$documents": []}, {"$merge": name}], "cursor": {}}) == 13
        assert code(everything.admin, {"insert": name, "documents": [{}]}) == 13
    assert code(everything.test, {"find": "system.profile"}) == 13
    assert code(everything.local, {"find": "oplog.rs"}) == 13
    assert code(everything.config, {"find": "transactions"}) == 13
    assert code(everything.admin, {"renameCollection": "admin.c", "to": "config.c"}) == 13
    assert everything.test.command({"find": "system.js"})["ok"] == 1
    assert log_in("backup").admin.command({"find": "system.users"})["ok"] == 1
    assert log_in("clusterMonitor").local.command({"find": "oplog.rs", "limit": 1})["ok"] == 1
    assert root.admin.command({"find": "system.users"})["ok"] == 1


def test_cursors_have_owners(log_in: LogIn, root: Client, role: Any) -> None:
    root.shop.c.insert_many([{"_id": number} for number in range(5)])
    name = role(own_role("shop", "c", "find"))
    one, other = log_in(name), log_in("root")
    # Without sessions, so that only the user differs.
    cursor_id = one.shop.command({"find": "c", "batchSize": 1}, session=None)["cursor"]["id"]
    assert failure(other.shop, {"getMore": cursor_id, "collection": "c"})["code"] == 13
    assert code(log_in(name).shop, {"killCursors": "c", "cursors": [cursor_id]}) == 13
    assert code(one.shop, {"killCursors": "c", "cursors": [cursor_id]}) is None
    cursor_id = one.shop.command({"find": "c", "batchSize": 1})["cursor"]["id"]
    root.admin.command("updateRole", "r", privileges=own_role("shop", "d", "find"))
    assert "not authorized for getMore with cursor id" in failure(one.shop, {"getMore": cursor_id, "collection": "c"})["errmsg"]
    # A superuser may end the cursors of others.
    assert other.shop.command({"killCursors": "c", "cursors": [cursor_id]})["cursorsKilled"] == [cursor_id]
    root.drop_database("shop")


def test_lists_of_what_a_user_may_know(log_in: LogIn, root: Client, role: Any) -> None:
    for db, name in (("shop", "a"), ("shop", "b"), ("other", "c")):
        root[db][name].insert_one({})
    client = log_in(role(own_role("shop", "a", "find")))
    assert client.list_database_names() == ["shop"]
    assert code(client.admin, {"listDatabases": 1, "authorizedDatabases": False}) == 13
    assert root.admin.command({"listDatabases": 1, "authorizedDatabases": False, "nameOnly": True})["ok"] == 1
    assert code(client.shop, {"listCollections": 1}) == 13
    assert code(client.shop, {"listCollections": 1, "nameOnly": True}) == 13
    assert code(client.other, {"listCollections": 1, "nameOnly": True, "authorizedCollections": True}) == 13
    listed = client.shop.command({"listCollections": 1, "nameOnly": True, "authorizedCollections": True})
    assert [one["name"] for one in listed["cursor"]["firstBatch"]] == ["a"]
    for db in ("shop", "other"):
        root.drop_database(db)


def test_own_operations_and_sessions(log_in: LogIn) -> None:
    one, other = log_in(), log_in("clusterMonitor")
    assert code(one.admin, {"currentOp": 1}) == 13
    assert code(one.admin, {"aggregate": 1, "pipeline": [{"$currentOp": {"allUsers": True}}], "cursor": {}}) == 13
    own = one.admin.command({"currentOp": 1, "$ownOps": True})["inprog"]
    assert [set(operation["effectiveUsers"][0]) for operation in own] == [{"user", "db"}]
    assert len(own) == 1
    # The idle connections of others are not shown either.
    listed = list(one.admin.aggregate([{"$currentOp": {"idleConnections": True, "idleSessions": True, "idleCursors": True}}]))
    assert {operation["effectiveUsers"][0]["user"] for operation in listed} == {own[0]["effectiveUsers"][0]["user"]}
    assert any(len(operation.get("effectiveUsers", ())) for operation in other.admin.aggregate([{"$currentOp": {"allUsers": True}}]))
    assert code(one.admin, {"killOp": 1, "op": 1}) == 13
    with one.start_session() as session:
        one.admin.command("ping", session=session)
        one.admin.command("buildInfo", session=session)
        mine = list(one.admin.aggregate([{"$listLocalSessions": {}}]))
        assert session.session_id["id"] in [found["_id"]["id"] for found in mine]
        assert len({bytes(found["_id"]["uid"]) for found in mine}) == 1
    assert code(one.admin, {"aggregate": 1, "pipeline": [{"$listLocalSessions": {"allUsers": True}}], "cursor": {}}) == 13
    seen = list(other.admin.aggregate([{"$listLocalSessions": {"allUsers": True}}]))
    assert len({bytes(found["_id"]["uid"]) for found in seen}) > 1


def raw_login(guarded: SecantusDBServer, stack: ExitStack, root: Client, name: str) -> RawClient:
    """Return a client without a driver, which sends commands unchanged, with a user who may write to the database `shop`."""
    root.admin.command("createUser", name, pwd=PASSWORD, roles=[{"role": "readWrite", "db": "shop"}])
    stack.callback(root.admin.command, "dropUser", name)
    client = stack.enter_context(connected(guarded))
    log_in_raw(client, name, PASSWORD)
    return client


def test_a_user_may_end_the_own_operations(guarded: SecantusDBServer, root: Client) -> None:
    root.shop.create_collection("capped", capped=True, size=4096)
    root.shop.capped.insert_one({})
    with ExitStack() as stack:
        one, other = (raw_login(guarded, stack, root, name) for name in ("one", "other"))
        again = stack.enter_context(connected(guarded))
        log_in_raw(again, "one", PASSWORD)
        find = {"find": "capped", "tailable": True, "awaitData": True, "$db": "shop"}
        cursor_id = Int64(one.run(find)["cursor"]["id"])
        one.send(message({"getMore": cursor_id, "collection": "capped", "maxTimeMS": 60_000, "$db": "shop"}))

        def running() -> list[int]:
            listed = again.run({"currentOp": 1, "$ownOps": True, "op": "getmore", "$db": "admin"})["inprog"]
            return [operation["opid"] for operation in listed]

        wait_until(running, "the getMore runs")
        (opid,) = running()
        assert other.run({"currentOp": 1, "$ownOps": True, "op": "getmore", "$db": "admin"})["inprog"] == []
        assert other.run({"killOp": 1, "op": opid, "$db": "admin"})["code"] == 13
        assert again.run({"killOp": 1, "op": opid, "$db": "admin"})["ok"] == 1
        assert one.receive()[2]["code"] == 11601
    root.drop_database("shop")


def test_a_session_belongs_to_its_user(guarded: SecantusDBServer, root: Client) -> None:
    lsid = {"id": Binary(b"s" * 16, 4)}
    inside = {"lsid": lsid, "txnNumber": Int64(1), "autocommit": False}
    root.shop.command("create", "c")
    with ExitStack() as stack:
        one, other = (raw_login(guarded, stack, root, name) for name in ("one", "other"))
        began = one.run({"insert": "c", "documents": [{"_id": 1}], "startTransaction": True, **inside, "$db": "shop"})
        assert began["ok"] == 1
        # For another user, the same id is a different session.
        for command, expected in (
            ({"insert": "c", "documents": [{"_id": 2}], **inside, "$db": "shop"}, 251),
            ({"commitTransaction": 1, **inside, "$db": "admin"}, 251),
            ({"find": "c", "lsid": {**lsid, "uid": Binary(b"x" * 32)}, "$db": "shop"}, 13),
            ({"killSessions": [{**lsid, "uid": Binary(b"x" * 32)}], "$db": "admin"}, 13),
            ({"endSessions": [lsid], "$db": "admin"}, None),
            ({"killSessions": [lsid], "$db": "admin"}, None),
        ):
            assert other.run(command).get("code") == expected
        assert one.run({"commitTransaction": 1, **inside, "$db": "admin"})["ok"] == 1
    assert root.shop.c.count_documents({}) == 1
    root.drop_database("shop")


def test_retryable_writes_of_users_are_apart(guarded: SecantusDBServer, root: Client) -> None:
    write = {"insert": "c", "documents": [{"a": 1}], "lsid": {"id": Binary(b"r" * 16, 4)}, "txnNumber": Int64(1), "$db": "shop"}
    with ExitStack() as stack:
        for client in [raw_login(guarded, stack, root, name) for name in ("one", "other")]:
            assert [client.run(write)["n"] for _ in range(2)] == [1, 1]
    assert root.shop.c.count_documents({}) == 2
    root.drop_database("shop")


def test_changes_take_effect_at_once(guarded: SecantusDBServer, root: Client, role: Any) -> None:
    role(own_role("shop", "c", "find"))
    root.shop.command("createUser", "eve", pwd=PASSWORD, roles=[])
    with connect(guarded, "eve", db="shop") as client:
        assert code(client.shop, {"find": "c"}) == 13
        root.shop.command("grantRolesToUser", "eve", roles=[{"role": "r", "db": "admin"}])
        assert code(client.shop, {"find": "c"}) is None
        root.admin.command("revokePrivilegesFromRole", "r", privileges=own_role("shop", "c", "find"))
        assert code(client.shop, {"find": "c"}) == 13
        root.admin.command("grantRolesToRole", "r", roles=[{"role": "read", "db": "shop"}])
        assert code(client.shop, {"find": "c"}) is None
        root.admin.command("dropRole", "r")
        assert code(client.shop, {"find": "c"}) == 13
        root.shop.command("updateUser", "eve", roles=["read"])
        assert code(client.shop, {"find": "c"}) is None
        root.shop.command("dropUser", "eve")
        assert failure(client.shop, {"find": "c"})["errmsg"] == "Command find requires authentication"
        # A new user of the same name is not the user who has logged in.
        root.shop.command("createUser", "eve", pwd=PASSWORD, roles=["read"])
        assert code(client.shop, {"find": "c"}) == 13
    root.shop.command("dropUser", "eve")


def test_a_standalone_server_notices_changes_too() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", require_auth=True, replica_set="") as server:
        with MongoClient(server.uri) as first:
            first.admin.command("createUser", "root", pwd=PASSWORD, roles=["root"])
        with connect(server, "root") as root:
            root.admin.command("createUser", "eve", pwd=PASSWORD, roles=["readAnyDatabase"])
            with connect(server, "eve") as client:
                assert code(client.shop, {"find": "c"}) is None
                root.admin.command("updateUser", "eve", roles=[])
                assert code(client.shop, {"find": "c"}) == 13
                root.admin["system.users"].delete_one({"user": "eve"})
                assert code(client.admin, {"buildInfo": 1}) == 13


def test_a_restore_takes_users_back(root: Client, guarded: SecantusDBServer) -> None:
    snapshot = guarded.snapshot()
    root.shop.command("createUser", "eve", pwd=PASSWORD, roles=["read"])
    with connect(guarded, "eve", db="shop") as client:
        assert code(client.shop, {"find": "c"}) is None
        guarded.restore(snapshot)
        assert code(client.shop, {"find": "c"}) == 13
    guarded.release(snapshot)


def test_users_manage_themselves_as_far_as_they_may(log_in: LogIn, role: Any, guarded: SecantusDBServer) -> None:
    client = log_in(role(own_role("admin", "", "changeOwnPassword", "changeOwnCustomData")))
    me = client.admin.command("connectionStatus")["authInfo"]["authenticatedUsers"][0]["user"]
    assert client.admin.command({"usersInfo": me})["users"][0]["user"] == me
    assert client.admin.command({"rolesInfo": "r"})["roles"][0]["role"] == "r"
    for command in ({"usersInfo": 1}, {"usersInfo": "root"}, {"usersInfo": {"forAllDBs": True}}, {"rolesInfo": 1}, {"rolesInfo": "root"}):
        assert code(client.admin, command) == 13
    client.admin.command({"updateUser": me, "pwd": "new", "customData": {"a": 1}})
    for command in ({"updateUser": "root", "pwd": "new"}, {"updateUser": me, "roles": ["root"]}, {"dropUser": me}):
        assert code(client.admin, command) == 13
    assert code(client.admin, {"grantRolesToUser": me, "roles": ["root"]}) == 13
    with connect(guarded, me, "new") as again:
        assert again.admin.command("buildInfo")["ok"] == 1


def test_administrators_of_users_grant_only_in_their_database(log_in: LogIn, root: Client) -> None:
    client = log_in({"role": "userAdmin", "db": "shop"})
    shop = client.shop
    shop.command("createUser", "a", pwd="x", roles=["readWrite"])
    for roles in ([{"role": "read", "db": "other"}], [{"role": "root", "db": "admin"}]):
        assert code(shop, {"createUser": "b", "pwd": "x", "roles": roles}) == 13
        assert code(shop, {"grantRolesToUser": "a", "roles": roles}) == 13
        assert code(shop, {"createRole": "s", "privileges": [], "roles": roles}) == 13
        assert code(shop, {"updateUser": "a", "roles": roles}) == 13
    shop.command({"createRole": "s", "privileges": own_role("shop", "", "find"), "roles": []})
    assert code(client.admin, {"createUser": "b", "pwd": "x", "roles": []}) == 13
    assert code(client.admin, {"createRole": "s", "privileges": own_role("shop", "", "find"), "roles": []}) == 13
    assert shop.command("dropAllUsersFromDatabase")["n"] == 1
    assert shop.command("dropAllRolesFromDatabase")["n"] == 1


@pytest.mark.parametrize(
    ("restrictions", "allowed"),
    [
        ([], True),
        ([{"clientSource": ["127.0.0.1"]}], True),
        ([{"clientSource": ["10.0.0.0/8", "127.0.0.0/8"], "serverAddress": ["127.0.0.1"]}], True),
        ([{"clientSource": ["10.0.0.1"]}, {"clientSource": ["127.0.0.1"]}], True),
        ([{"clientSource": ["10.0.0.0/8"]}], False),
        ([{"clientSource": ["127.0.0.1"], "serverAddress": ["10.0.0.1"]}], False),
    ],
    ids=str,
)
def test_restrictions_by_address(guarded: SecantusDBServer, root: Client, role: Any, restrictions: list[Any], allowed: bool) -> None:
    role([], authenticationRestrictions=restrictions)
    root.admin.command("createUser", "here", pwd=PASSWORD, roles=[], authenticationRestrictions=restrictions)
    root.admin.command("createUser", "role", pwd=PASSWORD, roles=["r"])
    for user in ("here", "role"):
        with connect(guarded, user) as client:
            assert code(client.admin, {"buildInfo": 1}) == (None if allowed else 18)
        root.admin.command("dropUser", user)


def test_a_restriction_ends_what_is_open(guarded: SecantusDBServer, root: Client) -> None:
    root.admin.command("createUser", "here", pwd=PASSWORD, roles=[])
    with connect(guarded, "here") as client:
        assert code(client.admin, {"buildInfo": 1}) is None
        root.admin.command("updateUser", "here", authenticationRestrictions=[{"clientSource": ["10.0.0.1"]}])
        assert code(client.admin, {"buildInfo": 1}) == 13
    root.admin.command("dropUser", "here")


def test_the_localhost_exception() -> None:
    with (
        SecantusDBServer(port=0, storage_path=":memory:", log_level="error", require_auth=True) as server,
        MongoClient(server.uri) as client,
    ):
        for command in (
            {"find": "c"},
            {"listDatabases": 1},
            {"buildInfo": 1},
            {"startSession": 1},
            {"createUser": "x", "pwd": "x", "roles": []},
        ):
            assert failure(client.admin if "listDatabases" in command else client.test, command)["code"] == 13
        client.admin.command("createUser", "root", pwd=PASSWORD, roles=["root"])
        assert code(client.admin, {"createUser": "more", "pwd": "x", "roles": []}) == 13
        assert code(client.admin, {"createRole": "more", "privileges": [], "roles": []}) == 13


def test_the_localhost_exception_ends_with_a_role() -> None:
    with (
        SecantusDBServer(port=0, storage_path=":memory:", log_level="error", require_auth=True) as server,
        MongoClient(server.uri) as client,
    ):
        client.admin.command({"createRole": "first", "privileges": [], "roles": []})
        assert code(client.admin, {"createUser": "more", "pwd": "x", "roles": []}) == 13


def test_connection_status_shows_privileges(log_in: LogIn) -> None:
    info = log_in({"role": "read", "db": "shop"}).admin.command({"connectionStatus": 1, "showPrivileges": True})["authInfo"]
    assert info["authenticatedUserRoles"] == [{"role": "read", "db": "shop"}]
    assert [privilege["resource"] for privilege in info["authenticatedUserPrivileges"]] == [
        {"db": "shop", "collection": ""},
        {"db": "shop", "collection": "system.js"},
    ]


def test_without_access_control_everybody_may_do_everything(db: Database[Any]) -> None:
    db.command("createUser", "u", pwd="x", roles=[])
    assert db.client.admin["system.users"].count_documents({"db": db.name}) == 1
    db.command("dropAllUsersFromDatabase")


def test_fail_points_are_for_all_users_and_no_others(guarded: SecantusDBServer, log_in: LogIn) -> None:
    command = {"configureFailPoint": "failCommand", "mode": "off"}
    with MongoClient[dict[str, Any]](guarded.uri) as stranger:
        assert code(stranger.admin, command) == 13
        assert code(stranger.admin, {"waitForFailPoint": "failCommand", "timesEntered": 0, "maxTimeMS": 1}) == 13
    assert code(log_in("read").admin, command) is None
    assert code(log_in("root").admin, {"setParameter": 1, "enableTestCommands": True}) is not None


def test_fail_command_acts_before_the_authorization(log_in: LogIn) -> None:
    admin = log_in("read").admin
    watched = {"aggregate": 1, "pipeline": [{"$changeStream": {"allChangesForCluster": True}}], "cursor": {}}
    data = {"failCommands": ["aggregate"], "errorCode": 9999}
    admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data})
    assert [code(admin, watched), code(admin, watched)] == [9999, 13]
