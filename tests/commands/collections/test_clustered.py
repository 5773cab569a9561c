"""Clustered collections: definition, order, indexes and expiry."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer
from secantus_server.work.ttl import delete_expired

CLUSTERED = {"key": {"_id": 1}, "unique": True}


@pytest.fixture
def words(db: Database) -> Any:
    collection = db.create_collection("words", clusteredIndex=CLUSTERED)
    collection.insert_many([{"_id": name, "n": n} for n, name in enumerate("cabed")])
    return collection


def ids(cursor: Any) -> str:
    return "".join(document["_id"] for document in cursor)


def plan(db: Database, **find: Any) -> dict[str, Any]:
    return db.command("explain", {"find": "words", **find}, verbosity="queryPlanner")["queryPlanner"]["winningPlan"]


def test_how_it_is_listed(db: Database) -> None:
    db.create_collection("c", clusteredIndex={**CLUSTERED, "name": "mine"}, expireAfterSeconds=60)
    (info,) = db.list_collections()
    assert "idIndex" not in info
    assert info["options"] == {"clusteredIndex": {"v": 2, "key": {"_id": 1}, "name": "mine", "unique": True}, "expireAfterSeconds": 60}
    assert type(info["options"]["expireAfterSeconds"]) is Int64
    assert list(db.c.list_indexes()) == [{"v": 2, "key": {"_id": 1}, "name": "mine", "unique": True, "clustered": True}]


def test_natural_order_is_that_of_the_ids(words: Any) -> None:
    assert ids(words.find()) == "abcde"
    assert ids(words.find().sort("$natural", -1)) == "edcba"
    assert ids(words.aggregate([{"$match": {"n": {"$gte": 1}}}])) == "abde"
    assert ids(words.find(batch_size=2)) == "abcde"


def test_ranges_and_sorts_by_id(db: Database, words: Any) -> None:
    assert ids(words.find({"_id": {"$gt": "b", "$lte": "d"}})) == "cd"
    assert ids(words.find({"_id": {"$in": ["e", "a"]}, "n": {"$gte": 0}})) == "ae"
    assert ids(words.find().sort("_id", -1)) == "edcba"
    assert words.count_documents({"_id": {"$gte": "c"}}) == 3
    assert plan(db, filter={"_id": {"$gt": "b"}})["stage"] == "CLUSTERED_IXSCAN"
    assert plan(db, sort={"_id": -1})["stage"] in ("CLUSTERED_IXSCAN", "COLLSCAN")
    assert plan(db, filter={"_id": "a"})["stage"] == "EXPRESS_CLUSTERED_IXSCAN"
    assert plan(db, filter={"n": 1})["stage"] == "COLLSCAN"
    assert plan(db, filter={"n": 1}, hint={"_id": 1})["stage"] == "CLUSTERED_IXSCAN"


def test_writes_by_id_and_by_another_index(words: Any) -> None:
    words.create_index("n")
    words.update_one({"_id": "a"}, {"$set": {"n": 9}})
    words.delete_one({"n": 0})
    assert list(words.find({"n": {"$gte": 3}}).sort("n", 1)) == [{"_id": "e", "n": 3}, {"_id": "d", "n": 4}, {"_id": "a", "n": 9}]
    assert words.database.command({"validate": "words", "full": True})["valid"]


def test_its_own_order_is_no_index_that_counts(db: Database, words: Any) -> None:
    assert db.command({"createIndexes": "words", "indexes": [{"key": {"_id": 1}, "name": "x"}]})["numIndexesAfter"] == 0
    assert db.command({"createIndexes": "words", "indexes": [{"key": {"n": 1}, "name": "n"}]})["numIndexesAfter"] == 1
    statistics = db.command("collStats", "words")
    assert (statistics["nindexes"], statistics["clustered"], list(statistics["indexSizes"])) == (1, True, ["n"])
    assert db.command("validate", "words")["keysPerIndex"] == {"n": 5}
    assert [index["name"] for index in words.aggregate([{"$indexStats": {}}])] == ["n"]
    assert db.command({"dropIndexes": "words", "index": "*"})["nIndexesWas"] == 1
    assert [index["name"] for index in words.list_indexes()] == ["_id_"]


def test_the_largest_id(db: Database, words: Any) -> None:
    db.command({"insert": "words", "documents": [{"_id": "x" * (2**23 - 2)}]})
    reply = db.command({"insert": "words", "documents": [{"_id": "y" * (2**23 - 1)}]})
    assert [error["code"] for error in reply["writeErrors"]] == [5894900]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"dropIndexes": "words", "index": "_id_"}, 5979800),
        ({"collMod": "words", "index": {"name": "_id_", "hidden": True}}, 6011800),
        ({"collMod": "words", "index": {"keyPattern": {"_id": 1}, "expireAfterSeconds": 5}}, 27),
        ({"collMod": "words", "expireAfterSeconds": "never"}, 72),
        ({"collMod": "words", "expireAfterSeconds": -1}, 72),
        ({"find": "words", "showRecordId": True}, 238),
    ],
)
def test_what_it_does_not_take(db: Database, words: Any, command: dict[str, Any], code: int) -> None:
    with pytest.raises(OperationFailure) as raised:
        db.command(command)
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("a", "a", 11000),
        (1, 1.0, 11000),
        (float("nan"), Decimal128("NaN"), 50819),
        (float("inf"), float("inf"), 50826),
        (Decimal128("-Infinity"), float("-inf"), 50826),
    ],
)
def test_ids_are_unique(db: Database, first: Any, second: Any, code: int) -> None:
    collection = db.create_collection("c", clusteredIndex=CLUSTERED)
    collection.insert_one({"_id": first})
    reply = db.command({"insert": "c", "documents": [{"_id": second}]}, check=False)
    assert [error["code"] for error in reply["writeErrors"]] == [code]
    assert collection.count_documents({}) == 1


def test_a_collation_decides_which_ids_are_equal(db: Database) -> None:
    collection = db.create_collection("c", clusteredIndex=CLUSTERED, collation={"locale": "en", "strength": 2})
    collection.insert_one({"_id": "apple"})
    assert collection.find_one({"_id": "Apple"}) == {"_id": "apple"}
    reply = db.command({"insert": "c", "documents": [{"_id": "APPLE"}]}, check=False)
    assert reply["writeErrors"][0]["code"] == 11000


def test_documents_expire_by_their_id(server: SecantusDBServer, db: Database) -> None:
    collection = db.create_collection("c", clusteredIndex=CLUSTERED)
    now = datetime.now(timezone.utc).replace(microsecond=0)
    collection.insert_many([{"_id": now - timedelta(hours=2)}, {"_id": now}, {"_id": 1}])
    for seconds, left in [("off", 3), (7200 * 2, 3), (3600, 2)]:
        db.command({"collMod": "c", "expireAfterSeconds": seconds})
        delete_expired(server.services)
        assert collection.count_documents({}) == left


def test_it_is_copied_and_replaced_in_its_order(db: Database, words: Any) -> None:
    db.command({"cloneCollectionAsCapped": "words", "toCollection": "capped", "size": 4096})
    assert ids(db.capped.find()) == "abcde"
    db.other.insert_many([{"_id": "z"}, {"_id": "y"}])
    db.other.aggregate([{"$out": "words"}])
    assert ids(words.find()) == "yz"


def test_a_restored_snapshot_brings_it_back(server: SecantusDBServer, client: MongoClient, db: Database) -> None:
    db.create_collection("c", clusteredIndex=CLUSTERED).insert_many([{"_id": 2}, {"_id": 1}])
    with server.checkpoint():
        db.c.insert_one({"_id": 0})
        db.drop_collection("c")
        db.c.insert_many([{"_id": 2}, {"_id": 1}])
        assert list(db.c.find()) == [{"_id": 2}, {"_id": 1}]
    assert list(db.c.find()) == [{"_id": 1}, {"_id": 2}]


def test_bounds_that_nothing_is_within(db: Database) -> None:
    db.create_collection("empty", clusteredIndex={"key": {"_id": 1}, "unique": True})
    db.empty.insert_many([{"_id": n} for n in range(3)])
    for filter in ({"_id": {"$gt": 5, "$lt": "a"}}, {"_id": {"$gt": 2, "$lt": 1}}, {"_id": {"$in": [0, 1], "$gt": 1}}):
        assert list(db.empty.find(filter).sort("n")) == list(db.empty.aggregate([{"$match": filter}])) == []
        assert db.empty.count_documents(filter) == db.empty.update_many(filter, {"$set": {"n": 1}}).matched_count == 0
        plan = db.empty.find(filter).explain()["queryPlanner"]["winningPlan"]
        assert not {"minRecord", "maxRecord"} & set(plan)
