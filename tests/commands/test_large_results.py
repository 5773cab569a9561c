"""A result document over 16 MiB is an error when it leaves the server; inside a pipeline it may be larger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import OperationFailure

TOO_LARGE = 10334
WAVE = "x" * 5_000_000
GATHER = {"$group": {"_id": "$shift", "waves": {"$push": "$wave"}}}
FOUR_WAVES = {"waves": ["$wave"] * 4}
LOOKUP = {"$lookup": {"from": "readings", "localField": "shift", "foreignField": "shift", "as": "all"}}
WINDOW = {"$setWindowFields": {"output": {"all": {"$push": "$wave"}}}}
GRAPH = {"$graphLookup": {"from": "readings", "startWith": "$shift", "connectFromField": "next", "connectToField": "shift", "as": "all"}}
BUCKET = {"groupBy": "$shift", "output": {"waves": {"$push": "$wave"}}}

PIPELINES = {
    "$group": [GATHER],
    "$project": [{"$project": FOUR_WAVES}],
    "$addFields": [{"$addFields": FOUR_WAVES}],
    "$replaceRoot": [{"$replaceRoot": {"newRoot": FOUR_WAVES}}],
    "$lookup": [LOOKUP],
    "$graphLookup": [GRAPH],
    "$facet": [{"$facet": {"all": []}}],
    "$bucket": [{"$bucket": {**BUCKET, "boundaries": [0, 2]}}],
    "$bucketAuto": [{"$bucketAuto": {**BUCKET, "buckets": 1}}],
    "$setWindowFields": [WINDOW],
    "$unionWith": [{"$match": {"_id": -1}}, {"$unionWith": {"coll": "readings", "pipeline": [GATHER]}}],
}


@pytest.fixture(scope="module")
def shared(client: Any) -> Any:
    db = client.large_results
    db.readings.insert_many([{"_id": n, "shift": 1, "wave": WAVE} for n in range(4)])
    db.create_collection("by_shift", viewOn="readings", pipeline=[GATHER])
    yield db
    client.drop_database(db.name)


def code_of(call: Callable[[], Any]) -> int:
    with pytest.raises(OperationFailure) as caught:
        call()
    assert caught.value.code is not None
    return caught.value.code


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_that_makes_a_document_too_large(shared: Database, name: str) -> None:
    assert code_of(lambda: list(shared.readings.aggregate(PIPELINES[name]))) == TOO_LARGE


@pytest.mark.parametrize("stage", [GATHER, LOOKUP, GRAPH, WINDOW, {"$facet": {"all": []}}], ids=lambda stage: next(iter(stage)))
def test_a_document_too_large_in_the_middle_of_a_pipeline_passes(shared: Database, stage: dict[str, Any]) -> None:
    field = "waves" if stage is GATHER else "all"
    found = list(shared.readings.aggregate([stage, {"$project": {"_id": 0, "n": {"$size": f"${field}"}}}]))
    assert {document["n"] for document in found} == {4}


@pytest.mark.parametrize("filter", [{"_id": 1}, {"shift": 1}], ids=["by _id", "scan"])
def test_a_projection_of_find(shared: Database, filter: dict[str, Any]) -> None:
    assert code_of(lambda: list(shared.readings.find(filter, FOUR_WAVES))) == TOO_LARGE


def test_a_later_batch(shared: Database) -> None:
    large = {"waves": {"$cond": [{"$gte": ["$_id", 2]}, ["$wave"] * 4, None]}}
    cursor = shared.readings.find({}, large, batch_size=1)
    assert [next(cursor)["_id"], next(cursor)["_id"]] == [0, 1]
    assert code_of(lambda: next(cursor)) == TOO_LARGE


def test_a_view(shared: Database) -> None:
    assert code_of(lambda: list(shared.by_shift.find())) == TOO_LARGE
    assert shared.by_shift.count_documents({}) == 1
    assert shared.by_shift.distinct("_id") == [1]


def test_distinct_over_a_view_reads_all_of_it(shared: Database) -> None:
    shared.drop_collection("all_readings")
    shared.create_collection("all_readings", viewOn="readings", pipeline=[])
    assert shared.all_readings.distinct("_id") == [0, 1, 2, 3]


def test_a_projection_of_find_and_modify_that_fails_writes_nothing(db: Database) -> None:
    db.c.insert_one({"_id": 1, "wave": WAVE})
    assert code_of(lambda: db.c.find_one_and_update({"_id": 1}, {"$set": {"seen": 1}}, projection=FOUR_WAVES)) == TOO_LARGE
    assert code_of(lambda: db.c.find_one_and_delete({"_id": 1}, projection=FOUR_WAVES)) == TOO_LARGE
    assert db.c.count_documents({"seen": {"$exists": False}}) == 1


@pytest.mark.parametrize("last", [{"$out": "target"}, {"$merge": "target"}], ids=lambda stage: next(iter(stage)))
def test_out_and_merge(db: Database, last: dict[str, Any]) -> None:
    db.c.insert_many([{"_id": n, "shift": 1, "wave": WAVE} for n in range(4)])
    db.target.insert_one({"_id": "old"})
    assert code_of(lambda: list(db.c.aggregate([GATHER, last]))) == TOO_LARGE
    assert [document["_id"] for document in db.target.find()] == ["old"]


@pytest.mark.parametrize(
    "matched",
    ["merge", [{"$set": {"b": "$$new.b", "c": "$$new.b"}}]],
    ids=["merge", "pipeline"],
)
def test_merge_that_grows_a_document_too_large(db: Database, matched: Any) -> None:
    db.target.insert_one({"_id": 1, "a": "x" * 9_000_000})
    db.c.insert_one({"_id": 1, "b": "x" * 9_000_000})
    merge = {"$merge": {"into": "target", "whenMatched": matched}}
    assert code_of(lambda: list(db.c.aggregate([merge]))) == 17419
    assert list(db.target.find({"b": {"$exists": True}})) == []


@pytest.mark.parametrize(
    ("code", "update"),
    [
        (17419, {"$set": {"b": "x" * 9_000_000}}),
        (17419, [{"$set": {"b": "$a"}}]),
        (17419, {"$push": {"list": "x" * 9_000_000}}),
    ],
)
def test_an_update_that_grows_a_document_too_large(db: Database, code: int, update: Any) -> None:
    db.c.insert_one({"_id": 1, "a": "x" * 9_000_000})
    assert code_of(lambda: db.c.update_one({"_id": 1}, update)) == code
    assert code_of(lambda: db.c.find_one_and_update({"_id": 1}, update)) == code
    assert list(db.c.find({}, {"a": 0})) == [{"_id": 1}]


def test_an_upsert_that_makes_a_document_too_large(db: Database) -> None:
    large = "x" * 9_000_000
    assert code_of(lambda: db.c.update_one({"_id": 1, "a": large}, [{"$set": {"b": "$a"}}], upsert=True)) == 17419
    assert db.c.count_documents({}) == 0
