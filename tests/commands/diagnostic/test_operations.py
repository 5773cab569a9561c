"""Reports on the server's activity: currentOp, `$currentOp`, top, serverStatus, the log's verbosity."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.dispatch.usage import MAX_ROWS, Usage
from secantus_server.server import SecantusDBServer
from tests.failing import code


def current(admin: Database, **options: bool) -> list[dict[str, Any]]:
    return list(admin.aggregate([{"$currentOp": options}]))


def test_a_running_command_names_its_client(server: SecantusDBServer) -> None:
    with MongoClient(server.uri, appname="tests") as client:
        (mine,) = [one for one in current(client.admin) if one["command"].get("aggregate") == 1]
    assert (mine["type"], mine["op"], mine["ns"], mine["active"]) == ("op", "command", "admin.$cmd", True)
    assert mine["appName"] == "tests"
    assert mine["clientMetadata"]["application"] == {"name": "tests"}
    assert mine["client"].startswith("127.0.0.1:")
    assert mine["lsid"].keys() >= {"id"}


def test_a_large_command_is_cut_where_that_is_wanted(admin: Database) -> None:
    pipeline = [{"$currentOp": {"truncateOps": True}}, {"$match": {"x": {"$ne": "y" * 2000}}}]
    assert any(one["command"].keys() == {"$truncated"} for one in admin.aggregate(pipeline))


def test_idle_cursors(db: Database, admin: Database) -> None:
    db.c.insert_many({"_id": number} for number in range(5))
    with db.client.start_session() as session:
        cursor = db.command({"find": "c", "batchSize": 2, "comment": "mine"}, session=session)["cursor"]["id"]
        db.command({"getMore": cursor, "collection": "c", "batchSize": 1}, session=session)
        assert [one for one in current(admin) if one["type"] == "idleCursor"] == []
        (idle,) = [one for one in current(admin, idleCursors=True) if one["type"] == "idleCursor" and one["ns"] == f"{db.name}.c"]
        db.command({"killCursors": "c", "cursors": [cursor]}, session=session)
        assert idle["lsid"]["id"] == session.session_id["id"]
    shown = idle["cursor"]
    assert (shown["cursorId"], shown["nDocsReturned"], shown["nBatchesReturned"]) == (cursor, 3, 2)
    assert shown["originatingCommand"]["comment"] == "mine"
    assert (shown["tailable"], shown["awaitData"], shown["noCursorTimeout"]) == (False, False, False)
    assert shown["createdDate"] <= shown["lastAccessDate"]
    assert "clientMetadata" in idle
    assert "client" not in idle


def test_idle_connections(server: SecantusDBServer, admin: Database) -> None:
    with MongoClient(server.uri, appname="idle") as other:
        other.admin.command("ping")
        found = [one for one in current(admin, idleConnections=True) if one.get("appName") == "idle"]
        assert found
        assert not any(one["active"] for one in found if "command" not in one)
        everything = admin.command({"currentOp": 1, "$all": True})["inprog"]
        assert any(one.get("appName") == "idle" for one in everything)
    assert not any(one.get("appName") == "idle" and "command" not in one for one in current(admin))


def test_top(db: Database, admin: Database) -> None:
    db.c.insert_many({"_id": number} for number in range(5))
    list(db.c.find(batch_size=2))
    db.c.update_one({}, {"$set": {"a": 1}})
    db.c.delete_one({})
    db.c.count_documents({})
    db.c.create_index("a")
    totals = admin.command("top")["totals"]
    mine = totals[f"{db.name}.c"]
    assert totals["note"] == "all times in microseconds"
    counts = {field: value["count"] for field, value in mine.items()}
    assert counts == {
        "total": 8, "readLock": 4, "writeLock": 4, "queries": 1, "getmore": 2, "insert": 1, "update": 1, "remove": 1, "commands": 2,
    }  # fmt: skip
    assert mine["total"]["time"] >= mine["insert"]["time"] > 0
    db.c.drop()
    assert f"{db.name}.c" not in admin.command("top")["totals"]
    db.c.insert_one({})
    assert admin.command("top")["totals"][f"{db.name}.c"]["total"]["count"] == 1


def test_latencies(db: Database) -> None:
    db.c.insert_one({})
    db.c.find_one()
    db.c.create_index("a")
    (found,) = db.c.aggregate([{"$collStats": {"latencyStats": {}}}])
    stats = found["latencyStats"]
    assert {name: value["ops"] for name, value in stats.items()} == {"reads": 1, "writes": 1, "commands": 1, "transactions": 0}
    assert stats["writes"]["latency"] > 0


def test_a_rename_resets_top(db: Database, admin: Database) -> None:
    db.c.insert_one({})
    db.d.insert_one({})
    db.c.rename("d", dropTarget=True)
    assert f"{db.name}.d" not in admin.command("top")["totals"]
    db.create_collection("c")
    assert admin.command("top")["totals"][f"{db.name}.c"]["insert"]["count"] == 0


def test_the_rows_of_top_are_bounded() -> None:
    usage = Usage()
    for number in range(MAX_ROWS + 5):
        usage.record(("d", str(number), "find"), "query", 0.1)
    assert MAX_ROWS / 2 < len(usage.rows) <= MAX_ROWS
    assert ("d", str(MAX_ROWS + 4), "find") in usage.rows
    assert usage.counts["query"] == MAX_ROWS + 5
    assert usage.commands() == {"find": (MAX_ROWS + 5, 0)}


def test_dropped_namespaces_leave_no_rows(server: SecantusDBServer) -> None:
    def use(name: str) -> int:
        client[name].c.insert_one({})
        client[name].drop_collection("c")
        client[name].create_collection("d")
        client.drop_database(name)
        return len(server._services.connections.usage().rows)  # type: ignore[union-attr]

    with MongoClient(server.uri) as client:
        before = use("first")
        assert [use(f"other{number}") for number in range(3)] == [before] * 3


def test_the_network_is_counted(db: Database, admin: Database) -> None:
    before = admin.command("serverStatus")["network"]
    db.c.insert_one({"text": "x" * 100_000})
    db.c.find_one()
    after = admin.command("serverStatus")["network"]
    assert after["bytesIn"] - before["bytesIn"] > 100_000
    assert after["bytesOut"] - before["bytesOut"] > 100_000
    assert after["numRequests"] - before["numRequests"] >= 3


def test_ended_connections_stay_in_the_counts(server: SecantusDBServer, admin: Database) -> None:
    before = admin.command("serverStatus")
    with MongoClient(server.uri) as other:
        other.d.c.find_one()
    after = admin.command("serverStatus")
    assert after["opcounters"]["query"] == before["opcounters"]["query"] + 1
    assert after["network"]["numRequests"] > before["network"]["numRequests"] + 2


@pytest.mark.parametrize("path", [":memory:", "directory"])
def test_what_mongostat_reads(path: str, tmp_path: Any) -> None:
    storage = str(tmp_path) if path == "directory" else path
    with SecantusDBServer(port=0, storage_path=storage, log_level="error") as server, MongoClient(server.uri) as client:
        client.d.c.insert_many({"text": "x" * 1000} for _ in range(100))
        client.admin.command("fsync")
        client.d.c.insert_many({"text": "x" * 1000} for _ in range(100))
        found = client.admin.command("serverStatus")["wiredTiger"]
    cache = found["cache"]
    assert 100_000 < cache["tracked dirty bytes in the cache"] <= cache["bytes currently in the cache"] < cache["maximum bytes configured"]
    assert found["transaction"]["transaction checkpoints"] == (path == "directory")
    assert found["concurrentTransactions"].keys() == {"read", "write"}


def test_verbosity(admin: Database) -> None:
    parameter = "logComponentVerbosity"
    default = admin.command({"getParameter": 1, parameter: 1})[parameter]
    assert (default["verbosity"], default["storage"]) == (0, {"verbosity": -1, "recovery": {"verbosity": -1}, "journal": {"verbosity": -1},
                                                              "wt": {"verbosity": -1}})  # fmt: skip
    wanted = {"verbosity": 1, "storage": {"journal": {"verbosity": 2}}, "query": 3}
    assert admin.command({"setParameter": 1, parameter: wanted})["was"] == default
    found = admin.command({"getParameter": 1, parameter: 1, "logLevel": 1})
    assert (found["logLevel"], found[parameter]["storage"]["journal"]["verbosity"], found[parameter]["query"]["verbosity"]) == (1, 2, 3)
    admin.command({"setParameter": 1, "logLevel": 0})
    assert admin.command({"getParameter": 1, parameter: 1})[parameter]["verbosity"] == 0


@pytest.mark.parametrize(
    ("wanted", "expected"), [(1, 14), ({"x": {"verbosity": 1}}, 2), ({"query": {"verbosity": 6}}, 2), ({"query": {"verbosity": "1"}}, 2)]
)
def test_verbosity_that_cannot_be(admin: Database, wanted: Any, expected: int) -> None:
    assert code(admin, {"setParameter": 1, "logComponentVerbosity": wanted}) == expected


def test_the_stable_api_2_is_not_accepted(admin: Database) -> None:
    assert admin.command({"getParameter": 1, "acceptApiVersion2": 1})["acceptApiVersion2"] is False
    assert code(admin, {"setParameter": 1, "acceptApiVersion2": True}) == 20
