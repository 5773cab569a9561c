"""Every wait of a change stream ends: by an event, its time limit, a kill, the end of its session, or the server's stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bson.int64 import Int64
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from secantus_server.server import SecantusDBServer
from tests.waiting import wait_until

LONG_MS = 600_000


@pytest.fixture
def running() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server:
        yield server


class Waiting:
    """A getMore that waits in a separate thread."""

    def __init__(self, server: SecantusDBServer, **options: Any) -> None:
        self.error: PyMongoError | None = None
        self.batch: list[Any] | None = None
        self.client: MongoClient[Any] = MongoClient(server.uri, retryReads=False)
        db = self.client.db
        self.session = self.client.start_session()
        opening = {"aggregate": "c", "pipeline": [{"$changeStream": options}], "cursor": {}}
        self.cursor = db.command(opening, session=self.session)["cursor"]["id"]
        self._thread = threading.Thread(target=self._run, args=(db,))
        self._thread.start()
        wait_until(lambda: self.operation(server) is not None, "the getMore runs")

    def _run(self, db: Database[Any]) -> None:
        try:
            command = {"getMore": Int64(self.cursor), "collection": "c", "maxTimeMS": LONG_MS}
            self.batch = db.command(command, session=self.session)["cursor"]["nextBatch"]
        except PyMongoError as error:
            self.error = error

    def operation(self, server: SecantusDBServer) -> Any:
        running = [one for one in server.services.operations.all() if "getMore" in one.body and one.wake is not None]
        return running[0] if running else None

    def join(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()
        self.client.close()


def test_a_write_ends_the_wait(running: SecantusDBServer) -> None:
    waiting = Waiting(running)
    with MongoClient(running.uri) as client:
        client.db.other.insert_one({})
        client.db.c.insert_one({"_id": 1})
    waiting.join()
    assert waiting.batch is not None
    assert [event["documentKey"] for event in waiting.batch] == [{"_id": 1}]


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda server, client, one: client.db.command("killCursors", "c", cursors=[Int64(one.cursor)]), 237),
        (lambda server, client, one: client.admin.command("killOp", op=one.operation(server).opid), 11601),
        (lambda server, client, one: client.admin.command("killSessions", [one.session.session_id]), None),
        (lambda server, client, one: client.admin.command("killAllSessions", []), None),
    ],
)
def test_a_kill_ends_the_wait(running: SecantusDBServer, end: Callable[..., Any], code: int | None) -> None:
    waiting = Waiting(running)
    with MongoClient(running.uri) as client:
        end(running, client, waiting)
    waiting.join()
    assert isinstance(waiting.error, OperationFailure), waiting.batch
    assert code is None or waiting.error.code == code


def test_a_restore_ends_the_wait(running: SecantusDBServer) -> None:
    snapshot = running.snapshot()
    waiting = Waiting(running)
    running.restore(snapshot)
    waiting.join()
    assert isinstance(waiting.error, OperationFailure)
    assert running.services.cursors.open_count() == 0


def test_the_stop_of_the_server_ends_the_wait(running: SecantusDBServer) -> None:
    waiting = Waiting(running)
    running.stop()
    waiting.join()
    assert waiting.error is not None


def test_the_time_limit_ends_the_wait(running: SecantusDBServer) -> None:
    with MongoClient(running.uri) as client:
        cursor = client.db.command({"aggregate": "c", "pipeline": [{"$changeStream": {}}], "cursor": {}})["cursor"]
        reply = client.db.command({"getMore": cursor["id"], "collection": "c", "maxTimeMS": 1})["cursor"]
    assert reply["nextBatch"] == []
    assert reply["id"] == cursor["id"]


def test_a_dropped_collection_ends_the_wait(running: SecantusDBServer) -> None:
    with MongoClient(running.uri) as client:
        client.db.c.insert_one({})
        waiting = Waiting(running)
        client.db.c.drop()
    waiting.join()
    assert waiting.batch is not None
    assert [event["operationType"] for event in waiting.batch] == ["drop", "invalidate"]


def test_closed_streams_leave_no_watch_behind(running: SecantusDBServer) -> None:
    with MongoClient(running.uri) as client:
        for target in (client.db.c, client.db, client):
            with target.watch(max_await_time_ms=1) as stream:
                assert stream.try_next() is None
        wait_until(lambda: not running.services.cursors.open_count(), "the cursors are closed")
        assert not running.services.writes.is_watched


def test_the_first_stream_makes_the_oplog_of_a_store_in_memory_larger() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, MongoClient(server.uri) as client:
        before = server.services.oplog.max_bytes
        with client.d.c.watch():
            assert server.services.oplog.max_bytes > before


def test_a_size_that_was_set_stays() -> None:
    settings: dict[str, Any] = {"port": 0, "storage_path": ":memory:", "log_level": "error", "oplog_size_mb": 8}
    with SecantusDBServer(**settings) as server, MongoClient(server.uri) as client, client.d.c.watch():
        assert server.services.oplog.max_bytes == 8 * 1024 * 1024
