"""The plan cache, as `$planCacheStats` shows it."""

from __future__ import annotations

from typing import Any

import pytest
from bson import encode
from bson.int64 import Int64
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server import SecantusDBServer
from tests.failing import code

WAYS: list[dict[str, Any]] = [
    {"find": "c", "filter": {"a": 5, "b": 5}},
    {"count": "c", "query": {"a": 5, "b": 5}},
    {"aggregate": "c", "pipeline": [{"$match": {"a": 5, "b": 5}}, {"$group": {"_id": 1}}], "cursor": {}},
    {"update": "c", "updates": [{"q": {"a": 5, "b": 5}, "u": {"$set": {"x": 1}}}]},
    {"delete": "c", "deletes": [{"q": {"a": 5, "b": 5}, "limit": 0}]},
    {"findAndModify": "c", "query": {"a": 5, "b": 5}, "remove": True},
]


@pytest.fixture
def filled(db: Database) -> Database:
    db.c.insert_many([{"_id": n, "a": n, "b": n} for n in range(10)])
    db.c.create_index("a")
    db.c.create_index("b")
    return db


def cached(db: Database) -> list[dict[str, Any]]:
    return list(db.c.aggregate([{"$planCacheStats": {}}]))


@pytest.mark.parametrize("command", WAYS, ids=lambda command: next(iter(command)))
def test_what_creates_an_entry(filled: Database, command: dict[str, Any]) -> None:
    filled.command({"explain": command, "verbosity": "executionStats"})
    assert cached(filled) == []
    filled.command(command)
    (entry,) = cached(filled)
    assert entry["createdFromQuery"] == {"query": {"a": 5, "b": 5}, "sort": {}, "projection": {}}
    assert entry["isActive"] is False
    assert type(entry["works"]) is Int64


def test_the_hashes_are_those_of_explain(filled: Database) -> None:
    list(filled.c.find({"a": 5, "b": 5}))
    explained = filled.command({"explain": {"find": "c", "filter": {"a": 5, "b": 5}}, "verbosity": "queryPlanner"})["queryPlanner"]
    (entry,) = cached(filled)
    assert [entry[name] for name in ("queryHash", "planCacheKey")] == [explained[name] for name in ("queryHash", "planCacheKey")]
    assert entry["cachedPlan"]["stage"] == "FETCH"


@pytest.mark.parametrize(
    ("filter", "sort"),
    [
        ({"a": {"$gt": 5}}, {"b": -1}),
        ({"a": 5, "b": 5}, {"x": 1}),
        ({"$or": [{"a": 1}, {"b": 2}], "a": {"$ne": 50}, "b": {"$ne": 50}}, {}),
    ],
)
def test_the_plan_is_that_of_explain(filled: Database, filter: dict[str, Any], sort: dict[str, Any]) -> None:
    find = {"find": "c", "filter": filter, "sort": sort}
    filled.command(find)
    explained = filled.command({"explain": find, "verbosity": "queryPlanner"})["queryPlanner"]
    (entry,) = cached(filled)
    assert entry["cachedPlan"] == {name: value for name, value in explained["winningPlan"].items() if name != "isCached"}
    assert entry["planCacheKey"] == explained["planCacheKey"]
    assert entry["estimatedSizeBytes"] == len(encode(entry["createdFromQuery"])) + len(encode(entry["cachedPlan"]))


def test_the_stage_that_reads_the_results_is_a_part_of_the_shape(filled: Database) -> None:
    def shown(*stages: dict[str, Any]) -> str:
        reply = filled.command({"explain": {"aggregate": "c", "pipeline": [{"$match": {"a": 5}}, *stages], "cursor": {}}})
        planner: dict[str, Any] = reply.get("queryPlanner") or reply["stages"][0]["$cursor"]["queryPlanner"]
        return str(planner["planCacheShapeHash"])

    alone = shown()
    for stage in ({"$group": {"_id": "$b"}}, {"$project": {"a": 1}}, {"$count": "n"}, {"$setWindowFields": {"output": {}}}):
        assert shown(stage) != alone
    for stage in ({"$unwind": "$b"}, {"$set": {"x": 1}}, {"$limit": 5}, {"$facet": {"n": [{"$count": "n"}]}}):
        assert shown(stage) == alone


def test_shapes(filled: Database) -> None:
    for value in (1, 2):
        list(filled.c.find({"a": value, "b": value}))
    list(filled.c.find({"b": 1, "a": {"$gt": 1}}))
    list(filled.c.find({"a": 1}))
    list(filled.c.find({"a": 1, "b": 1}).hint("a_1"))
    assert [entry["isActive"] for entry in cached(filled)] == [True, False]


def test_what_clears_entries(filled: Database) -> None:
    def run() -> None:
        for filter in ({"a": 1, "b": 1}, {"a": {"$gt": 1}, "b": 1}):
            list(filled.c.find(filter))

    run()
    filled.command("planCacheClear", "c", query={"a": 7, "b": 8})
    assert [entry["createdFromQuery"]["query"] for entry in cached(filled)] == [{"a": {"$gt": 1}, "b": 1}]
    filled.command("planCacheClear", "c")
    assert cached(filled) == []
    run()
    filled.c.create_index("x")
    assert cached(filled) == []
    run()
    filled.c.drop_index("x_1")
    assert cached(filled) == []


def test_an_index_that_becomes_multikey_clears_entries(filled: Database) -> None:
    list(filled.c.find({"a": 1, "b": 1}))
    filled.c.insert_one({"a": 20, "b": 20})
    assert [entry["cachedPlan"]["inputStage"]["isMultiKey"] for entry in cached(filled)] == [False]
    filled.c.insert_one({"a": [21, 22]})
    assert cached(filled) == []


def test_a_restore_clears_entries() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, MongoClient(server.uri) as other:
        db = other.d
        db.c.create_index("a")
        db.c.create_index("b")
        with server.checkpoint():
            db.c.insert_one({"a": 1, "b": 1})
            list(db.c.find({"a": 1, "b": 1}))
            assert len(cached(db)) == 1
        assert cached(db) == []


@pytest.mark.parametrize("command", ["planCacheClear", "planCacheClearFilters"])
def test_arguments_that_are_no_documents(db: Database, command: str) -> None:
    db.c.insert_one({"a": 1})
    for field in ("sort", "projection"):
        assert code(db, {command: "c", "query": {"a": 1}, field: 3}) == 2
    assert db.command({command: "c", "query": {"a": 1}, "sort": None, "projection": {"a": 1}})["ok"] == 1
    assert code(db, {command: "c", "query": {"a": 1}, "sort": ["a", 1]}) != 1
