"""The arguments of aggregate, count and distinct, and the resources that their pipelines release."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Int64, Timestamp
from pymongo.database import Database

from tests.failing import code, failure


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"allowDiskUse": None}, 14),
        ({"allowDiskUse": 1}, 14),
        ({"explain": None}, 14),
        ({"let": {"x": "$a"}}, 4890500),
        ({"let": {"x": {"$add": [1, "$$ROOT.a"]}}}, 4890500),
        ({"let": {"x": {"$getField": "a"}}}, 4890500),
        ({"let": {"x": "$$NOW"}}, 51144),
        ({"let": {"NOW": 1}}, 4738901),
    ],
)
def test_arguments_of_aggregate(db: Database, arguments: dict[str, Any], expected: int) -> None:
    assert code(db, {"aggregate": "c", "pipeline": [], "cursor": {}, **arguments}) == expected


def test_let_of_constants(db: Database) -> None:
    pipeline: list[dict[str, Any]] = [{"$documents": [{}]}, {"$set": {"x": "$$x", "y": "$$y"}}]
    let = {"x": {"$literal": "$a"}, "y": {"$add": [1, 2]}}
    reply = db.command({"aggregate": 1, "pipeline": pipeline, "cursor": {"batchSize": None}, "let": let})
    assert reply["cursor"]["firstBatch"] == [{"x": "$a", "y": 3}]


@pytest.mark.parametrize("target", [2, 0.5])
def test_aggregate_wants_a_collection_or_one(db: Database, target: Any) -> None:
    assert code(db, {"aggregate": target, "pipeline": [{"$documents": []}], "cursor": {}}) == 2


@pytest.mark.parametrize("variable", ["NOW", "CLUSTER_TIME"])
def test_count_and_distinct_do_not_know_the_time(db: Database, variable: str) -> None:
    late = {"$expr": {"$gt": [f"$${variable}", None]}}
    db.c.insert_one({"_id": 1})
    assert code(db, {"count": "c", "query": late}) == 51144
    assert code(db, {"distinct": "c", "key": "_id", "query": late}) == 51144
    assert code(db, {"listCollections": 1, "filter": late}) == 51144
    assert db.c.count_documents(late) == 1
    db.create_collection("v", viewOn="c", pipeline=[])
    assert db.command({"count": "v", "query": late})["n"] == 1


@pytest.mark.parametrize("name", ["c", "v"])
@pytest.mark.parametrize(("window", "n"), [({"limit": 2}, 2), ({"limit": -2}, 2), ({"skip": 1, "limit": 1}, 1)])
def test_count_reads_no_document_past_its_limit(db: Database, name: str, window: dict[str, int], n: int) -> None:
    db.c.insert_many([{"_id": 1, "x": 1}, {"_id": 2, "x": 2}, {"_id": 3, "x": "no number"}])
    db.create_collection("v", viewOn="c", pipeline=[])
    count = {"count": name, "query": {"$expr": {"$gt": [{"$add": ["$x", 1]}, 0]}}}
    assert db.command({**count, **window})["n"] == n
    assert code(db, {**count, "skip": 1}) == 14


def test_a_validator_knows_the_cluster_time(db: Database) -> None:
    db.create_collection("c", validator={"$expr": {"$lte": ["$at", "$$CLUSTER_TIME"]}})
    db.c.insert_one({"at": Timestamp(1, 1)})
    reply = db.command({"insert": "c", "documents": [{"at": Timestamp(2**32 - 1, 1)}]})
    assert [error["code"] for error in reply["writeErrors"]] == [121]


def test_statements_of_one_update_share_the_cluster_time(db: Database) -> None:
    db.c.insert_many([{"_id": 1}, {"_id": 2}])
    updates = [{"q": {"_id": number}, "u": [{"$set": {"t": "$$CLUSTER_TIME"}}]} for number in (1, 2)]
    db.command({"update": "c", "updates": updates})
    assert len(db.c.distinct("t")) == 1


def test_out_that_fails_leaves_no_collection(db: Database) -> None:
    db.c.insert_many([{"_id": 1}, {"_id": 2}])
    assert code(db, {"aggregate": "c", "pipeline": [{"$set": {"_id": 0}}, {"$out": "made"}], "cursor": {}}) == 11000
    assert db.list_collection_names() == ["c"]


@pytest.mark.parametrize("pipeline", [[{"$out": "x" * 250}], [{"$merge": {"into": {"db": "a$b", "coll": "c"}}}]])
def test_names_of_targets(db: Database, pipeline: list[dict[str, Any]]) -> None:
    assert code(db, {"aggregate": "c", "pipeline": pipeline, "cursor": {}}) in (20, 73)


def test_statistics_of_a_view(db: Database) -> None:
    db.c.insert_one({})
    db.create_collection("v", viewOn="c", pipeline=[])
    assert code(db, {"aggregate": "v", "pipeline": [{"$collStats": {"count": {}}}], "cursor": {}}) == 166


def test_a_lookup_by_a_unique_index_goes_on_over_batches(db: Database) -> None:
    db.people.insert_many([{"_id": n, "name": f"p{n}"} for n in range(5)])
    values: list[Any] = [0, 1, 7, None, [2, 3], "x", 4]
    db.orders.insert_many([{"_id": n, "by": value} for n, value in enumerate(values)])
    pipeline = [{"$lookup": {"from": "people", "localField": "by", "foreignField": "_id", "as": "found"}}]
    found = [[one["_id"] for one in order["found"]] for order in db.orders.aggregate(pipeline, batchSize=2)]
    assert found == [[0], [1], [], [], [2, 3], [], [4]]


def test_a_lookup_in_a_sub_pipeline_reads_in_each_batch_too(db: Database) -> None:
    db.people.insert_many([{"_id": n, "boss": n + 1} for n in range(6)])
    inner = {"$lookup": {"from": "people", "localField": "boss", "foreignField": "_id", "as": "boss"}}
    same = {"$match": {"$expr": {"$eq": ["$_id", "$$n"]}}}
    outer = {"$lookup": {"from": "people", "let": {"n": "$_id"}, "pipeline": [same, inner], "as": "me"}}
    found = [person["me"][0]["boss"] for person in db.people.aggregate([outer], batchSize=2)]
    assert found == [*[[{"_id": n + 1, "boss": n + 2}] for n in range(5)], []]


@pytest.mark.parametrize("collection", ["c", "none", "view"])
@pytest.mark.parametrize("stage", ["$search", "$searchMeta", "$vectorSearch", "$listSearchIndexes"])
def test_search_is_not_enabled(db: Database, collection: str, stage: str) -> None:
    db.c.insert_one({})
    db.command({"create": "view", "viewOn": "c", "pipeline": []})
    found = failure(db, {"aggregate": collection, "pipeline": [{stage: {}}], "cursor": {}})
    assert (found["code"], found["codeName"]) == (31082, "SearchNotEnabled")
    assert code(db, {"explain": {"aggregate": collection, "pipeline": [{stage: {}}], "cursor": {}}}) == 31082
    if stage == "$listSearchIndexes":
        assert found["errmsg"] == failure(db, {"createSearchIndexes": "c", "indexes": []})["errmsg"]
    assert code(db, {"aggregate": collection, "pipeline": [{"$rankFusion": {}}], "cursor": {}}) == 40414


def test_sums_of_numbers_that_exceed_64_bits(db: Database) -> None:
    most = Int64(2**63 - 1)
    db.c.insert_many([{"_id": 1}, {"_id": 2}])
    for stages, expected in [
        ([{"$skip": 1}, {"$limit": most}], [{"_id": 2}]),
        ([{"$skip": most}, {"$skip": most}], []),
        ([{"$skip": most}, {"$skip": most}, {"$limit": most}], []),
    ]:
        assert list(db.c.aggregate(stages)) == expected, stages
    for verbosity in ("queryPlanner", "executionStats"):
        for sort in ({}, {"a": 1}):
            assert db.command("explain", {"find": "c", "skip": 1, "limit": most, "sort": sort}, verbosity=verbosity)["ok"] == 1
