"""Commands with which a user could once reach what the roles do not allow, and their siblings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from bson import Decimal128
from bson.int64 import Int64
from pymongo import MongoClient

from secantus_server.server import SecantusDBServer
from tests.commands.auth.scram_client import log_in_raw
from tests.commands.auth.with_access import PASSWORD, LogIn, code
from tests.net.raw_client import connected
from tests.wire.messages import body_section, op_msg, sequence_section

Client = MongoClient[dict[str, Any]]
NAN = float("nan")


def on(name: str, *actions: str, db: str = "shop") -> dict[str, Any]:
    return {"resource": {"db": db, "collection": name}, "actions": list(actions)}


def on_cluster(*actions: str) -> dict[str, Any]:
    return {"resource": {"cluster": True}, "actions": list(actions)}


@pytest.fixture
def user(root: Client, log_in: LogIn) -> Any:
    """Return a function that creates a user with privileges, through the role `r@admin`, and returns a client that has logged in."""

    def create(*privileges: dict[str, Any]) -> Client:
        root.admin.command({"createRole": "r", "privileges": list(privileges), "roles": []})
        return log_in("r")

    yield create
    root.admin.command("dropAllRolesFromDatabase")
    root.drop_database("shop")


@pytest.mark.parametrize("index", [0, 0.9, -0.5, NAN, Decimal128("0"), Decimal128("-0.5"), Decimal128("NaN"), Int64(0)], ids=str)
def test_the_index_of_a_bulk_write_is_read_as_the_command_reads_it(guarded: SecantusDBServer, root: Client, user: Any, index: Any) -> None:
    user(on("open", "insert"))
    root.admin.command("createUser", "bulk", pwd=PASSWORD, roles=["r"], mechanisms=["SCRAM-SHA-1"])
    namespaces = [{"ns": "shop.shut"}, {"ns": "shop.open"}]
    operations = [{"insert": index, "document": {"_id": 1}}]
    body = {"bulkWrite": 1, "$db": "admin"}
    with connected(guarded) as client:
        log_in_raw(client, "bulk", PASSWORD)
        assert client.run({**body, "nsInfo": namespaces, "ops": operations})["code"] == 13
        client.send(op_msg(body_section(body), sequence_section("nsInfo", namespaces), sequence_section("ops", operations)))
        assert client.receive()[2]["code"] == 13
        # If a message has both forms, the command and its authorization use the sequence.
        both = {**body, "nsInfo": [namespaces[0]], "ops": [{"insert": 0, "document": {"_id": 1}}]}
        client.send(op_msg(body_section(both), sequence_section("nsInfo", [namespaces[1]])))
        assert client.receive()[2]["nInserted"] == 1
    root.admin.command("dropUser", "bulk")
    assert [root.shop[name].count_documents({}) for name in ("shut", "open")] == [0, 1]


def test_cursors_of_others_are_killed_only_on_the_collections_of_the_privilege(root: Client, user: Any) -> None:
    client = user(on("open", "killAnyCursor"), on("c", "killAnyCursor", db=""))
    for name, expected in (("shut", 13), ("open", None), ("c", None)):
        root.shop[name].insert_many([{}, {}])
        cursor_id = Int64(root.shop.command({"find": name, "batchSize": 1}, session=None)["cursor"]["id"])
        assert code(client.shop, {"killCursors": "open", "cursors": [cursor_id]}) == expected
        assert code(root.shop, {"getMore": cursor_id, "collection": name}) == (None if expected else 43)


def test_raw_data_of_a_time_series_is_read_to_its_end(root: Client, user: Any) -> None:
    root.shop.create_collection("series", timeseries={"timeField": "t", "metaField": "m"})
    root.shop.series.insert_many([{"t": datetime(2026, 11, 29), "m": number} for number in range(3)])
    client = user(on("series", "find", "performRawDataOperations"))
    find = {"find": "series", "rawData": True, "batchSize": 1}
    cursor = client.shop.command(find)["cursor"]
    more = {"getMore": cursor["id"], "collection": cursor["ns"].partition(".")[2], "batchSize": 1}
    assert len(client.shop.command(more)["cursor"]["nextBatch"]) == 1
    root.admin.command("revokePrivilegesFromRole", "r", privileges=[on("series", "performRawDataOperations")])
    assert code(client.shop, more) == 13
    assert code(client.shop, find) == 13
    assert code(client.shop, {"find": cursor["ns"].partition(".")[2]}) == 13
    assert code(client.shop, {"aggregate": "series", "pipeline": [{"$unionWith": "system.buckets.series"}], "cursor": {}}) == 13


@pytest.mark.parametrize(
    "stage",
    [
        {"$unionWith": "system.users"},
        {"$lookup": {"from": "system.users", "pipeline": [], "as": "x"}},
        {"$facet": {"a": [{"$lookup": {"from": "system.users", "pipeline": [], "as": "x"}}]}},
    ],
    ids=str,
)
def test_a_cursor_on_users_ends_with_the_privilege(root: Client, log_in: LogIn, stage: dict[str, Any]) -> None:
    """The command that opened such a cursor is shown without the collections that it names. The check needs them."""
    privileges = [on("system.users", "find", db="admin")]
    root.admin.c.insert_many([{}, {}])
    root.admin.command({"createRole": "r", "privileges": [*privileges, on("c", "find", db="admin")], "roles": []})
    for client in (log_in("r"), log_in("r", "readAnyDatabase")):
        command = {"aggregate": "c", "pipeline": [{"$match": {}}, stage, {"$unionWith": "c"}], "cursor": {"batchSize": 1}}
        more = {"getMore": Int64(client.admin.command(command)["cursor"]["id"]), "collection": "c", "batchSize": 1}
        assert code(client.admin, more) is None
        root.admin.command("revokePrivilegesFromRole", "r", privileges=privileges)
        assert code(client.admin, more) == 13
        root.admin.command("grantPrivilegesToRole", "r", privileges=privileges)
    root.admin.command("dropAllRolesFromDatabase")
    root.admin.c.drop()


@pytest.mark.parametrize(
    "view",
    [
        {"viewOn": "system.users"},
        {"viewOn": "system.roles"},
        {"viewOn": "c", "pipeline": [{"$unionWith": "system.users"}]},
        {"viewOn": "c", "pipeline": [{"$facet": {"a": [{"$lookup": {"from": "system.users", "pipeline": [], "as": "x"}}]}}]},
    ],
    ids=str,
)
def test_a_view_does_not_show_the_users(root: Client, log_in: LogIn, view: dict[str, Any]) -> None:
    # A user with dbAdmin may not read the view, and may therefore create views of what others may read.
    client = log_in("dbAdmin")
    client.admin.command({"create": "allowed", "viewOn": "c", "pipeline": []})
    assert code(client.admin, {"create": "shown", **view}) == 13
    assert code(client.admin, {"collMod": "allowed", **view}) == 13
    assert code(log_in(root_reader(root)).admin, {"create": "shown", **view}) is None
    for name in ("allowed", "shown", "system.views"):
        root.admin.drop_collection(name)
    root.admin.command("dropAllRolesFromDatabase")


def root_reader(root: Client) -> str:
    """Create a role that may read users and create views; return its name."""
    privileges = [on(name, "find", db="admin") for name in ("system.users", "system.roles", "c")]
    root.admin.command({"createRole": "reader", "privileges": privileges, "roles": ["dbAdmin"]})
    return "reader"


def test_apply_ops_does_not_take_the_uuid_of_another_collection(root: Client, user: Any) -> None:
    root.shop.shut.insert_one({})
    (shut,) = root.shop.list_collections(filter={"name": "shut"})
    uuid = shut["info"]["uuid"]
    create = {"applyOps": [{"op": "c", "ns": "shop.$cmd", "ui": uuid, "o": {"create": "open"}}]}
    client = user(on_cluster("applyOps"), on("open", "createCollection", "insert", "changeStream", "find"))
    assert code(client.admin, create) == 13
    root.admin.command("grantPrivilegesToRole", "r", privileges=[on_cluster("forceUUID")])
    assert code(client.admin, create) == 48
    create["applyOps"][0]["ui"] = root.admin.command("startSession")["id"]["id"]
    assert code(client.admin, create) is None
    assert code(client.admin, {"applyOps": [{"op": "c", "ns": "shop.$cmd", "o": {"drop": "shut"}}]}) == 13


@pytest.mark.parametrize(
    "pipeline",
    [
        [{"$lookup": {"from": {"db": "admin", "coll": "system.users"}, "pipeline": [], "as": "x"}}],
        [{"$lookup": {"from": {"db": "local", "coll": "oplog.rs"}, "pipeline": [], "as": "x"}}],
        [{"$lookup": {"from": {"db": "", "coll": "shut"}, "pipeline": [], "as": "x"}}],
        [{"$lookup": {"pipeline": [{"$documents": [{}]}, {"$unionWith": "shut"}], "as": "x"}}],
        [{"$lookup": {"from": "open", "pipeline": [{"$facet": {"a": [{"$unionWith": "shut"}]}}], "as": "x"}}],
        [{"$unionWith": {"coll": "shut", "pipeline": [{"$collStats": {"count": {}}}]}}],
        [{"$unionWith": {"coll": "open", "pipeline": [{"$indexStats": {}}]}}],
        [
            {
                "$graphLookup": {
                    "from": {"db": "other", "coll": "shut"},
                    "startWith": 1,
                    "connectFromField": "a",
                    "connectToField": "a",
                    "as": "x",
                }
            }
        ],
        [{"$out": {"db": "", "coll": "shut"}}],
        [{"$merge": {"into": "open", "whenMatched": [{"$lookup": {"from": "shut", "pipeline": [], "as": "x"}}]}}],
        [{"$listSearchIndexes": {}}],
        [{"$listCatalog": {}}],
    ],
    ids=str,
)
def test_nested_and_foreign_collections(user: Any, pipeline: list[Any]) -> None:
    client = user(on("open", "find"))
    command = {"aggregate": "open", "pipeline": pipeline, "cursor": {}}
    assert code(client.shop, command) == 13
    assert code(client.shop, {"explain": command}) == 13
    assert code(client.shop, {"explain": {"explain": command}}) == 13
