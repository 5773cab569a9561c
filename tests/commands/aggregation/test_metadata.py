"""`$meta`: the metadata of the documents of `$geoNear`, `$near` and `$sample`."""

from __future__ import annotations

from typing import Any

import pytest
from bson.int64 import Int64
from pymongo.database import Database

from tests.failing import code

POINT = {"type": "Point", "coordinates": [0, 0]}
NEAR = {"$geoNear": {"near": POINT, "distanceField": "d"}}
DISTANCE, PLACE = {"$meta": "geoNearDistance"}, {"$meta": "geoNearPoint"}


@pytest.fixture
def places(db: Database[Any]) -> Any:
    db.c.create_index([("loc", "2dsphere")])
    db.c.insert_many([{"_id": 1, "loc": [0, 2]}, {"_id": 2, "loc": [0, 1]}, {"_id": 3, "loc": [0, 3]}])
    return db.c


@pytest.mark.parametrize(
    "stages",
    [
        [],
        [{"$match": {"_id": {"$lt": 4}}}],
        [{"$addFields": {"a": [1]}}, {"$unwind": "$a"}],
        [{"$skip": 0}, {"$limit": 9}],
        [{"$project": {"d": 1, "loc": 1}}, {"$replaceRoot": {"newRoot": "$$ROOT"}}],
    ],
)
def test_distance_and_point(places: Any, stages: list[dict[str, Any]]) -> None:
    found = list(places.aggregate([NEAR, *stages, {"$project": {"d": 1, "loc": 1, "x": DISTANCE, "p": PLACE}}]))
    assert [document["_id"] for document in found] == [2, 1, 3]
    assert all(document["x"] == document["d"] and document["p"] == document["loc"] for document in found)


def test_the_distance_is_that_before_the_multiplier(places: Any) -> None:
    near = {"$geoNear": {**NEAR["$geoNear"], "distanceMultiplier": 2}}
    assert all(document["d"] == 2 * document["x"] for document in places.aggregate([near, {"$addFields": {"x": DISTANCE}}]))


def test_the_input_of_a_group(places: Any) -> None:
    [found] = places.aggregate([NEAR, {"$group": {"_id": None, "x": {"$push": DISTANCE}, "d": {"$push": "$d"}}}])
    assert found["x"] == found["d"]


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ([], 40218),
        ([NEAR, {"$group": {"_id": "$_id"}}], 40218),
        ([NEAR, {"$lookup": {"from": "c", "as": "a", "pipeline": [{"$project": {"x": DISTANCE}}]}}], 40218),
    ],
)
def test_where_there_is_none(db: Database[Any], places: Any, stages: list[dict[str, Any]], expected: int) -> None:
    pipeline = [*stages, {"$project": {"x": DISTANCE}}]
    assert code(db, {"aggregate": "c", "pipeline": pipeline, "cursor": {}}) == expected


def test_random_values(db: Database[Any], places: Any) -> None:
    assert list(places.aggregate([{"$match": {"_id": 1}}, {"$project": {"_id": 1, "x": {"$meta": "randVal"}}}])) == [{"_id": 1}]
    found = list(places.aggregate([{"$sample": {"size": 2}}, {"$project": {"x": {"$meta": "randVal"}}}]))
    assert 1 > found[0]["x"] > found[1]["x"] >= 0


def test_a_sort_keeps_it(places: Any) -> None:
    found = list(places.aggregate([NEAR, {"$sort": {"_id": -1}}, {"$limit": 2}, {"$project": {"d": 1, "x": DISTANCE}}]))
    assert [(document["_id"], document["x"] == document["d"]) for document in found] == [(3, True), (2, True)]
    assert [one["_id"] for one in places.aggregate([NEAR, {"$sort": {"x": DISTANCE}}])] == [3, 1, 2]


@pytest.mark.parametrize(("hint", "expected"), [("_id_", 291), ({"_id": 1}, 291), ("none", 2), ({"$natural": 1}, 2)], ids=str)
def test_hints_that_geo_near_cannot_follow(db: Database[Any], places: Any, hint: Any, expected: int) -> None:
    assert code(db, {"aggregate": "c", "pipeline": [NEAR], "cursor": {}, "hint": hint}) == expected
    assert len(list(places.aggregate([NEAR], hint="loc_2dsphere"))) == 3


def test_record_ids_and_keys(db: Database[Any]) -> None:
    db.c.create_index([("a", 1), ("b", -1)])
    db.c.create_index([("h", "hashed")])
    db.c.insert_many([{"_id": n, "a": n, "b": n * n, "h": n} for n in range(3)])
    wanted = {"r": {"$meta": "recordId"}, "k": {"$meta": "indexKey"}, "s": {"$meta": "sortKey"}}
    expected = [{"_id": 2, "r": 3, "k": {"a": 2, "b": 4}, "s": [4, 2]}, {"_id": 1, "r": 2, "k": {"a": 1, "b": 1}, "s": [1, 1]}]
    assert list(db.c.find({"a": {"$gt": 0}}, {"_id": 1, **wanted}).sort([("b", -1), ("a", 1)])) == expected
    stages = [{"$match": {"a": {"$gt": 0}}}, {"$sort": {"b": -1, "a": 1}}, {"$project": {"_id": 1, **wanted}}]
    assert list(db.c.aggregate(stages)) == expected
    assert db.c.find_one({"_id": 1}, {"_id": 1, **wanted}) == {"_id": 1, "r": 2, "k": {"_id": 1}}
    assert type(db.c.find_one({"h": 1}, {"k": {"$meta": "indexKey"}})["k"]["h"]) is Int64  # type: ignore[index]
    assert list(db.c.aggregate([{"$group": {"_id": None}}, {"$project": wanted}])) == [{"_id": None}]


def test_the_distance_in_a_projection_of_find(db: Database[Any], places: Any) -> None:
    wanted = {document["_id"]: document["d"] for document in places.aggregate([NEAR])}
    found = list(places.find({"loc": {"$near": {"$geometry": POINT}}}, {"x": DISTANCE, "_id": 1}))
    assert {document["_id"]: document["x"] for document in found} == wanted
    assert code(db, {"find": "c", "projection": {"x": DISTANCE}}) == 40218
    assert code(db, {"find": "c", "filter": {"loc": {"$near": {"$geometry": POINT}}}, "projection": {"x": PLACE}}) == 238


def _failure(db: Database[Any], stages: list[dict[str, Any]]) -> int:
    return code(db, {"aggregate": "a", "pipeline": stages, "cursor": {}})


@pytest.fixture
def texts(db: Database[Any]) -> Database[Any]:
    for name, first in (("a", 0), ("b", 10)):
        db[name].create_index([("t", "text")], default_language="none")
        db[name].insert_many([{"_id": first + number, "g": 0, "t": "apple" + " x" * number} for number in range(3)])
    return db


SEARCH = {"$match": {"$text": {"$search": "apple"}}}
RECORD, SCORE = {"$addFields": {"r": {"$meta": "recordId"}}}, {"$addFields": {"s": {"$meta": "textScore"}}}
GROUPED, WINDOW = {"$group": {"_id": "$_id"}}, {"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"n": {"$sum": 1}}}}


@pytest.mark.parametrize("stages", [[GROUPED], [{"$sort": {"_id": 1}}, GROUPED], [{"$sortByCount": "$g"}]])
def test_new_documents_of_a_union_have_no_metadata(texts: Database[Any], stages: list[dict[str, Any]]) -> None:
    found = list(texts.a.aggregate([{"$match": {"_id": 1}}, {"$unionWith": {"coll": "b", "pipeline": stages}}, RECORD]))
    assert "r" in found[0]
    assert all("r" not in document for document in found[1:])


def test_documents_of_a_stage_in_a_union_have_no_metadata(texts: Database[Any]) -> None:
    stages = [SEARCH, {"$match": {"_id": 1}}, {"$unionWith": {"pipeline": [{"$documents": [{"_id": 9}]}]}}, SCORE, {"$sort": {"_id": 1}}]
    assert ["s" in document for document in texts.a.aggregate(stages)] == [True, False]


def test_metadata_behind_a_union_that_mixes_it_up_is_refused(texts: Database[Any]) -> None:
    union = {"$unionWith": {"coll": "b", "pipeline": [SEARCH, WINDOW]}}
    assert _failure(texts, [SEARCH, union, SCORE]) == 238
    assert len(list(texts.a.aggregate([SEARCH, SCORE, union]))) == 6


@pytest.mark.parametrize(
    "joined", [{"$lookup": {"from": "v", "pipeline": [RECORD], "as": "j"}}, {"$unionWith": {"coll": "v", "pipeline": [RECORD]}}]
)
def test_new_documents_of_a_view_have_no_metadata(texts: Database[Any], joined: dict[str, Any]) -> None:
    texts.create_collection("v", viewOn="b", pipeline=[GROUPED])
    for document in texts.a.aggregate([joined]):
        assert "r" not in document
        assert all("r" not in other for other in document.get("j", []))


def test_metadata_of_documents_joined_by_a_key_is_refused(texts: Database[Any]) -> None:
    join = {"from": "b", "localField": "g", "foreignField": "g", "as": "j"}
    for stages in ([RECORD], [SEARCH, SCORE]):
        assert _failure(texts, [{"$lookup": {**join, "pipeline": stages}}]) == 238


def test_a_filter_cannot_read_the_score_of_its_own_search(texts: Database[Any]) -> None:
    high = {"$expr": {"$gt": [{"$meta": "textScore"}, 1]}}
    for filter in ({**SEARCH["$match"], **high}, {**high, **SEARCH["$match"]}):
        assert _failure(texts, [{"$match": filter}]) == 40218
    assert [document["_id"] for document in texts.a.aggregate([SEARCH, {"$match": high}])] == [0]
