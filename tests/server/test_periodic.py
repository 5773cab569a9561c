"""The periodic thread: its work, and its intervals, which setParameter changes at runtime."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bson.datetime_ms import DatetimeMS
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from secantus_server.clock import SettableClock
from secantus_server.server import SecantusDBServer
from tests.waiting import wait_until

NOW_MS = 1_700_000_000_000


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW_MS)


@pytest.fixture
def server(clock: SettableClock) -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", clock=clock, log_level="error") as running:
        yield running


@pytest.fixture
def client(server: SecantusDBServer) -> Iterator[MongoClient]:
    with MongoClient(server.uri) as connected:
        yield connected


def test_the_interval_of_the_ttl_monitor(client: MongoClient, clock: SettableClock) -> None:
    collection = client.shop.sessions
    collection.create_index("until", expireAfterSeconds=0)
    collection.insert_one({"until": DatetimeMS(NOW_MS - 1000)})
    client.admin.command({"setParameter": 1, "ttlMonitorSleepSecs": 3})
    clock.advance(3000)
    wait_until(lambda: collection.count_documents({}) == 0, "an expired document goes three seconds after the last pass")


def test_an_idle_cursor_is_closed_within_seconds_of_its_timeout(
    client: MongoClient, server: SecantusDBServer, clock: SettableClock
) -> None:
    client.shop.sessions.insert_many([{"_id": n} for n in range(5)])
    cursor = client.shop.sessions.find(batch_size=2)
    next(cursor)
    client.admin.command({"setParameter": 1, "cursorTimeoutMillis": 5000})
    clock.advance(4500)
    assert server.services.cursors.open_count() == 1
    clock.advance(4000)
    wait_until(lambda: server.services.cursors.open_count() == 0, "the cursor is closed four seconds after its timeout at the latest")
    with pytest.raises(OperationFailure) as caught:
        list(cursor)
    assert caught.value.code == 43


@pytest.mark.parametrize(
    ("name", "was", "value"),
    [
        ("ttlMonitorSleepSecs", 60, 5),
        ("cursorTimeoutMillis", 600_000, 1),
        ("clientCursorMonitorFrequencySecs", 4, 1),
        ("syncdelay", 60.0, 0.5),
    ],
)
def test_an_interval_is_told_as_it_was_set(client: MongoClient, name: str, was: float, value: float) -> None:
    assert client.admin.command({"setParameter": 1, name: value})["was"] == was
    assert client.admin.command({"getParameter": 1, name: 1})[name] == value


def test_no_operations_advance_the_time_of_a_quiet_server(client: MongoClient, server: SecantusDBServer, clock: SettableClock) -> None:
    client.admin.command({"setParameter": 1, "writePeriodicNoops": True, "periodicNoopIntervalSecs": 5})
    notes = client.local["oplog.rs"]
    clock.advance(5000)
    wait_until(lambda: notes.count_documents({"op": "n", "o": {"msg": "periodic noop"}, "ns": ""}) > 0, "a no-op is written")
    client.admin.command({"setParameter": 1, "writePeriodicNoops": False})


def test_an_in_memory_server_writes_none_by_default(client: MongoClient) -> None:
    assert client.admin.command({"getParameter": 1, "writePeriodicNoops": 1})["writePeriodicNoops"] is False
