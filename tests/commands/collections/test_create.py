"""create, and the options that listCollections shows afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from bson.decimal128 import Decimal128
from pymongo.database import Database

from tests.failing import code, failure


def options(db: Database, name: str) -> Any:
    return next(info["options"] for info in db.list_collections() if info["name"] == name)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, {}),
        ({"capped": False}, {}),
        ({"capped": True, "size": 1}, {"capped": True, "size": 256}),
        ({"capped": 1, "size": Decimal128("4096.5"), "max": 3.9}, {"capped": True, "size": 4096, "max": 3}),
        ({"capped": True, "size": 4096, "max": -5}, {"capped": True, "size": 4096}),
        ({"validator": {"a": 1}}, {"validator": {"a": 1}, "validationLevel": "strict", "validationAction": "error"}),
        ({"validationLevel": "off"}, {"validationLevel": "off"}),
        ({"collation": {"locale": "simple"}}, {}),
        ({"changeStreamPreAndPostImages": {"enabled": True}}, {"changeStreamPreAndPostImages": {"enabled": True}}),
        ({"changeStreamPreAndPostImages": {"enabled": False}}, {}),
        ({"viewOn": "c", "pipeline": [{"$match": {}}]}, {"viewOn": "c", "pipeline": [{"$match": {}}]}),
        ({"viewOn": "c"}, {"viewOn": "c", "pipeline": []}),
        ({"viewOn": "c", "capped": True, "size": 4096, "max": 1, "validator": {"a": 1}}, {"viewOn": "c", "pipeline": []}),
        ({"idIndex": {"key": {"_id": 1}, "name": "other"}}, {}),
        ({"clusteredIndex": False}, {}),
        (
            {"clusteredIndex": {"key": {"_id": 1}, "unique": 1, "v": 2}},
            {"clusteredIndex": {"v": 2, "key": {"_id": 1}, "name": "_id_", "unique": True}},
        ),
        (
            {"storageEngine": {"wiredTiger": {"configString": "block_compressor=zstd"}}},
            {"storageEngine": {"wiredTiger": {"configString": "block_compressor=zstd"}}},
        ),
    ],
)
def test_options_as_they_are_kept(db: Database, given: dict[str, Any], kept: dict[str, Any]) -> None:
    db.command({"create": "a", **given})
    assert options(db, "a") == kept
    db.command({"create": "a", **given})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"capped": True}, 72),
        ({"idIndex": {"key": {"_id": 1}, "name": "_id_", "v": 2.5}}, 2),
        ({"idIndex": {"key": {"_id": 1}}}, 9),
        ({"clusteredIndex": {"key": {"_id": 1}, "unique": True}, "viewOn": "c"}, 6026500),
        ({"viewOn": "c", "pipeline": [{"$match": {"a": "a" * 16_000_000}}]}, 195),
        ({"storageEngine": {"wiredTiger": {"other": "a"}}}, 72),
        ({"storageEngine": {"wiredTiger": {"configString": "other=1"}}}, 2),
        ({"storageEngine": {"wiredTiger": {"configString": "block_compressor=zlib,log=(enabled=true)"}}}, 238),
        ({"writeConcern": {"w": Decimal128("-0.51")}}, 9),
        ({"writeConcern": {"w": Decimal128("50.6")}}, 9),
        ({"validator": {"a": {"$regex": "a" * 16385}}}, 51091),
        ({"size": 100}, 72),
        ({"capped": False, "size": 100}, 72),
        ({"capped": True, "size": 0}, 2),
        ({"capped": True, "size": "1"}, 14),
        ({"capped": True, "size": 100, "max": 2**31}, 2),
        ({"validationLevel": "Strict"}, 2),
        ({"validator": {"$where": "1"}}, 2),
        ({"validator": {"a": {"$bad": 1}}}, 2),
        ({"collation": {}}, 40414),
        ({"collation": {"locale": "en", "strength": 9}}, 2),
        ({"collation": {"locale": "en", "caseLevel": 1}}, 14),
        ({"collation": {"locale": "en", "version": "1"}}, 161),
        ({"collation": {"locale": "no_such_locale"}}, 2),
        ({"viewOn": ""}, 2),
        ({"pipeline": []}, 72),
        ({"viewOn": "a"}, 5),
        ({"viewOn": "c", "pipeline": [{"$out": "d"}]}, 167),
        ({"viewOn": "c", "pipeline": [1]}, 14),
        ({"idIndex": {"key": {"a": 1}, "name": "x"}}, 2),
        ({"idIndex": {"key": {"_id": 1}, "name": "x", "sparse": True}}, 197),
        ({"clusteredIndex": {"key": {"_id": 1}}}, 40414),
        ({"clusteredIndex": {"key": {"a": 1}, "unique": True}}, 197),
        ({"timeseries": {"timeField": "t", "metaField": "t"}}, 72),
        ({"timeseries": {"timeField": "t", "granularity": "years"}}, 2),
        ({"expireAfterSeconds": 1}, 72),
        ({"storageEngine": {"other": {}}}, 72),
        ({"other": 1}, 40415),
    ],
)
def test_options_that_cannot_be(db: Database, given: dict[str, Any], expected: int) -> None:
    assert code(db, {"create": "a", **given}) == expected
    assert db.list_collection_names() == []


@pytest.mark.parametrize("name", ["", ".a", "a$b", "$a", "system.other", 1, None])
def test_names_that_cannot_be(db: Database, name: Any) -> None:
    assert code(db, {"create": name}) == 73


def test_another_collection_of_the_name(db: Database) -> None:
    db.create_collection("a")
    assert code(db, {"create": "a", "capped": True, "size": 100}) == 48
    db.create_collection("limited", validator={"a": {"$gt": "x"}})
    message = failure(db, {"create": "limited"})["errmsg"]
    assert 'but with different options: { validator: { a: { $gt: "x" } }' in message


def test_a_database_of_another_case(db: Database) -> None:
    db.create_collection("a")
    found = failure(db.client[db.name.upper()], {"create": "a"})
    assert found["code"] == 13297
    assert found["errmsg"] == f"db already exists with different case already have: [{db.name}] trying to create [{db.name.upper()}]"


def test_views_of_views_end_somewhere(db: Database) -> None:
    for depth in range(20):
        db.command({"create": f"v{depth + 1}", "viewOn": f"v{depth}"})
    assert code(db, {"create": "v21", "viewOn": "v20"}) == 165


def test_cycles_of_views(db: Database) -> None:
    db.command({"create": "a", "viewOn": "b"})
    assert code(db, {"create": "b", "viewOn": "a"}) == 5
    assert code(db, {"create": "b", "viewOn": "c", "pipeline": [{"$unionWith": "a"}]}) == 5


def test_lists(db: Database) -> None:
    db.create_collection("a")
    db.create_collection("v", viewOn="a")
    assert db.list_collection_names(filter={"type": "view"}) == ["v"]
    reply = db.command({"listCollections": 1, "nameOnly": True, "filter": {"name": "a"}})
    assert reply["cursor"]["firstBatch"] == [{"name": "a", "type": "collection"}]
    reply = db.command({"listCollections": 1, "filter": {"name": "a"}, "cursor": {"batchSize": 1}})
    assert (len(reply["cursor"]["firstBatch"]), reply["cursor"]["id"]) == (1, 0)
    names = [info["name"] for info in db.client.list_databases(filter={"name": db.name})]
    assert names == [db.name]
    assert code(db.client.admin, {"listDatabases": 1, "filter": {"$where": "1"}}) == 2
    assert code(db.client.admin, {"listDatabases": 1, "filter": {"$expr": {"$lt": [{"$toDate": 0}, "$$NOW"]}}}) == 51144
