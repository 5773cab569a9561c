"""Reads with read concern "snapshot": one state for all batches, its time in the reply, and refusal of past times."""

from __future__ import annotations

from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer

READS: list[dict[str, Any]] = [
    {"find": "c", "filter": {}, "sort": {"_id": 1}},
    {"aggregate": "c", "pipeline": [{"$sort": {"_id": 1}}], "cursor": {}},
    {"distinct": "c", "key": "_id"},
]


def code(db: Database, command: dict[str, Any], **concern: Any) -> int:
    with pytest.raises(OperationFailure) as raised:
        db.command({**command, "readConcern": {"level": "snapshot", **concern}})
    assert raised.value.code is not None
    return raised.value.code


def run(db: Database, command: dict[str, Any], **concern: Any) -> tuple[list[Any], Timestamp]:
    reply = db.command({**command, "readConcern": {"level": "snapshot", **concern}})
    if "values" in reply:
        return reply["values"], reply["atClusterTime"]
    return [document["_id"] for document in reply["cursor"]["firstBatch"]], reply["cursor"]["atClusterTime"]


@pytest.mark.parametrize("command", READS, ids=lambda command: next(iter(command)))
def test_its_time_is_told_and_holds_until_the_next_write(db: Database, command: dict[str, Any]) -> None:
    db.c.insert_many([{"_id": 1}, {"_id": 2}])
    found, at = run(db, command)
    assert (found, run(db, command, atClusterTime=at)) == ([1, 2], (found, at))
    db.other.insert_one({})
    assert code(db, command, atClusterTime=at) == 238
    assert run(db, command)[1] > at


def test_later_batches_show_the_same_state(client: MongoClient, db: Database) -> None:
    db.c.insert_many([{"_id": number} for number in range(6)])
    for command in READS[:2]:
        cursor = {"batchSize": 2} if "find" in command else {"cursor": {"batchSize": 2}}
        reply = db.command({**command, **cursor, "readConcern": {"level": "snapshot"}})
        removed = db.c.find_one({"_id": {"$gte": 2}})
        assert removed is not None
        db.c.delete_one(removed)
        rest = db.command({"getMore": reply["cursor"]["id"], "collection": "c"})
        assert [document["_id"] for document in rest["cursor"]["nextBatch"]][:1] == [removed["_id"]]


@pytest.mark.parametrize(
    ("concern", "expected"),
    [({"atClusterTime": Timestamp(0, 1)}, 72), ({"atClusterTime": Timestamp(2**32 - 1, 1)}, 72), ({"atClusterTime": Timestamp(1, 1)}, 238)],
)
def test_times_that_cannot_be(db: Database, concern: dict[str, Any], expected: int) -> None:
    db.c.insert_one({})
    assert code(db, READS[0], **concern) == expected


def test_not_every_read_takes_the_level(db: Database) -> None:
    assert code(db, {"count": "c"}) == 72
    db.create_collection("capped", capped=True, size=4096)
    assert code(db, {"find": "capped", "tailable": True}) == 238


def test_a_standalone_server_has_no_snapshots() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", replica_set="", log_level="error") as server, MongoClient(server.uri) as client:
        assert code(client.db, READS[0]) == 123
        with pytest.raises(OperationFailure) as raised:
            client.db.c.watch()
        assert raised.value.code == 40573
