"""`local.oplog.rs`: read like a capped collection, and written only by the server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo import CursorType, MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.work.oplog_collection import times_of
from tests.failing import code

FIELDS = ["op", "ns", "ui", "ts", "t", "v", "wall", "o"]


@pytest.fixture
def oplog(db: Database[Any]) -> Collection[Any]:
    """Return the oplog, after five inserts into a new collection of this test's database."""
    for number in range(5):
        db.c.insert_one({"_id": number})
    found: Collection[Any] = db.client.local["oplog.rs"]
    return found


def inserted(db: Database[Any], entries: Any) -> list[Any]:
    return [entry["o"]["_id"] for entry in entries if entry["ns"] == f"{db.name}.c" and entry["op"] == "i"]


def test_entries_in_both_directions(db: Database[Any], oplog: Collection[Any]) -> None:
    assert inserted(db, oplog.find()) == [0, 1, 2, 3, 4]
    assert inserted(db, oplog.find(batch_size=2)) == [0, 1, 2, 3, 4]
    assert inserted(db, oplog.find().sort("$natural", -1)) == [4, 3, 2, 1, 0]
    assert inserted(db, oplog.find(hint=[("$natural", -1)], batch_size=2)) == [4, 3, 2, 1, 0]
    assert inserted(db, oplog.find().sort("ts", -1)) == [4, 3, 2, 1, 0]
    newest = oplog.find_one(sort=[("$natural", -1)])
    assert {*FIELDS} <= newest.keys()
    assert not any(name.startswith("$") for name in newest)
    assert newest["ts"] == db.command("ping")["operationTime"]


def test_other_reads(db: Database[Any], oplog: Collection[Any]) -> None:
    mine = {"ns": f"{db.name}.c"}
    assert oplog.count_documents(mine) == 5
    assert oplog.estimated_document_count() >= 6
    assert set(oplog.distinct("op", {"ns": {"$regex": f"^{db.name}"}})) == {"c", "i"}
    assert [one["_id"] for one in oplog.aggregate([{"$match": mine}, {"$group": {"_id": "$op"}}])] == ["i"]
    assert oplog.find_one({"ns": f"{db.name}.c"}, {"o": 1, "_id": 0}) == {"o": {"_id": 0}}
    assert oplog.find(mine).skip(1).limit(1)[0]["o"] == {"_id": 1}


def test_conditions_on_the_time(db: Database[Any], oplog: Collection[Any]) -> None:
    times = [entry["ts"] for entry in oplog.find({"ns": f"{db.name}.c"})]
    for number, time in enumerate(times):
        assert inserted(db, oplog.find({"ts": time})) == [number]
        assert inserted(db, oplog.find({"ts": {"$gt": time}})) == [0, 1, 2, 3, 4][number + 1 :]
        assert inserted(db, oplog.find({"ts": {"$gte": time}, "op": "i"})) == [0, 1, 2, 3, 4][number:]
        assert inserted(db, oplog.find({"ts": {"$lt": time}})) == [0, 1, 2, 3, 4][:number]
        assert inserted(db, oplog.find({"$and": [{"ts": {"$lte": time}}, {"op": "i"}]})) == [0, 1, 2, 3, 4][: number + 1]
        assert inserted(db, oplog.find({"ts": {"$gte": time}}).sort("$natural", -1)) == [4, 3, 2, 1, 0][: 5 - number]


@pytest.mark.parametrize(
    ("filter", "first", "last"),
    [
        ({}, 0, 2**64 - 1),
        ({"ts": Timestamp(0, 5)}, 5, 5),
        ({"ts": {"$gt": Timestamp(1, 5), "$lt": Timestamp(2, 0)}}, 2**32 + 6, 2**33 - 1),
        ({"$and": [{"ts": {"$gte": Timestamp(0, 5)}}, {"ts": {"$lte": Timestamp(0, 9)}}]}, 5, 9),
        ({"$or": [{"ts": Timestamp(0, 5)}]}, 0, 2**64 - 1),
        ({"ts": {"$ne": Timestamp(0, 5)}}, 0, 2**64 - 1),
        ({"ts": {"$gt": 5}}, 0, 2**64 - 1),
    ],
)
def test_the_times_of_a_filter(filter: dict[str, Any], first: int, last: int) -> None:
    assert times_of(filter) == (first, last)


def test_a_tailable_cursor_waits_for_the_next_entry(db: Database[Any], oplog: Collection[Any]) -> None:
    newest = oplog.find_one(sort=[("$natural", -1)])["ts"]
    with oplog.find({"ts": {"$gt": newest}, "ns": f"{db.name}.c"}, cursor_type=CursorType.TAILABLE_AWAIT).max_await_time_ms(
        10_000
    ) as cursor:
        assert next(cursor, None) is None
        assert cursor.alive
        writer = threading.Thread(target=lambda: db.c.insert_one({"_id": "late"}))
        writer.start()
        assert next(cursor)["o"] == {"_id": "late"}
        writer.join()


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda oplog: oplog.insert_one({}), 73),
        (lambda oplog: oplog.update_one({}, {"$set": {"a": 1}}), 73),
        (lambda oplog: oplog.delete_many({}), 73),
        (lambda oplog: oplog.find_one_and_delete({}), 73),
        (lambda oplog: oplog.create_index("ts"), 73),
        (lambda oplog: oplog.drop(), 20),
    ],
)
def test_writes_are_refused(oplog: Collection[Any], write: Callable[[Any], Any], expected: int) -> None:
    with pytest.raises(OperationFailure) as caught:
        write(oplog)
    assert caught.value.code == expected
    assert oplog.find_one() is not None


def test_it_has_no_indexes(oplog: Collection[Any]) -> None:
    assert code(oplog.database, {"find": "oplog.rs", "hint": {"ts": 1}}) == 2


def test_statistics(client: MongoClient[Any], oplog: Collection[Any]) -> None:
    listed = next(one for one in client.local.list_collections() if one["name"] == "oplog.rs")
    assert listed["options"]["capped"] is True
    stats = client.local.command("collStats", "oplog.rs")
    assert (stats["capped"], stats["count"], stats["nindexes"]) == (True, oplog.count_documents({}), 0)
    (found,) = oplog.aggregate([{"$collStats": {"count": {}, "storageStats": {}}}])
    assert found["count"] == found["storageStats"]["count"] == stats["count"]
