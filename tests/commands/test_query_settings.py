"""setQuerySettings, removeQuerySettings and `$querySettings`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from secantus_server.version import RELEASES
from secantus_server.work.query_settings import checked_settings
from tests.failing import code

ABSENT = "0" * 64


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, MongoClient(server.uri) as client:
        db = client.d
        db.c.insert_many([{"_id": number, "a": number % 10, "b": number % 7} for number in range(70)])
        db.c.create_index("a")
        db.c.create_index("b")
        yield db


def put(db: Database, query: dict[str, Any] | str, **settings: Any) -> str:
    given = query if type(query) is str else {**query, "$db": db.name}
    return db.client.admin.command({"setQuerySettings": given, "settings": settings})["queryShapeHash"]


def allow(db: Database, *indexes: Any, coll: str = "c") -> list[dict[str, Any]]:
    return [{"ns": {"db": db.name, "coll": coll}, "allowedIndexes": list(indexes)}]


def shown(db: Database, **options: Any) -> list[dict[str, Any]]:
    return list(db.client.admin.aggregate([{"$querySettings": options}]))


def scans(db: Database, command: dict[str, Any]) -> tuple[str, ...]:
    """Return the plan of a command according to the profiler."""
    db.command({"profile": 2})
    db.command(command)
    db.command({"profile": 0})
    summary = db.system.profile.find_one({"op": {"$ne": "getmore"}, "ns": f"{db.name}.c"}, sort=[("$natural", -1)])["planSummary"]
    return tuple(summary.split(", "))


FIND = {"find": "c", "filter": {"a": 1, "b": 2}}


@pytest.mark.parametrize(
    ("indexes", "expected"),
    [
        (["b_1"], "IXSCAN { b: 1 }"),
        ([{"b": 1}], "IXSCAN { b: 1 }"),
        (["a_1"], "IXSCAN { a: 1 }"),
        ([{"$natural": 1}], "COLLSCAN"),
        (["none"], "COLLSCAN"),
    ],
    ids=str,
)
@pytest.mark.parametrize("hint", [{}, {"hint": "a_1"}], ids=str)
def test_queries_of_the_shape_use_the_allowed_indexes(db: Database, indexes: list[Any], expected: str, hint: dict[str, Any]) -> None:
    put(db, FIND, indexHints=allow(db, *indexes))
    assert scans(db, {"find": "c", "filter": {"a": 5, "b": 6}, **hint}) == (expected,)
    assert scans(db, {"find": "c", "filter": {"a": 5}}) == ("IXSCAN { a: 1 }",)


@pytest.mark.parametrize(
    ("representative", "same", "others"),
    [
        (
            FIND,
            {"find": "c", "filter": {"a": 7, "b": 0.5}, "batchSize": 3, "comment": "x"},
            [{"find": "c", "filter": {"a": 1}}, {"find": "d", "filter": {"a": 1, "b": 2}}],
        ),
        (
            {"find": "c", "filter": {"a": 1}, "sort": {"b": 1}},
            {"find": "c", "filter": {"a": 2}, "sort": {"b": 1}},
            [{"find": "c", "filter": {"a": 2}, "sort": {"b": -1}}],
        ),
        ({"find": "c", "filter": {"a": 1}, "limit": 3}, {"find": "c", "filter": {"a": 1}, "limit": 5}, [{"find": "c", "filter": {"a": 1}}]),
        (
            {"distinct": "c", "key": "a", "query": {"b": 1}},
            {"distinct": "c", "key": "a", "query": {"b": 3}},
            [{"distinct": "c", "key": "b", "query": {"b": 1}}],
        ),
        (
            {"aggregate": "c", "pipeline": [{"$match": {"a": 1}}, {"$group": {"_id": "$b", "n": {"$sum": 1}}}], "cursor": {}},
            {"aggregate": "c", "pipeline": [{"$match": {"a": 9}}, {"$group": {"_id": "$b", "n": {"$sum": 2}}}], "cursor": {"batchSize": 9}},
            [
                {"aggregate": "c", "pipeline": [{"$match": {"a": 1}}, {"$group": {"_id": "$a", "n": {"$sum": 1}}}], "cursor": {}},
                {"aggregate": "c", "pipeline": [{"$match": {"b": 1}}, {"$group": {"_id": "$b", "n": {"$sum": 1}}}], "cursor": {}},
            ],
        ),
        (
            {"aggregate": "c", "pipeline": [{"$lookup": {"from": "x", "localField": "a", "foreignField": "a", "as": "j"}}], "cursor": {}},
            {"aggregate": "c", "pipeline": [{"$lookup": {"from": "x", "localField": "a", "foreignField": "a", "as": "j"}}], "cursor": {}},
            [{"aggregate": "c", "pipeline": [{"$lookup": {"from": "y", "localField": "a", "foreignField": "a", "as": "j"}}], "cursor": {}}],
        ),
    ],
)
def test_rejected_queries(db: Database, representative: dict[str, Any], same: dict[str, Any], others: list[dict[str, Any]]) -> None:
    shape = put(db, representative, reject=True)
    assert code(db, same) == 411
    assert db.command({"explain": same})["queryShapeHash"] == shape
    for other in others:
        assert db.command(other)["ok"] == 1.0
    assert db.client.other.command({**same, "maxTimeMS": 60_000})["ok"] == 1.0
    put(db, shape, reject=False, queryFramework="classic")
    assert db.command(same)["ok"] == 1.0


@pytest.mark.parametrize(("given", "stored"), [(Decimal128("5"), 5), (5.0, 5), (Decimal128("0"), 0)])
def test_time_limits_of_any_numeric_type(given: Any, stored: int) -> None:
    assert checked_settings({"maxTimeMS": given}, RELEASES["9.0"]) == {"maxTimeMS": stored}


def test_the_indexes_of_a_joined_collection(db: Database) -> None:
    db.other.insert_many([{"a": number, "b": number} for number in range(20)])
    db.other.create_index("a")
    db.other.create_index("b")
    join = {"from": "other", "let": {"x": "$a"}, "pipeline": [{"$match": {"a": {"$gte": 5}, "b": {"$gte": 5}}}], "as": "found"}
    command = {"aggregate": "c", "pipeline": [{"$match": {"a": 1}}, {"$lookup": join}], "cursor": {}}
    assert scans(db, command) == ("IXSCAN { a: 1 }",)
    put(db, command, indexHints=allow(db, "b_1", coll="other"))
    assert scans(db, command) == ("IXSCAN { a: 1 }", "IXSCAN { b: 1 }")


def test_settings_are_shown_changed_and_removed(db: Database) -> None:
    shape = put(db, FIND, indexHints=allow(db, "b_1")[0], comment="why")
    (entry,) = shown(db)
    assert entry == {
        "queryShapeHash": shape,
        "settings": {"indexHints": allow(db, "b_1"), "comment": "why"},
        "representativeQuery": {**FIND, "$db": "d"},
    }
    assert db.command({"explain": FIND})["queryPlanner"]["querySettings"] == entry["settings"]
    assert put(db, {**FIND, "filter": {"a": 3, "b": 4}}, queryFramework="sbe") == shape
    (entry,) = shown(db, showDebugQueryShape=True)
    assert entry["settings"] == {"indexHints": allow(db, "b_1"), "comment": "why", "queryFramework": "sbe"}
    assert entry["debugQueryShape"]["filter"] == {"a": "?number", "b": "?number"}
    db.client.admin.command({"removeQuerySettings": shape})
    assert shown(db) == []
    put(db, FIND, reject=True)
    db.client.admin.command({"removeQuerySettings": {"find": "c", "filter": {"a": 0, "b": 0}, "$db": "d"}})
    assert (shown(db), db.command(FIND)["ok"]) == ([], 1.0)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (ABSENT, None),
        ({"find": "c", "filter": {"_id": 1}, "$db": "d"}, None),
        ({"find": "c", "$db": "local"}, None),
        ({"find": "c", "$db": ""}, 73),
        ("", 16),
        ("ABCD", 16),
        ("AA" * 33, 16),
        ("G" * 64, 2),
    ],
    ids=str,
)
def test_removing_settings_that_do_not_exist(db: Database, query: Any, expected: int | None) -> None:
    if expected is None:
        assert db.client.admin.command({"removeQuerySettings": query})["ok"] == 1.0
    else:
        assert code(db.client.admin, {"removeQuerySettings": query}) == expected


@pytest.mark.parametrize(
    ("query", "settings", "expected"),
    [
        (FIND, {}, 8727502),
        (FIND, {"reject": None}, 14),
        (FIND, {"indexHints": {"ns": {"db": "d", "coll": "c"}, "allowedIndexes": []}}, 7746604),
        (FIND, {"reject": False}, 7746604),
        (FIND, {"nothing": 1}, 40415),
        (FIND, {"reject": 1}, 14),
        (FIND, {"queryFramework": "other"}, 2),
        (FIND, {"indexHints": 1}, 14),
        (FIND, {"indexHints": {"ns": {"db": "d", "coll": "c"}}}, 40414),
        (FIND, {"indexHints": {"ns": {"coll": "c"}, "allowedIndexes": ["a_1"]}}, 8727500),
        (FIND, {"indexHints": {"ns": {"db": "d"}, "allowedIndexes": ["a_1"]}}, 8727501),
        (FIND, {"indexHints": [{"ns": {"db": "d", "coll": "c"}, "allowedIndexes": ["a_1"]}] * 2}, 7746608),
        (FIND, {"indexHints": {"ns": {"db": "d", "coll": "c"}, "allowedIndexes": [1]}}, 9),
        (ABSENT, {"reject": True}, 7746401),
        ("short", {"reject": True}, 2),
        ("", {"reject": True}, 16),
        (1, {"reject": True}, 14),
        ({"insert": "c"}, {"reject": True}, 7746402),
        ({"find": "c", "filter": {"_id": 1}}, {"reject": True}, 7746606),
        ({"find": "system.users"}, {"reject": True}, 8584901),
        ({"find": "c", "nothing": 1}, {"reject": True}, 40415),
    ],
    ids=str,
)
def test_refused_settings(db: Database, query: Any, settings: dict[str, Any], expected: int) -> None:
    given = {**query, "$db": "d"} if type(query) is dict else query
    assert code(db.client.admin, {"setQuerySettings": given, "settings": settings}) == expected
    assert shown(db) == []


def test_refused_representative_queries(db: Database) -> None:
    admin = db.client.admin
    assert code(admin, {"setQuerySettings": {**FIND, "$db": "admin"}, "settings": {"reject": True}}) == 8584900
    assert code(admin, {"setQuerySettings": FIND, "settings": {"reject": True}}) == 40414
    assert code(admin, {"setQuerySettings": {**FIND, "$db": "d"}}) == 40414
    assert code(db, {"setQuerySettings": {**FIND, "$db": "d"}, "settings": {"reject": True}}) == 13


def test_settings_survive_a_restart(tmp_path: Path) -> None:
    for attempt in range(2):
        with SecantusDBServer(port=0, storage_path=str(tmp_path / "data"), log_level="error") as server, MongoClient(server.uri) as client:
            if not attempt:
                put(client.d, FIND, reject=True)
            assert code(client.d, FIND) == 411


def test_a_restored_snapshot_has_its_settings() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, MongoClient(server.uri) as client:
        with server.checkpoint():
            put(client.d, FIND, reject=True)
            assert code(client.d, FIND) == 411
        assert (client.d.command(FIND)["ok"], shown(client.d)) == (1.0, [])
