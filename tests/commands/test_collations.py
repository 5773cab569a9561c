"""Collations in commands: their sources, their scope, and their effect on indexes."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from tests.failing import code, failure

CI = {"locale": "en", "strength": 2}
FRUIT = [{"_id": 1, "x": "banana"}, {"_id": 2, "x": "Apple"}, {"_id": 3, "x": "apple"}, {"_id": 4, "x": "Cherry"}, {"_id": 5, "x": 7}]


def ids(db: Database, **find: Any) -> list[Any]:
    return [document["_id"] for document in db.command({"find": "c", **find})["cursor"]["firstBatch"]]


@pytest.mark.parametrize("index", [None, CI, {"locale": "en", "strength": 1}, {"locale": "simple"}], ids=str)
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"filter": {"x": "APPLE"}}, [2, 3]),
        ({"filter": {"x": {"$in": ["APPLE", 7]}}}, [2, 3, 5]),
        ({"filter": {"x": {"$gt": "apple"}}}, [1, 4]),
        ({"filter": {"x": {"$gte": "APPLE", "$lt": "BANANA"}}}, [2, 3]),
        ({"filter": {"x": {"$ne": "APPLE"}}}, [1, 4, 5]),
        ({"filter": {"x": {"$regex": "^a"}}}, [3]),
        ({"filter": {"x": 7}}, [5]),
        ({"filter": {"$or": [{"x": "APPLE"}, {"x": "BANANA"}]}}, [1, 2, 3]),
        ({"filter": {"$expr": {"$eq": ["$x", "APPLE"]}}}, [2, 3]),
        ({"filter": {"$expr": {"$in": ["$x", ["APPLE", "cherry"]]}}}, []),
        ({"filter": {"$expr": {"$in": ["$x", [{"$ifNull": ["$x", 0]}]]}}}, [1, 2, 3, 4, 5]),
    ],
    ids=str,
)
def test_find_is_right_whatever_the_index(
    db: Database, index: dict[str, Any] | None, arguments: dict[str, Any], expected: list[int]
) -> None:
    if index is not None:
        db.c.create_index("x", name="x", collation=index)
    db.c.insert_many(FRUIT)
    assert sorted(ids(db, **arguments, collation=CI)) == expected
    if index is not None:
        assert sorted(ids(db, **arguments, collation=CI, hint="x")) == expected


@pytest.mark.parametrize("index", [None, CI, {"locale": "simple"}], ids=str)
def test_sort(db: Database, index: dict[str, Any] | None) -> None:
    if index is not None:
        db.c.create_index("x", collation=index)
    db.c.insert_many(FRUIT)
    assert ids(db, sort={"x": 1, "_id": 1}, collation=CI) == [5, 2, 3, 1, 4]
    assert ids(db, sort={"x": 1}, collation=CI) == [5, 2, 3, 1, 4]
    assert ids(db, sort={"x": 1}) == [5, 2, 4, 3, 1]


@pytest.mark.parametrize(
    ("index", "query", "stage"),
    [
        (CI, CI, "IXSCAN"),
        (CI, {"locale": "en", "strength": 2, "caseLevel": False}, "IXSCAN"),
        (CI, None, "COLLSCAN"),
        (None, CI, "COLLSCAN"),
    ],
)
def test_an_index_serves_its_own_collation(db: Database, index: dict[str, Any] | None, query: dict[str, Any] | None, stage: str) -> None:
    db.c.insert_many(FRUIT)
    db.c.create_index("x", **({"collation": index} if index else {}))
    find: dict[str, Any] = {"find": "c", "filter": {"x": "apple"}, **({"collation": query} if query else {})}
    plan = db.command({"explain": find, "verbosity": "queryPlanner"})["queryPlanner"]["winningPlan"]
    assert plan.get("inputStage", plan)["stage"] == stage


@pytest.mark.parametrize("collation", [None, {}, CI])
def test_a_collection_s_default(db: Database, collation: dict[str, Any] | None) -> None:
    db.create_collection("c", collation=CI)
    db.c.insert_many(FRUIT)
    more = {} if collation is None else {"collation": collation}
    assert ids(db, filter={"x": "APPLE"}, **more) == [2, 3]
    assert ids(db, filter={"x": "APPLE"}, collation={"locale": "simple"}) == []
    assert db.command({"count": "c", "query": {"x": "APPLE"}, **more})["n"] == 2
    assert db.command({"distinct": "c", "key": "x", **more})["values"] == [7, "Apple", "banana", "Cherry"]
    assert db.command({"update": "c", "updates": [{"q": {"x": "APPLE"}, "u": {"$set": {"y": 1}}, "multi": True, **more}]})["n"] == 2
    assert db.command({"findAndModify": "c", "query": {"x": "BANANA"}, "update": {"$set": {"y": 1}}, **more})["value"]["_id"] == 1
    assert db.command({"delete": "c", "deletes": [{"q": {"x": "APPLE"}, "limit": 0, **more}]})["n"] == 2


def test_ids_have_the_collection_s_collation(db: Database) -> None:
    db.create_collection("c", collation=CI)
    db.c.insert_one({"_id": "apple"})
    assert ids(db, filter={"_id": "APPLE"}) == ["apple"]
    assert ids(db, filter={"_id": "APPLE"}, collation={"locale": "simple"}) == []
    assert ids(db, filter={"_id": "apple"}, collation={"locale": "simple"}) == ["apple"]
    reply = db.command({"insert": "c", "documents": [{"_id": "Apple"}]})
    assert reply["writeErrors"][0]["code"] == 11000
    db.c.update_one({"_id": "APPLE"}, {"$set": {"y": 1}})
    assert db.c.find_one() == {"_id": "apple", "y": 1}


def test_duplicate_keys_are_told_as_sort_keys(db: Database) -> None:
    db.c.create_index("x", unique=True, collation=CI)
    db.c.insert_one({"x": "apple"})
    error = db.command({"insert": "c", "documents": [{"x": "APPLE"}]})["writeErrors"][0]
    complete = next(index for index in db.c.list_indexes() if index["name"] == "x_1")["collation"]
    assert error["code"] == 11000
    assert error["keyPattern"] == {"x": 1}
    assert error["keyValue"]["x"].startswith("0x")
    assert error["collation"] == complete
    start = (
        f'E11000 duplicate key error collection: {db.name}.c index: x_1 collation: {{ locale: "en", caseLevel: false, caseFirst: "off", '
    )
    assert error["errmsg"].startswith(start)
    assert error["errmsg"].endswith(f' version: "57.1" }} dup key: {{ x: "{error["keyValue"]["x"]}" }}')


def test_views_keep_their_collation(db: Database) -> None:
    db.c.insert_many(FRUIT)
    db.create_collection("v", viewOn="c", collation=CI)
    db.create_collection("plain", viewOn="c")
    same = {"find": "v", "filter": {"x": "APPLE"}}
    assert len(db.command({**same, "collation": CI})["cursor"]["firstBatch"]) == 2
    assert len(db.command(same)["cursor"]["firstBatch"]) == 2
    assert db.command({"count": "plain", "query": {"x": "APPLE"}})["n"] == 0
    assert failure(db, {**same, "collation": {"locale": "fr"}})["errmsg"] == "Cannot override a view's default collation"
    for command in (
        {"find": "plain"},
        {"count": "plain"},
        {"distinct": "plain", "key": "x"},
        {"aggregate": "plain", "pipeline": [], "cursor": {}},
    ):
        assert code(db, {**command, "collation": CI}) == 167
    assert code(db, {"aggregate": "c", "pipeline": [{"$unionWith": "v"}], "cursor": {}}) == 167


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ([{"$group": {"_id": "$x", "n": {"$sum": 1}}}, {"$match": {"n": 2}}], [{"_id": "Apple", "n": 2}]),
        ([{"$match": {"x": "BANANA"}}], [{"_id": 1, "x": "banana"}]),
        ([{"$sort": {"x": -1}}, {"$limit": 2}, {"$project": {"x": 1}}], [{"_id": 4, "x": "Cherry"}, {"_id": 1, "x": "banana"}]),
        ([{"$match": {"_id": 2}}, {"$project": {"y": {"$in": ["APPLE", ["$x"]]}}}], [{"_id": 2, "y": True}]),
        ([{"$match": {"_id": 2}}, {"$project": {"y": {"$setUnion": [["$x"], ["APPLE"]]}}}], [{"_id": 2, "y": ["Apple"]}]),
        ([{"$match": {"_id": 2}}, {"$project": {"y": {"$cmp": ["$x", "APPLE"]}}}], [{"_id": 2, "y": 0}]),
    ],
    ids=str,
)
def test_aggregate(db: Database, stages: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    db.c.insert_many(FRUIT)
    reply = db.command({"aggregate": "c", "pipeline": stages, "cursor": {}, "collation": CI})
    assert reply["cursor"]["firstBatch"] == expected


@pytest.mark.parametrize("index", [None, CI, {"locale": "simple"}], ids=str)
def test_lookup(db: Database, index: dict[str, Any] | None) -> None:
    if index is not None:
        db.other.create_index("name", collation=index)
    db.c.insert_one({"_id": 1, "x": "Apple"})
    db.other.insert_many([{"_id": 1, "name": "APPLE"}, {"_id": 2, "name": "pear"}])
    lookup = {"$lookup": {"from": "other", "localField": "x", "foreignField": "name", "as": "found"}}
    command = {"aggregate": "c", "pipeline": [lookup], "cursor": {}}
    assert [found["_id"] for found in db.command({**command, "collation": CI})["cursor"]["firstBatch"][0]["found"]] == [1]
    assert db.command(command)["cursor"]["firstBatch"][0]["found"] == []


def test_a_partial_index_is_not_used_for_texts_of_a_collation(db: Database) -> None:
    db.c.create_index("x", partialFilterExpression={"x": {"$gt": "Z"}}, collation=CI)
    db.c.insert_many([{"_id": 1, "x": "b"}, {"_id": 2, "x": "zz"}])
    assert sorted(ids(db, filter={"x": {"$gt": "a"}}, collation=CI)) == [1, 2]


def test_distinct_does_not_merge_by_an_index_s_collation(db: Database) -> None:
    db.c.create_index("x", collation=CI)
    db.c.insert_many(FRUIT)
    assert db.command({"distinct": "c", "key": "x"})["values"] == [7, "Apple", "Cherry", "apple", "banana"]


@pytest.mark.parametrize(("collation", "expected"), [(CI, [2, 3, 1]), (None, None)])
def test_min_and_max_need_the_index_s_collation(db: Database, collation: dict[str, Any] | None, expected: list[int] | None) -> None:
    db.c.create_index("x", name="x", collation=CI)
    db.c.insert_many(FRUIT)
    find: dict[str, Any] = {"hint": "x", "min": {"x": "APPLE"}, "max": {"x": "cherry"}, **({"collation": collation} if collation else {})}
    if expected is None:
        assert code(db, {"find": "c", **find}) == 51174
    else:
        assert ids(db, **find) == expected


def test_merge_needs_a_unique_index_of_its_collation(db: Database) -> None:
    db.c.insert_one({"_id": 2, "x": "Apple", "v": 1})
    db.target.create_index("x", unique=True, collation=CI)
    db.target.insert_one({"_id": 1, "x": "apple"})
    stages = [{"$project": {"_id": 0, "x": 1, "v": 1}}, {"$merge": {"into": "target", "on": "x"}}]
    command = {"aggregate": "c", "pipeline": stages, "cursor": {}}
    assert code(db, command) == 51183
    db.command({**command, "collation": CI})
    assert list(db.target.find()) == [{"_id": 1, "x": "Apple", "v": 1}]


@pytest.mark.parametrize(
    ("command", "expected", "message"),
    [
        ({"create": "w", "viewOn": "v"}, 167, "View {db}.w has conflicting collation with view {db}.v"),
        ({"create": "d", "collation": CI, "idIndex": {"key": {"_id": 1}, "name": "_id_", "collation": {"locale": "simple"}}}, 2, None),
        ({"createIndexes": "c", "indexes": [{"key": {"x": 1}, "name": "x", "collation": {}}]}, 2, None),
        ({"createIndexes": "collated", "indexes": [{"key": {"x": "2d"}, "name": "x"}]}, 67, None),
        ({"createIndexes": "c", "indexes": [{"key": {"x": "text"}, "name": "x", "collation": CI}]}, 67, None),
    ],
)
def test_what_cannot_be_made(db: Database, command: dict[str, Any], expected: int, message: str | None) -> None:
    db.create_collection("v", viewOn="c", collation=CI)
    db.create_collection("collated", collation=CI)
    found = failure(db, command)
    assert found["code"] == expected
    assert message is None or found["errmsg"] == message.format(db=db.name)
