"""Limits for clients that have not authenticated on a server that requires it."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from secantus_server.clock import Clock
from secantus_server.dispatch.client import ClientInfo
from secantus_server.net.connection import MAX_UNAUTHENTICATED_BYTES, Connection
from secantus_server.net.strangers import FEWEST, MOST, Strangers, default_limit
from secantus_server.server import SecantusDBServer
from tests.net.queue_transport import QueueTransport, as_transport
from tests.net.raw_client import RawClient, connected
from tests.waiting import wait_until
from tests.wire.messages import OP_COMPRESSED, OP_MSG, command, message

HELLO = {"hello": 1, "$db": "admin"}


class SteppedClock(Clock):
    """A clock whose monotonic time a test can advance."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def server(clock: SteppedClock) -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", require_auth=True, max_unauthenticated_connections=3, clock=clock) as running:
        client = RawClient(running)
        assert client.run({"createUser": "u", "pwd": "p", "roles": ["root"], "$db": "admin"})["ok"] == 1
        client.close()
        wait_until(lambda: not running.services.connections.all(), "the first client is still connected")
        yield running


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def authenticated(server: SecantusDBServer) -> MongoClient[dict[str, Any]]:
    return MongoClient(server.uri, username="u", password="p")


def compressed(content: bytes, announced: int) -> bytes:
    """Return a message, compressed by zlib, whose header states a wrong uncompressed size."""
    start = OP_MSG.to_bytes(4, "little") + announced.to_bytes(4, "little", signed=True) + b"\x02"
    return message(OP_COMPRESSED, start + zlib.compress(content))


def insert(size: int) -> dict[str, Any]:
    return {"insert": "c", "documents": [{"b": bytes(size)}], "$db": "test"}


def test_long_messages_before_authentication(server: SecantusDBServer, caplog: pytest.LogCaptureFixture) -> None:
    client = RawClient(server)
    assert client.run(insert(10_000))["code"] == 13
    client.send(command(insert(MAX_UNAUTHENTICATED_BYTES))[:20])
    assert client.is_closed()
    wait_until(lambda: "bytes before authentication" in caplog.text, "nothing is logged")
    client.close()


@pytest.mark.parametrize("announced", [MAX_UNAUTHENTICATED_BYTES + 1, 40_000_000, 2**31 - 1])
def test_messages_that_become_long(server: SecantusDBServer, announced: int, caplog: pytest.LogCaptureFixture) -> None:
    client = RawClient(server)
    client.send(compressed(bytes(1000), announced))
    assert client.is_closed()
    wait_until(lambda: f"received a message of {announced} bytes, once decompressed, before" in caplog.text, "nothing is logged")
    client.close()


@pytest.mark.parametrize("raw", [message(OP_COMPRESSED, b""), message(OP_COMPRESSED, bytes(8)), compressed(b"", -1)])
def test_broken_compressed_messages(server: SecantusDBServer, raw: bytes) -> None:
    client = RawClient(server)
    client.send(raw)
    assert client.is_closed()
    client.close()


def test_short_compressed_messages_are_answered(server: SecantusDBServer) -> None:
    client = RawClient(server)
    content = command(HELLO)[16:]
    client.send(compressed(content, len(content)))
    assert client.receive_message()
    client.close()


def test_long_messages_after_authentication(server: SecantusDBServer) -> None:
    with MongoClient(server.uri, username="u", password="p", compressors="zlib") as client:
        client.test.c.insert_one({"_id": 1, "b": bytes(10_000_000)})
        assert len(client.test.c.find_one()["b"]) == 10_000_000  # type: ignore[index]


def test_long_messages_without_access_control() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:") as server:
        client = RawClient(server)
        assert client.run(insert(1_000_000))["n"] == 1
        client.close()


def test_the_first_command_has_a_deadline(server: SecantusDBServer, clock: SteppedClock, caplog: pytest.LogCaptureFixture) -> None:
    known, silent, slow = RawClient(server), RawClient(server), RawClient(server)
    assert known.run(HELLO)["ok"] == 1
    slow.send(command(HELLO)[:17])
    wait_until(lambda: len(server.services.connections.all()) == 3, "not connected")
    clock.ahead += 31
    assert server._listener is not None
    server._listener.check_clients()
    assert silent.is_closed()
    assert slow.is_closed()
    assert known.run(HELLO)["ok"] == 1
    assert "no command within handshake_timeout_s = 30" in caplog.text
    for client in (known, silent, slow):
        client.close()


def test_without_access_control_a_client_may_be_silent() -> None:
    clock = SteppedClock()
    with SecantusDBServer(port=0, storage_path=":memory:", clock=clock) as server:
        client = RawClient(server)
        wait_until(lambda: len(server.services.connections.all()) == 1, "not connected")
        clock.ahead += 100_000
        assert server._listener is not None
        server._listener.check_clients()
        assert client.run(HELLO)["ok"] == 1
        client.close()


def test_the_oldest_stranger_leaves(server: SecantusDBServer, caplog: pytest.LogCaptureFixture) -> None:
    clients = []
    for _ in range(5):
        clients.append(RawClient(server))
        assert clients[-1].run(HELLO)["ok"] == 1
    assert [client.is_closed() for client in clients[:2]] == [True, True]
    assert [client.run(HELLO)["ok"] for client in clients[2:]] == [1, 1, 1]
    (line,) = [record.message for record in caplog.records if "have not authenticated" in record.message]
    assert "there are 3 connections that have not authenticated, 3 of them from 127.0.0.1" in line
    for client in clients:
        client.close()


def test_who_has_authenticated_stays(server: SecantusDBServer) -> None:
    with authenticated(server) as client, client.start_session() as session:
        client.test.c.insert_many([{"_id": number} for number in range(10)], session=session)
        cursor = client.test.c.find(batch_size=2, session=session)
        next(cursor)
        others = []
        for _ in range(20):
            others.append(RawClient(server))
            assert others[-1].run(HELLO)["ok"] == 1
        assert len(list(cursor)) == 9
        for one in others:
            one.close()


def stranger(server: SecantusDBServer, number: int, host: str) -> tuple[Connection, QueueTransport]:
    transport = QueueTransport()
    return Connection(as_transport(transport), ClientInfo(number, (host, 1)), server.services), transport


def test_an_address_with_many_strangers_keeps_no_others_out(server: SecantusDBServer) -> None:
    strangers = Strangers(server.services, 5)
    hosts = ["10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.2", "10.0.0.3", "10.0.0.2", "10.0.0.4", "10.0.0.2"]
    connections = [stranger(server, number, host) for number, host in enumerate(hosts)]
    for connection, _ in connections:
        strangers.add(connection)
    ended = [number for number, (_, transport) in enumerate(connections) if transport._received.qsize()]
    assert ended == [1, 2, 3]


def test_those_who_have_authenticated_do_not_count(server: SecantusDBServer) -> None:
    strangers = Strangers(server.services, 2)
    connections = [stranger(server, number, "10.0.0.1") for number in range(6)]
    for connection, transport in connections:
        strangers.add(connection)
        connection.client.users = (("u", "admin"),)
        assert not transport._received.qsize()
    for connection, _ in connections:
        strangers.remove(connection)
        strangers.remove(connection)


@pytest.mark.parametrize(("connections", "limit"), [(1, FEWEST), (100, 50), (1000, 500), (65536, MOST)])
def test_the_default(connections: int, limit: int) -> None:
    assert default_limit(connections) == limit


def test_a_repeated_compressor_is_kept_once() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", require_auth=True) as server, connected(server) as client:
        metadata = {"driver": {"name": "d", "version": "1"}, "os": {"type": "x"}}
        hello = {"hello": 1, "client": metadata, "compression": ["zlib", 1, *["zlib"] * 4000], "$db": "admin"}
        assert client.run(hello)["compression"] == ["zlib"]
