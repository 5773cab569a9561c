"""Where a stream starts, and from which points it can be resumed.

https://www.mongodb.com/docs/manual/changeStreams/#resume-a-change-stream
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer
from tests.failing import code
from tests.work.change_streams.test_events import kinds, taken, taken_until_dead

Opened = Callable[[dict[str, Any]], dict[str, Any]]


def stream_command(spec: dict[str, Any], **cursor: Any) -> dict[str, Any]:
    return {"aggregate": "c", "pipeline": [{"$changeStream": spec}], "cursor": cursor}


def test_a_stream_starts_behind_what_was_written_before(db: Database) -> None:
    db.c.insert_one({"_id": 1})
    with db.c.watch(max_await_time_ms=1) as stream:
        assert taken(stream) == []
        db.c.insert_one({"_id": 2})
        assert [event["documentKey"]["_id"] for event in taken(stream)] == [2]


def test_every_reply_says_where_to_resume(db: Database) -> None:
    db.c.insert_one({})
    cursor = db.command(stream_command({}))["cursor"]
    assert cursor["firstBatch"] == []
    tokens = [cursor["postBatchResumeToken"]["_data"]]
    more = {"getMore": cursor["id"], "collection": "c", "maxTimeMS": 1}
    db.d.insert_one({})
    tokens.append(db.command(more)["cursor"]["postBatchResumeToken"]["_data"])
    db.c.insert_many([{"_id": number} for number in range(3)])
    batch = db.command({**more, "batchSize": 2})["cursor"]
    assert batch["postBatchResumeToken"] == batch["nextBatch"][-1]["_id"]
    tokens += [event["_id"]["_data"] for event in batch["nextBatch"]]
    batch = db.command(more)["cursor"]
    tokens += [batch["nextBatch"][0]["_id"]["_data"]]
    # As long as the last event is the newest operation, the resume token is that event's, even after an empty batch.
    assert batch["postBatchResumeToken"]["_data"] == tokens[-1]
    assert db.command(more)["cursor"]["postBatchResumeToken"]["_data"] == tokens[-1]
    db.d.insert_one({})
    tokens.append(db.command(more)["cursor"]["postBatchResumeToken"]["_data"])
    assert tokens == sorted(tokens)
    assert len(set(tokens)) == len(tokens)


@pytest.mark.parametrize("option", ["resume_after", "start_after"])
def test_resuming_from_each_place(db: Database, option: str) -> None:
    with db.watch(max_await_time_ms=1, show_expanded_events=True) as stream:
        db.c.insert_many([{"_id": number} for number in range(5)])
        db.c.update_many({}, {"$set": {"a": 1}})
        db.c.create_index("a")
        db.d.insert_one({})
        db.c.drop()
        events = taken(stream)
    assert len(events) == 15
    for place, event in enumerate(events):
        with db.watch(max_await_time_ms=1, show_expanded_events=True, **{option: event["_id"]}) as resumed:
            assert taken(resumed) == events[place + 1 :]


def test_starting_at_a_time_includes_it(db: Database) -> None:
    with db.c.watch(max_await_time_ms=1) as stream:
        for number in range(3):
            db.c.insert_one({"_id": number})
        events = taken(stream)
    with db.c.watch(max_await_time_ms=1, start_at_operation_time=events[1]["clusterTime"]) as later:
        assert taken(later) == events[1:]
    with db.c.watch(max_await_time_ms=1, start_at_operation_time=Timestamp(1, 1)) as first:
        assert taken(first)[-3:] == events
    ahead = Timestamp(events[2]["clusterTime"].time + 10_000, 1)
    with db.c.watch(max_await_time_ms=1, start_at_operation_time=ahead) as future:
        db.c.insert_one({})
        assert taken(future) == []


def test_the_documents_of_one_insert_share_the_cluster_time(db: Database) -> None:
    with db.c.watch(max_await_time_ms=1) as stream:
        time = db.command("insert", "c", documents=[{"_id": number} for number in range(4)])["operationTime"]
        events = taken(stream)
    assert {event["clusterTime"] for event in events} == {time}
    assert not any({"lsid", "txnNumber"} & event.keys() for event in events)
    tokens = [event["_id"]["_data"] for event in events]
    assert tokens == sorted(set(tokens))
    for place, event in enumerate(events):
        with db.c.watch(max_await_time_ms=1, resume_after=event["_id"]) as resumed:
            assert taken(resumed) == events[place + 1 :]
    with db.c.watch(max_await_time_ms=1, start_at_operation_time=time) as later:
        assert taken(later) == events


def test_resuming_fills_the_first_batch(db: Database) -> None:
    with db.c.watch(max_await_time_ms=1) as stream:
        db.c.insert_many([{"_id": number} for number in range(3)])
        first = stream.next()
    cursor = db.command(stream_command({"resumeAfter": first["_id"]}, batchSize=1))["cursor"]
    assert [event["documentKey"]["_id"] for event in cursor["firstBatch"]] == [1]
    assert db.command(stream_command({"resumeAfter": first["_id"]}, batchSize=0))["cursor"]["firstBatch"] == []


def test_resuming_after_an_invalidate_event(db: Database) -> None:
    db.c.insert_one({})
    with db.c.watch(max_await_time_ms=1) as stream:
        db.c.drop()
        dropped, invalidated = taken_until_dead(stream)
    db.c.insert_one({"_id": "new"})
    assert code(db, stream_command({"resumeAfter": invalidated["_id"]})) == 260
    with db.c.watch(max_await_time_ms=1, start_after=invalidated["_id"]) as resumed:
        assert kinds(resumed) == ["insert"]
    with db.c.watch(max_await_time_ms=1, resume_after=dropped["_id"]) as resumed:
        assert [event["operationType"] for event in taken_until_dead(resumed)] == ["invalidate"]


def test_the_token_of_another_collection(db: Database) -> None:
    with db.d.watch(max_await_time_ms=1) as stream:
        db.d.insert_one({})
        token = stream.next()["_id"]
    db.c.insert_one({})
    with pytest.raises(OperationFailure) as caught:
        db.command(stream_command({"resumeAfter": token}))
    assert caught.value.code == 280
    assert caught.value.has_error_label("NonResumableChangeStreamError")
    with db.watch(max_await_time_ms=1, resume_after=token) as wider:
        assert kinds(wider) == ["insert"]


def test_the_token_of_another_collection_before_an_event(db: Database) -> None:
    with db.d.watch(max_await_time_ms=1) as stream:
        db.d.insert_one({})
        token = stream.next()["_id"]
    cursor = db.command(stream_command({"resumeAfter": token}))["cursor"]
    assert (cursor["firstBatch"], cursor["postBatchResumeToken"]) == ([], token)
    more = {"getMore": cursor["id"], "collection": "c", "maxTimeMS": 1}
    assert db.command(more)["cursor"]["nextBatch"] == []
    db.c.insert_one({})
    assert code(db, more) == 280


@pytest.mark.parametrize("change", [lambda data: data[:-2], lambda data: data + "00", lambda data: data + "FF", lambda data: data + "04"])
def test_a_token_with_another_last_byte(db: Database, change: Callable[[str], str]) -> None:
    with db.c.watch(max_await_time_ms=1) as stream:
        db.c.insert_many([{"_id": "a"}, {"_id": "b"}, {"_id": "c"}])
        data = stream.next()["_id"]["_data"]
    reply = db.command(stream_command({"resumeAfter": {"_data": change(data)}}))
    assert [event["documentKey"]["_id"] for event in reply["cursor"]["firstBatch"]] == ["b", "c"]


def test_a_token_of_the_future(db: Database) -> None:
    with db.c.watch(max_await_time_ms=1) as stream:
        db.c.insert_one({})
        data = stream.next()["_id"]["_data"]
    later = f"82{int(data[2:10], 16) + 1000:08X}{data[10:]}"
    assert code(db, stream_command({"resumeAfter": {"_data": later}})) == 280


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (None, 6188500),
        ({"bogus": 1}, 40415),
        ({"showExpandedEvents": 1}, 14),
        ({"allChangesForCluster": None}, 14),
        ({"allChangesForCluster": True}, 72),
        ({"fullDocument": "Default"}, 2),
        ({"fullDocumentBeforeChange": None, "startAtOperationTime": 1}, 14),
        ({"resumeAfter": {}}, 40647),
        ({"startAfter": {"_data": ""}}, 40649),
        ({"startAfter": {"_data": "xyz"}}, 9),
        ({"resumeAfter": {"_data": "00"}}, 50811),
        ({"resumeAfter": {"_data": "82"}}, 50811),
        ({"resumeAfter": {"_data": "826539B6A0000000012B0429296E14"}}, 50811),
        ({"resumeAfter": {"_data": "00", "_typeBits": "x"}}, 40648),
        (
            {"resumeAfter": {"_data": "826539B6A0000000012B0429296E1404"}, "startAfter": {"_data": "826539B6A0000000012B0429296E1404"}},
            50865,
        ),
        ({"resumeAfter": {"_data": "826539B6A0000000012B0429296E1404"}, "startAtOperationTime": Timestamp(5, 1)}, 40674),
        ({"showSystemEvents": True}, 238),
    ],
)
def test_arguments(db: Database, spec: Any, expected: int) -> None:
    assert code(db, stream_command(spec)) == expected


@pytest.mark.parametrize(
    "stage",
    [
        {"$sort": {"_id": 1}},
        {"$group": {"_id": 1}},
        {"$limit": 1},
        {"$unwind": "$a"},
        {"$lookup": {"from": "d", "as": "x", "pipeline": []}},
    ],
)
def test_stages_that_may_not_follow(db: Database, stage: dict[str, Any]) -> None:
    assert code(db, {"aggregate": "c", "pipeline": [{"$changeStream": {}}, stage], "cursor": {}}) == 20


@pytest.mark.parametrize(
    ("target", "on_admin", "expected"), [("system.views", False, 73), ("v", False, 166), ("c", True, 73), (1, True, 73)]
)
def test_what_cannot_be_watched(client: MongoClient, db: Database, target: Any, on_admin: bool, expected: int) -> None:
    db.create_collection("v", viewOn="c", pipeline=[])
    command = {"aggregate": target, "pipeline": [{"$changeStream": {}}], "cursor": {}}
    assert code(client.admin if on_admin else db, command) == expected


def test_another_read_concern(db: Database) -> None:
    assert code(db, {**stream_command({}), "readConcern": {"level": "local"}}) == 72
    assert db.command({**stream_command({}), "readConcern": {"level": "majority"}})["cursor"]["firstBatch"] == []


def test_a_standalone_server_has_none() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", replica_set="", log_level="error") as alone, MongoClient(alone.uri) as client:
        assert code(client.db, stream_command({})) == 40573


def test_a_history_that_was_removed(server: SecantusDBServer, db: Database) -> None:
    db.c.insert_one({})
    with db.c.watch(max_await_time_ms=1) as stream:
        token = stream.resume_token
        for number in range(60):
            db.c.insert_one({"_id": number, "text": "x" * 1_000_000})
        oplog = server.services.oplog
        oplog.trim()
        assert oplog.trimmed_to
        with pytest.raises(OperationFailure) as caught:
            stream.next()
        assert caught.value.code == 286
    assert code(db, stream_command({"resumeAfter": token})) == 286
    assert code(db, stream_command({"startAtOperationTime": Timestamp(1, 1)})) == 286
