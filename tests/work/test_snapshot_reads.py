"""Reads with read concern "snapshot": one state for all batches, its time in the reply, and reads of the past."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.clock import SettableClock
from secantus_server.server import SecantusDBServer
from secantus_server.work.snapshot_history import MAX_HELD

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
def test_a_time_that_was_read_once_can_be_read_again(db: Database, command: dict[str, Any]) -> None:
    db.c.insert_many([{"_id": 1}, {"_id": 2}])
    found, at = run(db, command)
    db.c.insert_one({"_id": 3})
    db.c.delete_one({"_id": 1})
    assert (found, run(db, command, atClusterTime=at)) == ([1, 2], (found, at))
    now = run(db, command)
    assert (now[0], now[1] > at) == ([2, 3], True)


def test_all_sessions_share_the_state_of_a_time(client: MongoClient, db: Database) -> None:
    db.c.insert_one({"_id": 1})
    with client.start_session(snapshot=True) as session:
        assert db.c.distinct("_id", session=session) == [1]
        db.c.insert_one({"_id": 2})
        at = session._snapshot_time if hasattr(session, "_snapshot_time") else session.snapshot_time
        for command in READS:
            assert run(db, command, atClusterTime=at) == ([1], at)
        assert db.c.distinct("_id", session=session) == [1]
    assert db.c.distinct("_id") == [1, 2]


def test_a_time_that_nobody_has_read(db: Database) -> None:
    at = db.command("insert", "c", documents=[{"_id": 1}])["operationTime"]
    db.other.insert_one({})
    assert run(db, READS[0], atClusterTime=at) == ([1], at)
    assert run(db, {"find": "other"}, atClusterTime=at)[0] == []
    at = db.command("insert", "c", documents=[{"_id": 2}])["operationTime"]
    with db.client.start_session() as session, session.start_transaction():
        db.c.delete_one({"_id": 2}, session=session)
    assert run(db, READS[0], atClusterTime=at) == ([1, 2], at)


def test_a_state_keeps_collections_that_were_changed_since(db: Database) -> None:
    db.c.insert_one({"_id": 1})
    db.other.insert_one({"_id": 2})
    _, at = run(db, READS[0])
    db.other.drop()
    db.new.insert_one({})
    assert run(db, {"find": "other"}, atClusterTime=at)[0] == [2]
    assert run(db, {"find": "new"}, atClusterTime=at)[0] == []
    lookup = {"$lookup": {"from": "other", "as": "x", "pipeline": []}}
    assert len(run(db, {"aggregate": "c", "pipeline": [lookup, {"$unwind": "$x"}], "cursor": {}}, atClusterTime=at)[0]) == 1
    db.c.create_index("a")
    assert run(db, READS[0], atClusterTime=at)[0] == [1]


def test_views_lookups_and_unions_read_the_same_state(db: Database) -> None:
    db.c.insert_one({"_id": 1})
    db.other.insert_one({"_id": 5, "c": 1})
    db.create_collection("view", viewOn="c", pipeline=[{"$lookup": {"from": "other", "localField": "_id", "foreignField": "c", "as": "x"}}])
    _, at = run(db, READS[0])
    db.other.update_one({}, {"$set": {"c": 2}})
    db.other.insert_one({"_id": 6, "c": 1})
    concern = {"level": "snapshot", "atClusterTime": at}
    for command in ({"find": "view"}, {"aggregate": "view", "pipeline": [], "cursor": {}}):
        assert db.command({**command, "readConcern": concern})["cursor"]["firstBatch"] == [{"_id": 1, "x": [{"_id": 5, "c": 1}]}]
    union = {"aggregate": "c", "pipeline": [{"$unionWith": "other"}], "cursor": {}}
    assert run(db, union, atClusterTime=at)[0] == [1, 5]


def test_what_a_snapshot_read_writes_is_not_in_the_past(db: Database) -> None:
    db.c.insert_one({"_id": 1})
    _, at = run(db, READS[0])
    db.c.insert_one({"_id": 2})
    pipeline = [{"$merge": {"into": "target"}}]
    concern = {"level": "snapshot", "atClusterTime": at}
    db.command({"aggregate": "c", "pipeline": pipeline, "cursor": {}, "readConcern": concern})
    assert db.target.distinct("_id") == [1]
    assert run(db, READS[0], atClusterTime=at)[0] == [1]


def test_a_cursor_keeps_its_state(db: Database) -> None:
    db.c.insert_many([{"_id": number} for number in range(1000)])
    reply = db.command({"find": "c", "batchSize": 2, "readConcern": {"level": "snapshot"}})
    db.c.delete_many({})
    rest = db.command({"getMore": reply["cursor"]["id"], "collection": "c"})
    assert [document["_id"] for document in rest["cursor"]["nextBatch"]] == list(range(2, 1000))


def test_the_history_window_is_a_parameter() -> None:
    clock = SettableClock(1_700_000_000_000)
    with SecantusDBServer(port=0, storage_path=":memory:", clock=clock, log_level="error") as server, MongoClient(server.uri) as client:
        db = client.db
        db.c.insert_one({"_id": 1})
        _, at = run(db, READS[0])
        reply = db.command({"find": "c", "batchSize": 0, "readConcern": {"level": "snapshot"}})
        clock.advance(299_000)
        db.c.insert_one({"_id": 2})
        server.services.history.expire()
        assert run(db, READS[0], atClusterTime=at)[0] == [1]
        client.admin.command("setParameter", 1, minSnapshotHistoryWindowInSeconds=100)
        server.services.history.expire()
        assert code(db, READS[0], atClusterTime=at) == 239
        with pytest.raises(OperationFailure) as raised:
            db.command({"getMore": reply["cursor"]["id"], "collection": "c"})
        assert raised.value.code == 239


def test_the_number_of_held_states_is_bounded(db: Database, server: SecantusDBServer) -> None:
    for number in range(MAX_HELD + 5):
        db.c.insert_one({"_id": number})
        _, at = run(db, READS[0])
    db.c.insert_one({})
    assert len(server.services.history.all()) <= MAX_HELD
    assert len(run(db, READS[0], atClusterTime=at)[0]) == MAX_HELD + 5


def test_a_restore_ends_the_states_of_what_it_undoes(db: Database, server: SecantusDBServer) -> None:
    db.c.insert_one({"_id": 1})
    _, before = run(db, READS[0])
    snapshot = server.snapshot()
    db.c.insert_one({"_id": 2})
    _, undone = run(db, READS[0])
    reply = db.command({"find": "c", "batchSize": 0, "readConcern": {"level": "snapshot"}})
    server.restore(snapshot)
    assert code(db, READS[0], atClusterTime=undone) == 246
    assert run(db, READS[0], atClusterTime=before)[0] == [1]
    assert run(db, READS[0])[1] > undone
    with pytest.raises(OperationFailure) as raised:
        db.command({"getMore": reply["cursor"]["id"], "collection": "c"})
    assert raised.value.code == 43


def test_readers_of_one_time_and_writers_do_not_disturb_each_other(client: MongoClient, db: Database) -> None:
    db.c.insert_many([{"_id": number, "n": 0} for number in range(50)])
    _, at = run(db, READS[0])
    failures: list[BaseException] = []

    def read() -> None:
        for _ in range(20):
            found = db.command({"find": "c", "readConcern": {"level": "snapshot", "atClusterTime": at}})["cursor"]["firstBatch"]
            assert found == [{"_id": number, "n": 0} for number in range(50)]

    def write() -> None:
        for number in range(50):
            db.c.update_many({}, {"$inc": {"n": 1}})
            db.c.delete_one({"_id": number})

    def run_noting(body: Callable[[], None]) -> None:
        try:
            body()
        except BaseException as error:
            failures.append(error)
            raise

    threads = [Thread(target=run_noting, args=(body,)) for body in (read, read, read, write)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


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
    [({"atClusterTime": Timestamp(0, 1)}, 72), ({"atClusterTime": Timestamp(2**32 - 1, 1)}, 72), ({"atClusterTime": Timestamp(1, 1)}, 239)],
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
