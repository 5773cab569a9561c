"""createIndexes, listIndexes, dropIndexes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from tests.failing import code, code_of_call, failure


def create(db: Database, *specs: dict[str, Any]) -> dict[str, Any]:
    return db.command({"createIndexes": "c", "indexes": list(specs)})


def counts(reply: dict[str, Any]) -> tuple[int, int]:
    return reply["numIndexesBefore"], reply["numIndexesAfter"]


def test_the_collection_is_made_with_them(db: Database) -> None:
    reply = create(db, {"key": {"a": 1}, "name": "a"}, {"key": {"b": -1, "a": 1}, "name": "b"})
    assert counts(reply) == (1, 3)
    assert reply["createdCollectionAutomatically"] is True
    again = create(db, {"key": {"a": 1.0}, "name": "a"})
    assert counts(again) == (3, 3)
    assert again["note"] == "all indexes already exist"


def test_the_collection_stays_if_the_definitions_conflict(db: Database) -> None:
    assert code_of_call(create, db, {"key": {"a": 1}, "name": "a"}, {"key": {"b": 1}, "name": "a"}) == 86
    assert [index["name"] for index in db.c.list_indexes()] == ["_id_"]


def test_a_database_that_differs_only_in_case_is_refused(db: Database) -> None:
    create(db, {"key": {"a": 1}, "name": "a"})
    assert code_of_call(create, db.client[db.name.upper()], {"key": {"a": 1}, "name": "a"}) == 13297


def test_the_collection_and_its_indexes_have_an_entry_each(db: Database) -> None:
    create(db, {"key": {"a": 1}, "name": "a"}, {"key": {"b": 1}, "name": "b", "unique": True})
    entries = list(db.client.local["oplog.rs"].find({"ns": f"{db.name}.$cmd"}))
    assert [next(iter(entry["o"].items())) for entry in entries] == [("create", "c"), ("createIndexes", "c"), ("createIndexes", "c")]
    assert len({entry["ts"] for entry in entries}) == 3
    assert entries[2]["o"] == {"createIndexes": "c", "v": 2, "key": {"b": 1}, "name": "b", "unique": True}


@pytest.mark.parametrize(
    "spec",
    [
        {"key": {"a": Decimal128("-1")}},
        {"key": {"a": "hashed"}, "expireAfterSeconds": 10},
        {"key": {"a": "2d"}, "expireAfterSeconds": 10},
        {"key": {"a": 1}, "partialFilterExpression": {"$or": [{"b": {"$in": [1]}}, {"c": {"$exists": True}}]}},
        {"key": {"$**": 1}, "wildcardProjection": {"a": 1, "_id": 0}},
        {"key": {"b": 1, "$**": 1}, "wildcardProjection": {"b": 0}},
        {"key": {"a": "2dsphere"}, "2dsphereIndexVersion": 2},
        {"key": {"a": 1}, "background": True},
        {"key": {"a": 1}, "background": False},
    ],
)
def test_definitions(db: Database, spec: dict[str, Any]) -> None:
    assert counts(create(db, {"name": "x", **spec})) == (1, 2)
    listed = [dict(index) for index in db.c.list_indexes()]
    assert {key: listed[1][key] for key in spec} == spec


@pytest.mark.parametrize("seconds", [3600, Int64(3600), 3600.5, Decimal128("3600.5")])
def test_the_expiry_is_stored_as_an_int(db: Database, seconds: Any) -> None:
    create(db, {"key": {"a": 1}, "name": "a", "expireAfterSeconds": seconds})
    assert type(db.c.index_information()["a"]["expireAfterSeconds"]) is int
    db.command({"collMod": "c", "index": {"name": "a", "expireAfterSeconds": Int64(200)}})
    found = db.c.index_information()["a"]["expireAfterSeconds"]
    assert (found, type(found)) == (200, int)


def test_build_information_wraps_the_definitions(db: Database) -> None:
    db.create_collection("c")
    reply = db.command({"listIndexes": "c", "includeIndexBuildInfo": True})
    assert reply["cursor"]["firstBatch"] == [{"spec": {"v": 2, "key": {"_id": 1}, "name": "_id_"}}]


def test_system_views_takes_no_index(db: Database) -> None:
    assert code(db, {"createIndexes": "system.views", "indexes": [{"key": {"a": 1}, "name": "a"}]}) == 67


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"key": {}}, 67),
        ({"key": {"a": 0}}, 67),
        ({"key": {"a": "other"}}, 67),
        ({"key": {"$a": 1}}, 67),
        ({"key": {"a": 1}, "name": ""}, 67),
        ({"key": {"a": 1}, "name": "*"}, 2),
        ({"key": {"a": 1}, "name": "_id_"}, 2),
        ({"key": {"a": 1}, "other": 1}, 197),
        ({"key": {"a": 1}, "hidden": 1}, 14),
        ({"key": {"a": 1}, "expireAfterSeconds": "1"}, 67),
        ({"key": {"a": 1}, "expireAfterSeconds": -1}, 67),
        ({"key": {"a": 1}, "expireAfterSeconds": float("inf")}, 67),
        ({"key": {"a": 1}, "expireAfterSeconds": float("nan")}, 67),
        ({"key": {"a": 1}, "expireAfterSeconds": Decimal128("NaN")}, 67),
        ({"key": {"$**": 1}, "v": 1}, 67),
        ({"key": {"a": "2d"}, "min": 10, "max": 10}, 72),
        ({"key": {"a": "2d"}, "min": 200}, 72),
        ({"key": {"a": 1, "b": "2d"}}, 16801),
        ({"key": {"a": "2d", "b": "2d"}}, 16800),
        ({"key": {"a": 1, "b": 1}, "expireAfterSeconds": 1}, 67),
        ({"key": {"_id": 1}, "sparse": True}, 197),
        ({"key": {"a": 1}, "sparse": True, "partialFilterExpression": {}}, 67),
        ({"key": {"a": 1}, "partialFilterExpression": {"a": {"$ne": 1}}}, 67),
        ({"key": {"a": 1}, "partialFilterExpression": {"a": {"$exists": False}}}, 67),
        ({"key": {"a": 1}, "partialFilterExpression": {"$expr": {"$gt": ["$a", 1]}}}, 224),
        ({"key": {"a": 1}, "wildcardProjection": {"a": 1}}, 2),
        ({"key": {"$**": 1}, "unique": True}, 67),
        ({"key": {"$**": 1}, "wildcardProjection": {"a": 1, "b": 0}}, 31254),
        ({"key": {"$**": 1}, "wildcardProjection": {}}, 9),
        ({"key": {"$**": 1, "b.$**": 1}}, 7246201),
        ({"key": {"a": 1, "$**": 1}}, 67),
        ({"key": {"a": "2d"}, "bits": 33}, 72),
        ({"key": {"a": "hashed"}, "unique": True}, 16764),
        ({"key": {"a": 1}, "collation": {"locale": "en", "strength": 0}}, 2),
    ],
)
def test_definitions_that_cannot_be(db: Database, spec: dict[str, Any], expected: int) -> None:
    assert code(db, {"createIndexes": "c", "indexes": [{"name": "x", **spec}]}) == expected
    assert db.list_collection_names() == []


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"key": {"a": 1}, "name": "x"}, {"key": {"b": 1}, "name": "x"}, 86),
        ({"key": {"a": 1}, "name": "x"}, {"key": {"a": 1}, "name": "y"}, 85),
        ({"key": {"a": 1}, "name": "x"}, {"key": {"a": 1}, "name": "x", "expireAfterSeconds": 1}, 85),
        ({"key": {"a": 1}, "name": "x"}, {"key": {"a": 1}, "name": "x", "unique": True}, 86),
    ],
)
def test_conflicts(db: Database, first: dict[str, Any], second: dict[str, Any], expected: int) -> None:
    create(db, first)
    assert code(db, {"createIndexes": "c", "indexes": [second]}) == expected


def test_building_over_documents(db: Database) -> None:
    db.c.insert_many([{"_id": 1, "a": [1, 2]}, {"_id": 2, "a": 2}, {"_id": 3}])
    found = failure(db, {"createIndexes": "c", "indexes": [{"key": {"b": 1}, "name": "b"}, {"key": {"a": 1}, "name": "a", "unique": True}]})
    assert (found["code"], found["keyPattern"], found["keyValue"]) == (11000, {"a": 1}, {"a": 2})
    assert list(db.c.index_information()) == ["_id_"]
    db.c.create_index("a")
    assert [document["_id"] for document in db.c.find({"a": 2}, hint="a_1", sort={"_id": 1})] == [1, 2]


def test_a_partial_unique_index(db: Database) -> None:
    db.c.create_index("a", unique=True, partialFilterExpression={"b": True})
    db.c.insert_many([{"a": 1}, {"a": 1}, {"a": 1, "b": True}])
    with pytest.raises(DuplicateKeyError):
        db.c.insert_one({"a": 1, "b": True})


@pytest.mark.parametrize(
    ("wanted", "left"),
    [("*", ["_id_"]), (["*"], ["_id_"]), ("a", ["_id_", "b"]), ({"b": 1}, ["_id_", "a"]), (["a", "b"], ["_id_"]), ([], ["_id_", "a", "b"])],
)
def test_drop(db: Database, wanted: Any, left: list[str]) -> None:
    create(db, {"key": {"a": 1}, "name": "a"}, {"key": {"b": 1}, "name": "b"})
    assert db.command({"dropIndexes": "c", "index": wanted})["nIndexesWas"] == 3
    assert sorted(db.c.index_information()) == left


@pytest.mark.parametrize(
    ("wanted", "expected"), [("none", 27), ({"z": 1}, 27), ("_id_", 72), (None, 14), (1, 14), ([1], 14), (["a", "a"], 27), ({"a": 1}, 181)]
)
def test_drop_errors(db: Database, wanted: Any, expected: int) -> None:
    create(db, {"key": {"a": 1}, "name": "a"}, {"key": {"a": 1}, "name": "s", "sparse": True})
    assert code(db, {"dropIndexes": "c", "index": wanted}) == expected


def test_a_missing_collection(db: Database) -> None:
    assert code(db, {"listIndexes": "none"}) == 26
    assert code(db, {"dropIndexes": "none", "index": "*"}) == 26


def test_an_index_with_a_collation(db: Database) -> None:
    create(db, {"key": {"a": 1}, "name": "a", "unique": True, "collation": {"locale": "en", "strength": 2}})
    db.c.insert_many([{"_id": 1, "a": "x"}, {"_id": 2, "a": "y"}])
    with pytest.raises(DuplicateKeyError):
        db.c.insert_one({"a": "X"})
    assert list(db.c.find({"a": "X"})) == []
    assert [document["_id"] for document in db.c.find({"a": "X"}, collation={"locale": "en", "strength": 2})] == [1]
    assert db.command({"validate": "c", "full": True})["valid"]


def test_an_index_inherits_the_collation_of_its_collection(db: Database) -> None:
    db.create_collection("c", collation={"locale": "en", "strength": 2})
    create(db, {"key": {"a": 1}, "name": "a"}, {"key": {"b": 1}, "name": "b", "collation": {"locale": "simple"}})
    found = {index["name"]: index.get("collation", {}).get("strength") for index in db.c.list_indexes()}
    assert found == {"_id_": 2, "a": 2, "b": None}
    db.c.insert_one({"_id": "A", "a": "x"})
    assert db.c.find_one({"_id": "a", "a": "X"}) == {"_id": "A", "a": "x"}


def test_building_over_equal_keys_says_where(db: Database) -> None:
    db.c.insert_many([{"_id": 1, "a": 1}, {"_id": 2, "a": 1}])
    found = failure(db, {"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a", "unique": True}]})
    namespace = f"{db.name}.c"
    uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    assert re.fullmatch(
        f"Index build failed: {uuid}: Collection {namespace} \\( {uuid} \\) :: caused by :: "
        f"E11000 duplicate key error collection: {namespace} index: a dup key: {{ a: 1 }}",
        found["errmsg"],
    )
    assert (found["code"], found["keyPattern"], found["keyValue"]) == (11000, {"a": 1}, {"a": 1})


@pytest.mark.parametrize("document", [{"a": {"b": [1]}}, {"a": [{"b": 1}]}])
def test_a_hashed_index_takes_no_arrays(db: Database, document: dict[str, Any]) -> None:
    create(db, {"key": {"a.b": "hashed", "c": 1}, "name": "h"})
    db.c.insert_one({"a": {"b": 1}, "c": [1]})
    reply = db.command({"insert": "c", "documents": [document]})
    assert [error["code"] for error in reply["writeErrors"]] == [16766]


def test_a_hashed_index_on_an_element_takes_no_arrays_either(db: Database) -> None:
    create(db, {"key": {"c": 1, "a.0": "hashed"}, "name": "h"})
    db.c.insert_one({"_id": 1, "a": {"0": 1}})
    for write in ({"insert": "c", "documents": [{"a": [1]}]}, {"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"a": [1]}}}]}):
        assert [error["code"] for error in db.command(write)["writeErrors"]] == [16766]
    assert db.command("validate", "c", full=True)["valid"]


def test_the_order_of_a_partial_filter_makes_no_other_index(db: Database) -> None:
    for conditions in ([{"a": 1}, {"b": 2}], [{"b": 2}, {"a": 1}]):
        reply = create(db, {"key": {"a": 1}, "name": "i", "partialFilterExpression": {"$and": conditions}})
    assert counts(reply) == (2, 2)


@pytest.mark.parametrize("kind", ["2d", "2dsphere"])
def test_a_hint_of_a_geo_index_sees_what_is_in_it(db: Database, kind: str) -> None:
    create(db, {"key": {"at": kind}, "name": "geo", "partialFilterExpression": {"n": {"$gt": 0}}})
    db.c.insert_many(
        [{"_id": 1, "at": [1, 2], "n": 1}, {"_id": 2, "n": 1}, {"_id": 3, "at": None, "n": 1}, {"_id": 4, "at": [1, 2], "n": 0}]
    )
    assert [found["_id"] for found in db.c.find(hint="geo")] == [1]
    assert db.command({"count": "c", "hint": "geo"})["n"] == 1


def test_a_compound_wildcard_index_takes_no_arrays_at_its_other_fields(db: Database) -> None:
    create(db, {"key": {"a": 1, "$**": 1}, "name": "w", "wildcardProjection": {"a": 0}})
    db.c.insert_one({"_id": 1, "a": 1, "b": [1]})
    reply = db.command({"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"a": [1]}}}]})
    assert [error["code"] for error in reply["writeErrors"]] == [7246301]


def test_a_polygon_with_an_inside_by_its_winding_cannot_be_indexed(db: Database) -> None:
    crs = {"type": "name", "properties": {"name": "urn:x-mongodb:crs:strictwinding:EPSG:4326"}}
    db.c.insert_one({"at": {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [0, 0]]], "crs": crs}})
    assert code(db, {"createIndexes": "c", "indexes": [{"key": {"at": "2dsphere"}, "name": "at"}]}) == 16755


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"key": {"$**": 1}, "name": "w", "wildcardProjection": 5},
         'Error in specification { key: { $**: 1 }, name: "w", wildcardProjection: 5 } :: caused by :: '
         "The field 'wildcardProjection' must be an object, but got int"),
        ({"key": {"a": 1}, "name": "a", "unique": {}},
         'Error in specification { key: { a: 1 }, name: "a", unique: {} } :: caused by :: '
         "The field 'unique has value unique: {}, which is not convertible to bool"),
        ({"key": {"a": 1}, "name": ""},
         'Error in specification { key: { a: 1 }, name: "", v: 2 } :: caused by :: index name cannot be empty'),
        ({"key": {"a": 1}, "name": "a\0b"},
         'Error in specification { key: { a: 1 }, name: "a\0b", v: 2 } :: caused by :: index name cannot contain NUL bytes'),
        ({"key": {"a": 1}},
         "Error in specification { key: { a: 1 } } :: caused by :: The 'name' field is a required property of an index specification"),
        ({"key": {"a": 0}, "name": "a"},
         'Error in specification { key: { a: 0 }, name: "a" } :: caused by :: Values in the index key pattern cannot be 0.'),
    ],
)  # fmt: skip
def test_errors_quote_the_definition(db: Database, spec: dict[str, Any], text: str) -> None:
    assert failure(db, {"createIndexes": "c", "indexes": [spec]})["errmsg"] == text


@pytest.mark.parametrize(("quorum", "expected"), [("unknown", 79), ("", 79), (2, 278), (-1, 9), (51, 9), (True, 14), ({}, 14)])
def test_a_commit_quorum_that_cannot_be_met(db: Database, quorum: Any, expected: int) -> None:
    assert code(db, {"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a"}], "commitQuorum": quorum}) == expected
    assert db.list_collection_names() == []


@pytest.mark.parametrize("quorum", ["votingMembers", "majority", 0, 1, 1.0])
def test_a_commit_quorum(db: Database, quorum: Any) -> None:
    assert db.command({"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a"}], "commitQuorum": quorum})["commitQuorum"] == quorum


def test_unknown_options_are_ignored_where_that_is_wanted(db: Database) -> None:
    command = {"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a", "other": 1}]}
    assert code(db, command) == 197
    db.command({**command, "ignoreUnknownIndexOptions": True})
    assert db.c.index_information()["a"] == {"v": 2, "key": [("a", 1)]}


@pytest.mark.parametrize(("key", "expected"), [({"$**": 1}, 67), ({"a": "hashed"}, 16764), ({"a": "2d"}, 67)])
def test_prepare_unique_of_a_kind_that_cannot_be_unique(db: Database, key: dict[str, Any], expected: int) -> None:
    spec = {"key": key, "name": "i"}
    for refused in ({**spec, "prepareUnique": True}, {**spec, "unique": True}):
        assert code(db, {"createIndexes": "c", "indexes": [refused]}) == expected
    create(db, spec)
    assert code(db, {"collMod": "c", "index": {"name": "i", "prepareUnique": True}}) == expected
