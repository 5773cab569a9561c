"""A server whose clock a test has moved: what expires, and what does not follow the clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from secantus_server.clock import SettableClock
from secantus_server.server import SecantusDBServer

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


@pytest.fixture
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:") as running:
        yield running


@pytest.fixture
def client(server: SecantusDBServer) -> Iterator[MongoClient]:
    with MongoClient(server.uri) as connected:
        yield connected


def test_a_move_back_expires_nothing(server: SecantusDBServer, client: MongoClient) -> None:
    with client.start_session() as session:
        client.shop.orders.insert_many([{} for _ in range(5)], session=session)
        cursor = client.shop.orders.find(batch_size=2, session=session)
        next(cursor)
        known = server.services.sessions.known()
        server.move_clock(HOUR_MS, runs=False)
        server.restore_clock()
        server.services.end_expired_sessions()
        assert server.services.sessions.known() == known
        assert len(list(cursor)) == 4


def test_a_session_ages_across_moves(server: SecantusDBServer, client: MongoClient) -> None:
    with client.start_session() as session:
        client.shop.orders.find_one(session=session)
        ours = session.session_id["id"].as_uuid().bytes
        server.move_clock(by_ms=20 * MINUTE_MS)
        server.restore_clock()
        assert ours in server.services.sessions.known()
        server.move_clock(by_ms=31 * MINUTE_MS)
        assert ours not in server.services.sessions.known()


def test_the_cluster_time_does_not_follow(server: SecantusDBServer, client: MongoClient) -> None:
    before = client.admin.command("ping")["operationTime"]
    for to_ms in (2**32 * 1000 - 1, 0):
        server.move_clock(to_ms)
        client.shop.orders.insert_one({})
        after = client.admin.command("ping")["operationTime"]
        assert before < after
        assert after.time - before.time < 60
        before = after


def test_a_standalone_server(client: MongoClient) -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", replica_set="") as alone, MongoClient(alone.uri) as connected:
        alone.move_clock(HOUR_MS, runs=False)
        connected.shop.orders.update_one({"_id": 1}, {"$currentDate": {"at": {"$type": "timestamp"}}}, upsert=True)
        assert connected.shop.orders.find_one()["at"].time == HOUR_MS // 1000


def test_the_clock_is_reported(server: SecantusDBServer) -> None:
    assert server.clock()[1]
    assert server.move_clock(5, by_ms=7, runs=False) == 12
    assert server.clock() == (12, False)
    assert server.move_clock(runs=True) == 12
    assert server.clock()[1]


@pytest.mark.parametrize("values", [{"to_ms": "x"}, {"to_ms": 1.5}, {"to_ms": True}, {"by_ms": None}])
def test_a_time_that_is_none(server: SecantusDBServer, values: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"move_clock\(.*\): pass whole milliseconds"):
        server.move_clock(**values)


@pytest.mark.parametrize("values", [{"to_ms": 2**63}, {"to_ms": 253_402_300_800_000}, {"by_ms": -(10**30)}])
def test_a_time_out_of_range_changes_nothing(server: SecantusDBServer, client: MongoClient, values: dict[str, int]) -> None:
    with client.start_session() as session:
        session.start_transaction()
        client.shop.orders.insert_one({"_id": 1}, session=session)
        before_ms = server.move_clock(runs=False)
        with pytest.raises(ValueError, match="not in the years 1 to 9999"):
            server.move_clock(**values)
        assert server.clock() == (before_ms, False)
        session.commit_transaction()
    assert client.shop.orders.count_documents({"_id": 1}) == 1


def test_a_settable_clock_is_not_moved() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", clock=SettableClock(HOUR_MS)) as running:
        running.restore_clock()
        with pytest.raises(RuntimeError, match="advance"):
            running.move_clock(by_ms=1)


def test_prohibited_ttl(server: SecantusDBServer, client: MongoClient) -> None:
    client.admin.command({"setParameter": 1, "ttlMonitorEnabled": False})
    client.shop.orders.create_index("at", expireAfterSeconds=0)
    client.shop.orders.update_one({"_id": 1}, {"$currentDate": {"at": True}}, upsert=True)
    server.move_clock(by_ms=HOUR_MS)
    assert client.shop.orders.count_documents({}) == 1
    client.admin.command({"setParameter": 1, "ttlMonitorEnabled": True})
    server.move_clock(by_ms=0)
    assert client.shop.orders.count_documents({}) == 0


def test_the_parameters_of_expiry(server: SecantusDBServer, client: MongoClient) -> None:
    client.admin.command({"setParameter": 1, "cursorTimeoutMillis": 1000})
    client.shop.orders.insert_many([{} for _ in range(5)])
    cursor = client.shop.orders.find(batch_size=2)
    next(cursor)
    server.move_clock(by_ms=1500)
    with pytest.raises(OperationFailure) as caught:
        list(cursor)
    assert caught.value.code == 43
