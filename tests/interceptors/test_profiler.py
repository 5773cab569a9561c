"""The profiler: its levels and documents, and the log lines for slow commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.clock import SettableClock
from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.operations import Operation
from secantus_server.dispatch.request import Request
from secantus_server.query._plan_notes import PlanNotes
from secantus_server.server import SecantusDBServer
from secantus_server.wire.message import Message
from tests.failing import code


@pytest.fixture(autouse=True)
def _profiler_off(db: Database) -> Iterator[None]:
    yield
    db.command({"profile": 0, "slowms": 100, "sampleRate": 1.0, "filter": "unset"})


def entries(db: Database, **filter: Any) -> list[dict[str, Any]]:
    return list(db.system.profile.find({"ns": {"$ne": f"{db.name}.system.profile"}, **filter}, {"_id": 0}))


def status(reply: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(reply.get(field) for field in ("was", "slowms", "sampleRate", "filter"))


def test_levels_belong_to_a_database_and_are_told(db: Database) -> None:
    other = db.client[f"{db.name}_other"]
    assert status(db.command({"profile": 1, "slowms": 50, "sampleRate": 0.5})) == (0, 100, 1.0, None)
    assert status(db.command({"profile": -1})) == (1, 50, 0.5, None)
    assert status(other.command({"profile": -1})) == (0, 50, 0.5, None)
    assert status(db.command({"profile": 2, "filter": {"op": "insert"}})) == (1, 50, 0.5, None)
    assert code(db, {"profile": 1, "filter": None}) == 2
    reply = db.command({"profile": 0, "filter": "unset"})
    assert status(reply) == (2, 50, 0.5, {"op": {"$eq": "insert"}})
    assert "note" in reply
    assert status(db.command({"profile": -1})) == (0, 50, 0.5, None)


def test_level_2_writes_every_command(db: Database) -> None:
    db.command({"profile": 2})
    db.c.insert_many([{"_id": number} for number in range(3)])
    list(db.c.find({"_id": {"$gte": 0}}, batch_size=2))
    db.c.update_one({"_id": 1}, {"$set": {"a": 1}})
    db.c.delete_many({"_id": 2})
    db.command({"count": "c"})
    db.command("ping")
    db.command({"profile": 0})
    db.c.insert_one({"_id": 9})
    found = entries(db)
    assert [(entry["op"], entry["ns"]) for entry in found] == [
        ("insert", f"{db.name}.c"), ("query", f"{db.name}.c"), ("getmore", f"{db.name}.c"), ("update", f"{db.name}.c"),
        ("remove", f"{db.name}.c"), ("command", f"{db.name}.c"), ("command", f"{db.name}.$cmd"),
    ]  # fmt: skip
    insert, query, more, update, remove, *_ = found
    assert (insert["ninserted"], len(insert["command"]["documents"])) == (3, 3)
    assert (query["nreturned"], query["command"]["filter"]) == (2, {"_id": {"$gte": 0}})
    assert query["cursorid"] == more["command"]["getMore"]
    assert (more["nreturned"], more["cursorExhausted"]) == (1, True)
    assert update["command"]["q"] == {"_id": 1}
    assert (update["nMatched"], update["nModified"]) == (1, 1)
    assert (remove["ndeleted"], remove["command"]["limit"]) == (1, 0)
    assert all({"ts", "millis", "client", "user", "protocol"} <= entry.keys() for entry in found)


@pytest.mark.parametrize("level", [{"profile": 0, "slowms": -1}, {"profile": 2}], ids=["log", "profile"])
def test_a_command_nested_to_the_limit(db: Database, level: dict[str, Any]) -> None:
    def nested(depth: int) -> dict[str, Any]:
        return {"a": nested(depth - 1)} if depth > 1 else {"a": 1}

    db.c.insert_one({})
    db.command(level)
    assert db.command({"insert": "c", "documents": [nested(199)]})["n"] == 1
    assert db.command({"aggregate": "c", "pipeline": [{"$limit": 1}, {"$replaceWith": nested(198)}], "cursor": {}})["ok"] == 1
    if level["profile"]:
        assert [list(entry["command"]) for entry in entries(db, op="insert")] == [["$truncated"]]


def test_each_statement_of_an_update_is_written(db: Database) -> None:
    db.command({"profile": 2})
    db.command({"update": "c", "updates": [{"q": {"_id": number}, "u": {"$set": {"a": 1}}, "upsert": True} for number in range(2)]})
    found = entries(db, op="update")
    assert [entry["command"]["q"] for entry in found] == [{"_id": 0}, {"_id": 1}]
    assert found[0].keys().isdisjoint(("nMatched", "nUpserted"))


def test_an_upsert_has_matched_nothing(db: Database) -> None:
    db.command({"profile": 2})
    db.c.update_one({"_id": 1}, {"$set": {"a": 1}}, upsert=True)
    db.c.update_one({"_id": 1}, {"$set": {"a": 2}}, upsert=True)
    first, second = entries(db, op="update")
    assert (first["nMatched"], first["nModified"], first["nUpserted"], first["upsert"]) == (0, 0, 1, True)
    assert (second["nMatched"], second["nModified"], "nUpserted" in second) == (1, 1, False)


@pytest.mark.parametrize(("command", "field"), [("update", "updates"), ("delete", "deletes")])
def test_the_comment_of_a_write_is_in_each_statement(db: Database, command: str, field: str) -> None:
    db.command({"profile": 2})
    change = {"u": {"$set": {"a": 1}}} if command == "update" else {"limit": 1}
    db.command({command: "c", field: [{"q": {"_id": number}, **change} for number in range(2)], "comment": {"why": 1}})
    assert [entry["command"].get("comment") for entry in entries(db, ns=f"{db.name}.c")] == [{"why": 1}] * 2


@pytest.mark.parametrize(("hint", "shown"), [("_id_", {"$hint": "_id_"}), ({"_id": 1}, {"_id": 1})])
@pytest.mark.parametrize(("command", "field"), [("update", "updates"), ("delete", "deletes")])
def test_the_hint_of_a_write_is_shown_as_parsed(db: Database, command: str, field: str, hint: object, shown: object) -> None:
    db.command({"profile": 2})
    change = {"u": {"$set": {"a": 1}}} if command == "update" else {"limit": 1}
    db.command({command: "c", field: [{"q": {}, **change, "hint": hint}]})
    assert [entry["command"]["hint"] for entry in entries(db, ns=f"{db.name}.c")] == [shown]


def test_failed_commands_are_written(db: Database) -> None:
    db.command({"profile": 2})
    assert code(db, {"find": "c", "filter": {"$x": 1}}) == 2
    (entry,) = entries(db)
    assert (entry["ok"], entry["errCode"], entry["errName"]) == (0.0, 2, "BadValue")


def test_level_1_writes_slow_commands(db: Database) -> None:
    db.command({"profile": 1, "slowms": 10_000})
    db.c.insert_one({})
    db.command({"profile": 1, "slowms": -1})
    db.c.find_one()
    db.command({"profile": 1, "sampleRate": 0.0})
    db.command({"count": "c"})
    assert [entry["op"] for entry in entries(db)] == ["query"]


def test_a_filter_stands_for_the_numbers(db: Database) -> None:
    db.command({"profile": 1, "slowms": 10_000, "filter": {"op": "insert"}})
    db.c.insert_one({})
    db.c.find_one()
    assert [entry["op"] for entry in entries(db)] == ["insert"]


def test_the_collection_is_capped_and_its_own(db: Database) -> None:
    db.command({"profile": 2})
    assert db.system.profile.options() == {"capped": True, "size": 1024 * 1024}
    assert code(db, {"drop": "system.profile"}) == 20
    db.command({"profile": 0})
    db.system.profile.drop()
    db.create_collection("system.profile", capped=True, size=4096)
    db.command({"profile": 2})
    for _ in range(50):
        db.command("ping", comment="x" * 200)
    assert 0 < len(entries(db)) < 30


def test_a_large_command_is_cut(db: Database) -> None:
    db.command({"profile": 2})
    db.c.insert_one({"_id": 1, "text": "x" * 100_000})
    (entry,) = entries(db)
    assert entry["command"].keys() == {"$truncated"}


def test_a_snapshot_takes_the_levels_back(db: Database, server: SecantusDBServer) -> None:
    with server.checkpoint():
        db.command({"profile": 2, "slowms": 7})
        db.command("ping")
    assert status(db.command({"profile": -1})) == (0, 100, 1.0, None)
    assert db.list_collection_names() == []


def test_slow_commands_are_logged() -> None:
    clock = SettableClock(1_000_000)
    with SecantusDBServer(port=0, storage_path=":memory:", clock=clock) as server:
        client, services = ClientInfo(7, ("127.0.0.1", 1)), server.services
        for name in ("find", "hello"):
            message = Message(1, {name: "c"})
            for seconds in (0.1, 0.2):
                request = Request(name, "d", message, services, client, Operation(clock, 1, 7, "d", message.body, (), PlanNotes))
                request.seconds = seconds
                for _threshold_s, after in services.interceptors.after:
                    after(request, {})
        assert [line for line in services.log.lines if "command" in line] == ["Slow command find on d.c: 200 ms (conn7)"]


def test_verbosity_logs_every_command() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient(server.uri) as client:
        client.d.command("ping")
        client.admin.command({"setParameter": 1, "logComponentVerbosity": {"command": {"verbosity": 1}}})
        client.d.c.insert_one({})
        client.admin.command({"setParameter": 1, "logComponentVerbosity": {"command": {"verbosity": -1}}})
        client.d.command("ping")
        logged = [json.loads(line).get("attr", {}).get("command", {}) for line in client.admin.command({"getLog": "global"})["log"]]
    assert any("insert" in command for command in logged)
    assert not any("ping" in command for command in logged)


@pytest.fixture
def profiled(db: Database) -> Database:
    db.c.insert_many([{"_id": number, "a": number % 10, "s": "x"} for number in range(300)])
    db.c.create_index("a")
    db.command({"profile": 2})
    return db


def examined(entry: dict[str, Any]) -> tuple[Any, ...]:
    return entry["planSummary"], entry["keysExamined"], entry["docsExamined"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ({"find": "c", "filter": {"a": 3}}, ("IXSCAN { a: 1 }", 30, 30)),
        ({"find": "c", "filter": {"s": "x"}, "batchSize": 1000}, ("COLLSCAN", 0, 300)),
        ({"find": "c", "filter": {"_id": 3}}, ("EXPRESS_IXSCAN { _id: 1 }", 1, 1)),
        ({"count": "c", "query": {"a": 3}}, ("COUNT_SCAN { a: 1 }", 30, 0)),
        ({"distinct": "c", "key": "a"}, ("DISTINCT_SCAN { a: 1 }", 10, 0)),
        ({"aggregate": "c", "pipeline": [{"$match": {"a": 3}}, {"$count": "n"}], "cursor": {}}, ("IXSCAN { a: 1 }", 30, 30)),
        ({"update": "c", "updates": [{"q": {"_id": 3}, "u": {"$set": {"z": 1}}}]}, ("EXPRESS_IXSCAN { _id: 1 }", 1, 1)),
        ({"update": "c", "updates": [{"q": {"a": 3}, "u": {"$set": {"z": 1}}, "multi": True}]}, ("IXSCAN { a: 1 }", 30, 30)),
        ({"delete": "c", "deletes": [{"q": {"s": "x"}, "limit": 1}]}, ("COLLSCAN", 0, 1)),
        ({"findAndModify": "c", "query": {"_id": 3}, "remove": True}, ("EXPRESS_IXSCAN { _id: 1 }", 1, 1)),
    ],
    ids=str,
)
def test_entries_have_the_plan_and_what_it_examined(profiled: Database, command: dict[str, Any], expected: object) -> None:
    profiled.command(command)
    (entry,) = entries(profiled)
    assert examined(entry) == expected
    assert entry["execStats"]["stage"]
    assert ("planCacheKey" in entry) == ("EXPRESS" not in entry["planSummary"])


JOIN = {"from": "c", "localField": "a", "foreignField": "a", "as": "joined"}
GRAPH = {"from": "c", "startWith": "$a", "connectFromField": "none", "connectToField": "a", "as": "joined"}


@pytest.mark.parametrize(
    ("stage", "expected", "has_plan"),
    [
        ({"$lookup": JOIN}, ("IXSCAN { a: 1 }", 60, 60), False),
        ({"$lookup": {**JOIN, "foreignField": "b"}}, ("COLLSCAN", 0, 300), True),
        ({"$graphLookup": GRAPH}, ("COLLSCAN", 0, 300), True),
    ],
    ids=["indexed lookup", "lookup", "graphLookup"],
)
def test_a_join_of_a_command_without_a_plan(profiled: Database, stage: dict[str, Any], expected: object, has_plan: bool) -> None:
    list(profiled.aggregate([{"$documents": [{"a": 3}, {"a": 4}]}, stage]))
    (entry,) = entries(profiled)
    assert examined(entry) == expected
    assert ("execStats" in entry) == has_plan


def test_the_entries_of_a_cursor_count_one_batch_each(profiled: Database) -> None:
    list(profiled.c.find({"a": {"$gte": 0}}, batch_size=200))
    first, second = entries(profiled)
    assert [entry["keysExamined"] for entry in (first, second)] == [200, 100]
    assert second["originatingCommand"]["filter"] == {"a": {"$gte": 0}}
    assert first["planCacheShapeHash"] == second["planCacheShapeHash"]


def test_an_entry_has_the_hashes_of_explain_and_the_length_of_the_reply(profiled: Database) -> None:
    profiled.command({"find": "c", "filter": {"s": "x"}, "sort": {"s": 1}, "batchSize": 1000})
    (entry,) = entries(profiled)
    assert entry["hasSortStage"] is True
    planned = profiled.command({"explain": {"find": "c", "filter": {"s": "y"}, "sort": {"s": 1}}})["queryPlanner"]
    hashes = ("queryHash", "planCacheShapeHash")
    assert [entry[name] for name in hashes] == [planned[name] for name in hashes]
    assert entry["responseLength"] > 300 * 30


def test_what_commands_examine_is_counted_without_the_profiler(db: Database) -> None:
    def counted() -> tuple[int, ...]:
        metrics = db.client.admin.command("serverStatus")["metrics"]
        executor, documents = metrics["queryExecutor"], metrics["document"]
        scans = executor["collectionScans"]["total"]
        numbers = (executor["scanned"], executor["scannedObjects"], scans, metrics["operation"]["scanAndOrder"])
        return numbers + tuple(documents[name] for name in ("inserted", "updated", "deleted", "returned"))

    def change(*steps: Any) -> tuple[int, ...]:
        before = counted()
        for step in steps:
            step()
        return tuple(now - then for now, then in zip(counted(), before, strict=True))

    c = db.c
    assert change(lambda: c.insert_many([{"_id": n, "a": n % 10} for n in range(100)])) == (0, 0, 0, 0, 100, 0, 0, 0)
    c.create_index("a")
    assert change(lambda: list(c.find({"a": 1}))) == (10, 10, 0, 0, 0, 0, 0, 10)
    assert change(lambda: list(c.find({"a": {"$gte": 0}}, batch_size=40))) == (100, 100, 0, 0, 0, 0, 0, 100)
    assert change(lambda: list(c.find({"b": None}, sort=[("b", 1)], limit=5))) == (0, 100, 1, 1, 0, 0, 0, 5)
    assert change(lambda: c.find_one({"_id": 1}), lambda: c.find_one({"_id": -1})) == (1, 1, 0, 0, 0, 0, 0, 1)
    assert change(lambda: list(c.aggregate([{"$match": {"_id": 1}}]))) == (1, 1, 0, 0, 0, 0, 0, 1)
    assert change(lambda: c.update_one({"_id": 1}, {"$set": {"z": 1}})) == (1, 1, 0, 0, 0, 1, 0, 0)
    assert change(lambda: c.update_one({"_id": -1}, {"$set": {"z": 1}}, upsert=True)) == (0, 0, 0, 0, 1, 0, 0, 0)
    assert change(lambda: c.find_one_and_update({"_id": 1}, {"$set": {"z": 2}})) == (1, 1, 0, 0, 0, 1, 0, 0)
    assert change(lambda: c.delete_one({"_id": 1})) == (1, 1, 0, 0, 0, 0, 1, 0)
    assert change(lambda: c.delete_many({"a": 2})) == (10, 10, 0, 0, 0, 0, 10, 0)
