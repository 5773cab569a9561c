"""The command collMod."""

from __future__ import annotations

from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, WriteError

from tests.failing import code, failure


def change(db: Database, name: str, **options: Any) -> dict[str, Any]:
    reply = db.command({"collMod": name, **options})
    return {key: value for key, value in reply.items() if key.endswith(("_old", "_new"))}


def spec(db: Database, name: str) -> dict[str, Any]:
    return next(dict(index) for index in db.c.list_indexes() if index["name"] == name)


def test_hidden(db: Database) -> None:
    db.c.create_index("a")
    assert change(db, "c", index={"keyPattern": {"a": 1}, "hidden": True}) == {"hidden_old": False, "hidden_new": True}
    assert spec(db, "a_1")["hidden"] is True
    assert code(db, {"find": "c", "filter": {"a": 1}, "hint": "a_1"}) == 2
    assert change(db, "c", index={"name": "a_1", "hidden": True}) == {}
    assert change(db, "c", index={"name": "a_1", "hidden": 0}) == {"hidden_old": True, "hidden_new": False}
    assert "hidden" not in spec(db, "a_1")


@pytest.mark.parametrize(
    ("given", "kept"),
    [(50, 50), (50.7, 50), (Decimal128("50.7"), 51), (Decimal128("50.5"), 50), (2**40, 2**31 - 1), (float("nan"), 0), (-0.9, 0)],
)
def test_expiry(db: Database, given: Any, kept: int) -> None:
    db.c.create_index("a", expireAfterSeconds=100)
    found = change(db, "c", index={"name": "a_1", "expireAfterSeconds": given})
    assert found == {"expireAfterSeconds_old": Int64(100), "expireAfterSeconds_new": Int64(kept)}
    assert spec(db, "a_1")["expireAfterSeconds"] == kept


def test_an_index_becomes_unique(db: Database) -> None:
    db.c.create_index("a")
    db.c.insert_many([{"_id": 1, "a": 1}, {"_id": 2, "a": 2}])
    assert code(db, {"collMod": "c", "index": {"name": "a_1", "unique": True}}) == 72
    assert change(db, "c", index={"name": "a_1", "prepareUnique": True}) == {"prepareUnique_old": False, "prepareUnique_new": True}
    with pytest.raises(DuplicateKeyError):
        db.c.insert_one({"_id": 3, "a": 2})
    db.c.update_one({"_id": 2}, {"$set": {"b": 1}})
    assert change(db, "c", index={"name": "a_1", "unique": True}, dryRun=True) == {}
    assert change(db, "c", index={"name": "a_1", "unique": True}) == {"unique_new": True}
    assert spec(db, "a_1") == {"v": 2, "key": {"a": 1}, "name": "a_1", "unique": True}
    with pytest.raises(DuplicateKeyError):
        db.c.insert_one({"_id": 3, "a": 2})
    assert db.c.find_one({"a": 2}, hint="a_1") == {"_id": 2, "a": 2, "b": 1}
    assert db.command({"validate": "c", "full": True})["valid"]


def test_duplicates_stand_against_unique(db: Database) -> None:
    db.c.create_index("a")
    db.c.insert_many([{"_id": 1, "a": 1}, {"_id": 2, "a": 1}])
    change(db, "c", index={"name": "a_1", "prepareUnique": True})
    found = failure(db, {"collMod": "c", "index": {"name": "a_1", "unique": True}})
    assert (found["code"], found["violations"]) == (359, [{"ids": [1, 2]}])


def test_the_validator(db: Database) -> None:
    db.c.insert_one({"_id": 1})
    change(db, "c", validator={"a": {"$exists": True}})
    with pytest.raises(WriteError) as caught:
        db.c.insert_one({"_id": 2})
    assert caught.value.code == 121
    change(db, "c", validationLevel="moderate")
    db.c.update_one({"_id": 1}, {"$set": {"b": 1}})
    change(db, "c", validator={})
    db.c.insert_one({"_id": 2})


def test_a_view(db: Database) -> None:
    db.c.insert_many([{"_id": 1}, {"_id": 2}])
    db.create_collection("v", viewOn="c")
    change(db, "v", pipeline=[{"$match": {"_id": 2}}])
    assert list(db.v.find()) == [{"_id": 2}]
    assert code(db, {"collMod": "v", "viewOn": "v"}) == 5
    assert code(db, {"collMod": "v", "pipeline": [{"$out": "d"}]}) == 167


def test_caps(db: Database) -> None:
    db.create_collection("c", capped=True, size=100_000)
    change(db, "c", cappedMax=2)
    db.c.insert_many({"_id": number} for number in range(5))
    assert [document["_id"] for document in db.c.find()] == [3, 4]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"index": {}}, 72),
        ({"index": {"name": "a_1"}}, 72),
        ({"index": {"name": "none", "hidden": True}}, 27),
        ({"index": {"name": "_id_", "hidden": True}}, 2),
        ({"index": {"name": "_id_", "expireAfterSeconds": 1}}, 72),
        ({"index": {"name": "a_1", "expireAfterSeconds": -1}}, 72),
        ({"index": {"name": "a_1", "expireAfterSeconds": "1"}}, 14),
        ({"index": {"name": "a_1", "unique": False}}, 2),
        ({"index": {"name": "a_1", "prepareUnique": True, "hidden": True}}, 72),
        ({"index": {"name": "a_1", "other": 1}}, 40415),
        ({"index": "a_1"}, 14),
        ({"validationLevel": "Strict"}, 2),
        ({"validator": {"$where": "true"}}, 2),
        ({"validator": {"a": {"$near": [0, 0]}}}, 5626500),
        ({"viewOn": "d"}, 72),
        ({"cappedSize": 1000}, 72),
        ({"cappedSize": 0}, 2),
        ({"dryRun": True}, 72),
        ({"expireAfterSeconds": 1}, 72),
        ({"changeStreamPreAndPostImages": {}}, 40414),
        ({"other": 1}, 40415),
    ],
)
def test_errors(db: Database, options: dict[str, Any], expected: int) -> None:
    db.c.create_index("a")
    assert code(db, {"collMod": "c", **options}) == expected


def test_a_missing_collection(db: Database) -> None:
    assert code(db, {"collMod": "none"}) == 26


def test_the_oplog_cannot_be_changed(db: Database) -> None:
    assert code(db.client.local, {"collMod": "oplog.rs", "cappedSize": 4096}) == 72
