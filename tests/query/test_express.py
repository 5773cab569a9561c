"""Express plans: when explain shows them, their stages, and their statistics."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database


@pytest.fixture
def filled(db: Database) -> Database:
    db.c.insert_many([{"_id": n, "u": n, "p": f"p{n}", "a": n % 5, "b": n, "tags": [n, n + 1]} for n in range(20)])
    db.c.create_index("u", unique=True, sparse=True)
    db.c.create_index("p", unique=True, partialFilterExpression={"p": {"$gte": ""}})
    db.c.create_index([("a", 1), ("b", -1)])
    db.c.create_index("tags")
    return db


def explained(db: Database, command: dict[str, Any]) -> dict[str, Any]:
    reply: dict[str, Any] = db.command({"explain": command, "verbosity": "executionStats"})
    return reply


def names(stage: dict[str, Any]) -> list[str]:
    return [stage["stage"], *(names(stage["inputStage"]) if "inputStage" in stage else [])]


def plan_of(db: Database, command: dict[str, Any]) -> tuple[list[str], int, int, int]:
    """Return the names of the stages, and the numbers of returned documents, examined keys and examined documents."""
    reply = explained(db, command)
    statistics = reply["executionStats"]
    found = names(reply["queryPlanner"]["winningPlan"])
    assert names(statistics["executionStages"]) == found
    return found, statistics["nReturned"], statistics["totalKeysExamined"], statistics["totalDocsExamined"]


def test_the_stage_shows_three_numbers(filled: Database) -> None:
    reply = explained(filled, {"find": "c", "filter": {"_id": 5}})
    plan = {"isCached": False, "stage": "EXPRESS_IXSCAN", "keyPattern": "{ _id: 1 }", "indexName": "_id_"}
    assert reply["queryPlanner"]["winningPlan"] == plan
    assert reply["queryPlanner"]["rejectedPlans"] == []
    executed = reply["executionStats"]["executionStages"]
    assert executed == {**plan, "keysExamined": 1, "docsExamined": 1, "nReturned": 1}
    assert list(executed)[-3:] == ["keysExamined", "docsExamined", "nReturned"]


@pytest.mark.parametrize(
    ("find", "numbers"),
    [
        ({"filter": {"_id": 5}, "limit": 1}, (1, 1, 1)),
        ({"filter": {"_id": 5}, "sort": {"a": 1}}, (1, 1, 1)),
        ({"filter": {"_id": {"$eq": 5}}}, (1, 1, 1)),
        ({"filter": {"_id": {"$in": [5]}}}, (1, 1, 1)),
        ({"filter": {"$and": [{"_id": 5}]}}, (1, 1, 1)),
        ({"filter": {"_id": {"x": 1}}}, (0, 0, 0)),
        ({"filter": {"_id": 77}}, (0, 0, 0)),
        ({"filter": {"u": 5}}, (1, 1, 1)),
        ({"filter": {"u": 5}, "limit": 3}, (1, 1, 1)),
        ({"filter": {"u": 77}}, (0, 0, 0)),
        ({"filter": {"p": "p3"}}, (1, 1, 1)),
        ({"filter": {"a": 3}, "limit": 1}, (1, 1, 1)),
        ({"filter": {"tags": 3}, "limit": 1}, (1, 1, 1)),
    ],
)
def test_an_equality_that_one_document_answers(filled: Database, find: dict[str, Any], numbers: tuple[int, int, int]) -> None:
    assert plan_of(filled, {"find": "c", **find}) == (["EXPRESS_IXSCAN"], *numbers)


@pytest.mark.parametrize(
    ("find", "stages"),
    [
        ({"filter": {"_id": 5}, "skip": 1}, ["SKIP", "FETCH", "IXSCAN"]),
        ({"filter": {"_id": 5}, "hint": "_id_"}, ["FETCH", "IXSCAN"]),
        ({"filter": {"_id": 5}, "returnKey": True}, ["FETCH", "IXSCAN"]),
        ({"filter": {"_id": 5}, "showRecordId": True}, ["FETCH", "IXSCAN"]),
        ({"filter": {"_id": 5}, "collation": {"locale": "en"}}, ["FETCH", "IXSCAN"]),
        ({"filter": {"_id": 5}, "projection": {"x": {"$add": ["$a", 1]}}}, ["PROJECTION_DEFAULT", "IDHACK"]),
        ({"filter": {"_id": 5}, "projection": {"a.b": 1}}, ["PROJECTION_DEFAULT", "IDHACK"]),
        ({"filter": {"_id": {"$in": [5, 6]}}}, ["FETCH", "IXSCAN"]),
        ({"filter": {"_id": {"$gte": 5, "$lte": 5}}}, ["FETCH", "IXSCAN"]),
        ({"filter": {"_id": 5, "a": 0}}, ["FETCH", "IXSCAN"]),
        ({"filter": {"u": None}}, ["COLLSCAN"]),
        ({"filter": {"u": 5}, "sort": {"a": 1}}, ["SORT", "FETCH", "IXSCAN"]),
        ({"filter": {"u": 5}, "projection": {"x": "$a"}}, ["PROJECTION_DEFAULT", "FETCH", "IXSCAN"]),
        ({"filter": {"a": 3}}, ["FETCH", "IXSCAN"]),
        ({"filter": {"a": 3}, "limit": 2}, ["LIMIT", "FETCH", "IXSCAN"]),
        ({"filter": {"tags": [3, 4]}, "limit": 1}, ["LIMIT", "FETCH", "IXSCAN"]),
    ],
)
def test_what_has_an_ordinary_plan(filled: Database, find: dict[str, Any], stages: list[str]) -> None:
    assert plan_of(filled, {"find": "c", **find})[0] == stages


@pytest.mark.parametrize(
    ("filter", "projection", "covered", "documents"),
    [
        ({"_id": 5}, {"a": 1}, False, 1),
        ({"_id": 5}, {"a": 0}, False, 1),
        ({"_id": 5}, {"_id": 1}, False, 1),
        ({"u": 5}, {"u": True, "_id": 0}, True, 0),
        ({"u": 5}, {"u": 1}, False, 1),
    ],
)
def test_a_simple_projection_is_part_of_it(
    filled: Database, filter: dict[str, Any], projection: dict[str, Any], covered: bool, documents: int
) -> None:
    executed = explained(filled, {"find": "c", "filter": filter, "projection": projection})["executionStats"]["executionStages"]
    assert executed["stage"] == "EXPRESS_IXSCAN"
    assert (executed["projection"], executed["projectionCovered"]) == (projection, covered)
    assert (executed["keysExamined"], executed["docsExamined"]) == (1, documents)


def test_a_clustered_collection(db: Database) -> None:
    db.create_collection("k", clusteredIndex={"key": {"_id": 1}, "unique": True})
    db.k.insert_many([{"_id": n} for n in range(5)])
    executed = explained(db, {"find": "k", "filter": {"_id": 3}})["executionStats"]["executionStages"]
    numbers = {"keysExamined": 0, "docsExamined": 1, "nReturned": 1}
    assert executed == {"isCached": False, "stage": "EXPRESS_CLUSTERED_IXSCAN", **numbers}
    hinted = explained(db, {"find": "k", "filter": {"_id": 3}, "hint": {"_id": 1}})["queryPlanner"]["winningPlan"]
    assert hinted == {"isCached": False, "stage": "CLUSTERED_IXSCAN", "direction": "forward", "minRecord": 3, "maxRecord": 3}
    ranged = explained(db, {"find": "k", "filter": {"_id": {"$gt": 3}}})["queryPlanner"]["winningPlan"]
    assert (ranged["stage"], ranged["filter"], ranged["minRecord"]) == ("CLUSTERED_IXSCAN", {"_id": {"$gt": 3}}, 3)
    update = {"update": "k", "updates": [{"q": {"_id": 3}, "u": {"$set": {"x": 1}}}]}
    assert plan_of(db, update)[0] == ["EXPRESS_UPDATE", "EXPRESS_CLUSTERED_IXSCAN"]


def test_the_collation_must_be_the_index_s(db: Database) -> None:
    german = {"locale": "de", "strength": 2}
    db.create_collection("g", collation=german)
    db.g.insert_one({"_id": "a", "u": "b"})
    db.g.create_index("u", unique=True)
    assert plan_of(db, {"find": "g", "filter": {"_id": "A"}}) == (["EXPRESS_IXSCAN"], 1, 1, 1)
    assert plan_of(db, {"find": "g", "filter": {"u": "B"}, "collation": german}) == (["EXPRESS_IXSCAN"], 1, 1, 1)
    assert plan_of(db, {"find": "g", "filter": {"_id": "a"}, "collation": {"locale": "simple"}})[0] == ["COLLSCAN"]


@pytest.mark.parametrize(
    ("write", "stages"),
    [
        ({"update": "c", "updates": [{"q": {"_id": 5}, "u": {"$set": {"x": 1}}}]}, ["EXPRESS_UPDATE", "EXPRESS_IXSCAN"]),
        ({"update": "c", "updates": [{"q": {"_id": 5}, "u": {"x": 1}}]}, ["EXPRESS_UPDATE", "EXPRESS_IXSCAN"]),
        ({"update": "c", "updates": [{"q": {"_id": 5}, "u": {"$set": {"x": 1}}, "multi": True}]}, ["UPDATE", "IDHACK"]),
        ({"update": "c", "updates": [{"q": {"_id": 5}, "u": {"$set": {"x": 1}}, "upsert": True}]}, ["UPDATE", "IDHACK"]),
        ({"update": "c", "updates": [{"q": {"_id": 5}, "u": {"$set": {"x": 1}}, "hint": "_id_"}]}, ["UPDATE", "FETCH", "IXSCAN"]),
        ({"update": "c", "updates": [{"q": {"u": 5}, "u": {"$set": {"x": 1}}}]}, ["UPDATE", "FETCH", "IXSCAN"]),
        ({"delete": "c", "deletes": [{"q": {"_id": 5}, "limit": 1}]}, ["EXPRESS_DELETE", "EXPRESS_IXSCAN"]),
        ({"delete": "c", "deletes": [{"q": {"_id": 5}, "limit": 0}]}, ["DELETE", "IDHACK"]),
        ({"findAndModify": "c", "query": {"_id": 5}, "update": {"$set": {"x": 1}}}, ["EXPRESS_UPDATE", "EXPRESS_IXSCAN"]),
        ({"findAndModify": "c", "query": {"_id": 5}, "remove": True}, ["EXPRESS_DELETE", "EXPRESS_IXSCAN"]),
        ({"findAndModify": "c", "query": {"_id": 5}, "remove": True, "fields": {"a": 1}}, ["PROJECTION_SIMPLE", "DELETE", "IDHACK"]),
    ],
)
def test_writes(filled: Database, write: dict[str, Any], stages: list[str]) -> None:
    assert plan_of(filled, write) == (stages, 0, 1, 1)
    assert filled.c.find_one({"_id": 5}, {"_id": 0, "x": 1}) == {}


def test_the_counters_of_the_index_count_express_reads(filled: Database) -> None:
    def uses() -> dict[str, int]:
        return {row["name"]: row["accesses"]["ops"] for row in filled.c.aggregate([{"$indexStats": {}}])}

    before = uses()
    filled.c.find_one({"_id": 5})
    filled.c.find_one({"u": 5})
    filled.c.update_one({"_id": 5}, {"$set": {"x": 1}})
    assert list(filled.c.aggregate([{"$match": {"_id": 5}}, {"$project": {"x": 1}}])) == [{"_id": 5, "x": 1}]
    after = uses()
    assert {name: after[name] - before[name] for name in ("_id_", "u_1")} == {"_id_": 3, "u_1": 1}


def test_return_key_by_id(filled: Database) -> None:
    assert list(filled.c.find({"_id": 5}, return_key=True)) == [{"_id": 5}]
