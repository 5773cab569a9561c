"""Change streams across the restore of a snapshot: the data goes back, the cluster time does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer
from tests.failing import code
from tests.work.change_streams.test_events import taken
from tests.work.change_streams.test_resuming import stream_command


@pytest.fixture
def running() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server:
        yield server


@pytest.fixture
def of(running: SecantusDBServer) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient(running.uri) as client:
        yield client


def ids(events: list[dict[str, Any]]) -> list[Any]:
    return [event["documentKey"]["_id"] for event in events]


def test_a_stream_of_a_wider_scope_goes_on(running: SecantusDBServer, of: MongoClient[dict[str, Any]]) -> None:
    db = of.db
    with db.watch(max_await_time_ms=1) as stream:
        db.c.insert_one({"_id": "before"})
        snapshot = running.snapshot()
        db.c.insert_one({"_id": "undone, seen"})
        assert ids(taken(stream)) == ["before", "undone, seen"]
        db.c.insert_one({"_id": "undone, not seen"})
        running.restore(snapshot)
        assert taken(stream) == []
        db.c.insert_one({"_id": "after"})
        assert ids(taken(stream)) == ["after"]
        running.restore(snapshot)
        db.c.insert_one({"_id": "after again"})
        assert ids(taken(stream)) == ["after again"]


def test_events_that_were_read_but_not_returned_are_forgotten(running: SecantusDBServer, of: MongoClient[dict[str, Any]]) -> None:
    db = of.db
    db.create_collection("c")
    cursor = db.command(stream_command({}))["cursor"]
    more = {"getMore": cursor["id"], "collection": "c", "maxTimeMS": 1, "batchSize": 1}
    db.c.insert_many([{"_id": 1}, {"_id": 2}])
    snapshot = running.snapshot()
    db.c.insert_many([{"_id": number} for number in range(3, 9)])
    seen = [db.command(more)["cursor"]["nextBatch"][0]["documentKey"]["_id"] for _ in range(4)]
    running.restore(snapshot)
    assert seen == [1, 2, 3, 4]
    assert db.command(more)["cursor"]["nextBatch"] == []
    db.c.insert_one({"_id": "after"})
    assert db.command(more)["cursor"]["nextBatch"][0]["documentKey"] == {"_id": "after"}


def test_tokens_and_time_over_a_restore(running: SecantusDBServer, of: MongoClient[dict[str, Any]]) -> None:
    db = of.db
    with db.c.watch(max_await_time_ms=1) as stream:
        db.c.insert_one({"_id": "before"})
        before = stream.next()["_id"]
        taken(stream)
        clean = stream.resume_token
        snapshot = running.snapshot()
        db.c.insert_one({"_id": "undone"})
        db.d.insert_one({"_id": "undone"})
        undone = stream.next()
        taken(stream)
        mark = stream.resume_token
        time = db.command("ping")["operationTime"]
        running.restore(snapshot)
        assert db.command("ping")["operationTime"] > time
        assert taken(stream) == []
        assert stream.resume_token["_data"] > mark["_data"]
        now = stream.resume_token
        db.c.insert_one({"_id": "after"})
        after = taken(stream)
    assert after[0]["_id"]["_data"] > mark["_data"]
    for token in (undone["_id"], mark):
        assert code(db, stream_command({"resumeAfter": token})) == 286
    assert code(db, stream_command({"startAtOperationTime": time})) == 286
    for token in (before, clean, now):
        with db.c.watch(max_await_time_ms=1, resume_after=token) as resumed:
            assert taken(resumed) == after


def test_a_token_of_the_clean_state_between_two_restores(running: SecantusDBServer, of: MongoClient[dict[str, Any]]) -> None:
    db = of.db
    with db.c.watch(max_await_time_ms=1) as stream:
        snapshot = running.snapshot()
        tokens = []
        for number in range(3):
            db.c.insert_one({"_id": number})
            assert ids(taken(stream)) == [number]
            running.restore(snapshot)
            assert taken(stream) == []
            tokens.append(stream.resume_token)
    db.c.insert_one({"_id": "after"})
    for token in tokens:
        with db.c.watch(max_await_time_ms=1, resume_after=token) as resumed:
            assert ids(taken(resumed)) == ["after"]


def test_a_stream_that_the_test_opened_ends(running: SecantusDBServer, of: MongoClient[dict[str, Any]]) -> None:
    db = of.db
    snapshot = running.snapshot()
    cursor = db.command(stream_command({}))["cursor"]
    db.c.insert_one({"_id": 1})
    with db.c.watch(max_await_time_ms=1) as stream:
        db.c.insert_one({"_id": 2})
        stream.next()
        running.restore(snapshot)
        assert code(db, {"getMore": cursor["id"], "collection": "c"}) == 43
        # The driver resumes after the last event, whose write was undone.
        with pytest.raises(OperationFailure) as caught:
            stream.next()
    assert caught.value.code == 286


def test_nested_snapshots(running: SecantusDBServer, of: MongoClient[dict[str, Any]]) -> None:
    db = of.db
    with db.c.watch(max_await_time_ms=1) as stream:
        outer = running.snapshot()
        db.c.insert_one({"_id": "outer"})
        inner = running.snapshot()
        db.c.insert_one({"_id": "inner"})
        events = taken(stream)
        running.restore(inner)
        assert code(db, stream_command({"resumeAfter": events[1]["_id"]})) == 286
        with db.c.watch(max_await_time_ms=1, resume_after=events[0]["_id"]) as resumed:
            assert taken(resumed) == []
        running.restore(outer)
        assert code(db, stream_command({"resumeAfter": events[0]["_id"]})) == 286
        db.c.insert_one({"_id": "after"})
        assert ids(taken(stream)) == ["after"]


def test_an_outer_restore_of_the_same_state_undoes_nothing_more(running: SecantusDBServer, of: MongoClient[dict[str, Any]]) -> None:
    db = of.db
    db.create_collection("c")
    outer, inner = running.snapshot(), running.snapshot()
    tokens = []
    for number in range(2):
        db.c.insert_one({"_id": number})
        running.restore(inner)
        with db.c.watch(max_await_time_ms=1) as stream:
            assert taken(stream) == []
            tokens.append(stream.resume_token)
    running.restore(outer)
    db.c.insert_one({"_id": "after"})
    for token in tokens:
        with db.c.watch(max_await_time_ms=1, resume_after=token) as resumed:
            assert ids(taken(resumed)) == ["after"]
    running.restore(outer)
    # A write has followed these tokens, and was undone.
    db.c.insert_one({"_id": "later"})
    with db.c.watch(max_await_time_ms=1, resume_after=tokens[-1]) as resumed:
        assert ids(taken(resumed)) == ["later"]


def test_writes_set_aside_and_put_back_are_not_reported_twice(running: SecantusDBServer, of: MongoClient[dict[str, Any]]) -> None:
    db = of.db
    with db.watch(max_await_time_ms=1) as stream:
        outer = running.snapshot()
        db.c.insert_one({"_id": "aside"})
        assert ids(taken(stream)) == ["aside"]
        aside = running.set_aside(outer)
        assert db.c.count_documents({}) == 0
        db.d.insert_one({"_id": "meanwhile"})
        running.put_back(aside)
        assert db.c.count_documents({}) == 1
        assert ids(taken(stream)) == ["meanwhile"]
        running.restore(running.snapshots[0])
        db.c.insert_one({"_id": "after"})
        assert ids(taken(stream)) == ["after"]


def test_time_of_a_directory_goes_on_after_a_restart(tmp_path: Path) -> None:
    with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
        client.db.c.insert_one({"_id": 1})
        snapshot = server.snapshot()
        client.db.c.insert_many([{"_id": number} for number in range(2, 500)])
        server.restore(snapshot)
        server.release(snapshot)
        time = client.db.command("ping")["operationTime"]
    with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
        assert client.db.command("ping")["operationTime"] >= time


def test_what_was_undone_is_known_after_a_restart(tmp_path: Path) -> None:
    options: dict[str, Any] = {"port": 0, "storage_path": str(tmp_path), "log_level": "error"}
    with SecantusDBServer(**options) as server, MongoClient(server.uri) as client, client.db.c.watch(max_await_time_ms=1) as stream:
        client.db.c.insert_one({"_id": 1})
        (kept,) = taken(stream)
        snapshot = server.snapshot()
        client.db.c.insert_one({"_id": 2})
        (undone,) = taken(stream)
        server.restore(snapshot)
        server.release(snapshot)
        client.db.c.insert_one({"_id": 3})
    with SecantusDBServer(**options) as server, MongoClient(server.uri) as client:
        with pytest.raises(OperationFailure) as raised:
            client.db.c.watch(resume_after=undone["_id"])
        assert raised.value.code == 286
        with client.db.c.watch(max_await_time_ms=1, resume_after=kept["_id"]) as stream:
            assert ids(taken(stream)) == [3]


def test_a_stream_resumes_after_a_restart(tmp_path: Path) -> None:
    with (
        SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server,
        MongoClient(server.uri) as client,
        client.db.c.watch(max_await_time_ms=1) as stream,
    ):
        client.db.c.insert_many([{"_id": number} for number in range(5)])
        events = taken(stream)
    with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
        for place, event in enumerate(events):
            with client.db.c.watch(max_await_time_ms=1, resume_after=event["_id"]) as resumed:
                assert taken(resumed) == events[place + 1 :]
