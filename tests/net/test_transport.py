"""Transports: the one over TCP, and that a connection needs no more than the interface."""

from __future__ import annotations

import _socket
import threading
from collections.abc import Iterator
from typing import Any

import bson
import pytest

from secantus_server.dispatch.client import ClientInfo
from secantus_server.net._receive import Turn
from secantus_server.net.connection import Connection
from secantus_server.net.plain import PlainTransport
from secantus_server.net.refusal import Refusal
from secantus_server.net.transport import Transport
from secantus_server.server import SecantusDBServer
from secantus_server.system.sockets import Socket
from tests.net.queue_transport import QueueTransport, as_transport
from tests.wire.messages import command


class InProcess:
    """A client of a server over queues; `connection` serves it in a thread."""

    def __init__(self, server: SecantusDBServer) -> None:
        self.transport = QueueTransport()
        self.connection = Connection(as_transport(self.transport), ClientInfo(1, ("in-process", 0)), server.services)
        self._thread = threading.Thread(target=self.connection.serve)
        self._thread.start()

    def run(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the reply to a command."""
        self.transport.client_sends(command(document))
        return self.reply()

    def reply(self) -> dict[str, Any]:
        """Return the next reply."""
        return bson.decode(self.transport.replies.get(timeout=20)[21:])

    def close(self) -> None:
        """Close the client's end and wait until the connection has ended."""
        self.transport.client_closes()
        self.wait_for_end()

    def wait_for_end(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()
        assert self.transport.is_closed.is_set()


@pytest.fixture
def in_process(server: SecantusDBServer) -> Iterator[InProcess]:
    opened = InProcess(server)
    yield opened
    opened.close()


def test_a_connection_without_sockets(in_process: InProcess) -> None:
    assert in_process.run({"hello": 1, "$db": "admin"})["isWritablePrimary"] is True
    documents = [{"_id": number, "text": "x" * 1000} for number in range(300)]
    assert in_process.run({"insert": "c", "documents": documents, "$db": "queues"})["n"] == 300
    cursor = in_process.run({"find": "c", "filter": {"_id": {"$gte": 297}}, "$db": "queues"})["cursor"]
    assert cursor["firstBatch"] == documents[297:]


def test_messages_in_pieces_and_together(in_process: InProcess) -> None:
    ping = command({"ping": 1, "$db": "admin"})
    for piece in (ping[:3], ping[3:17], ping[17:] + ping + ping[:20], ping[20:]):
        in_process.transport.client_sends(piece)
    assert [in_process.reply()["ok"] for _ in range(3)] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("size", [0, 5, 16, 20])
def test_the_end_within_a_message(server: SecantusDBServer, size: int) -> None:
    client = InProcess(server)
    if size:
        client.transport.client_sends(command({"ping": 1, "$db": "admin"})[:size])
    client.close()


def test_another_thread_ends_a_connection(server: SecantusDBServer) -> None:
    client = InProcess(server)
    assert client.run({"ping": 1, "$db": "admin"})["ok"] == 1
    assert not client.connection.peek_closed()
    client.connection.end()
    client.wait_for_end()


def test_a_refusal_without_sockets(server: SecantusDBServer) -> None:
    transport = QueueTransport()
    Refusal(server.services, 3).refuse(as_transport(transport))
    transport.client_sends(command({"hello": 1, "$db": "admin"}))
    assert "limit of 3 connections" in bson.decode(transport.replies.get(timeout=20)[21:])["errmsg"]
    assert transport.is_closed.wait(20)


@pytest.fixture
def plain() -> Iterator[tuple[Transport, _socket.socket]]:
    """A transport over a socket, and the client's end."""
    near, far = _socket.socketpair()
    transport = PlainTransport(Socket(near.family, near.type, near.proto, near.detach()), Turn(0))
    yield transport, far
    transport.close()
    far.close()


def test_exact_sizes(plain: tuple[Transport, _socket.socket]) -> None:
    transport, client = plain
    client.sendall(b"0123456789")
    assert transport.receive_exactly(4) == b"0123"
    assert transport.receive_exactly(6, b"ab") == b"ab4567"
    assert transport.receive_exactly(2, b"cd") == b"cd"
    assert transport.receive() == b"89"


def test_a_size_beyond_one_piece(plain: tuple[Transport, _socket.socket]) -> None:
    transport, client = plain
    data = bytes(range(256)) * 12_000
    sender = threading.Thread(target=client.sendall, args=(data,))
    sender.start()
    assert transport.receive_exactly(len(data)) == data
    sender.join()


def test_the_end_before_the_size(plain: tuple[Transport, _socket.socket]) -> None:
    transport, client = plain
    client.sendall(b"012")
    client.close()
    with pytest.raises(EOFError, match="closed after 4 of 6 bytes"):
        transport.receive_exactly(6, b"a")
    assert transport.receive() == b""


def test_a_timeout_applies_to_one_call(plain: tuple[Transport, _socket.socket]) -> None:
    transport, client = plain
    with pytest.raises(TimeoutError):
        transport.receive_exactly(1, timeout_s=0.001)
    sender = threading.Thread(target=client.sendall, args=(b"later",))
    sender.start()
    assert transport.receive() == b"later"
    sender.join()


def test_a_timeout_applies_to_all_bytes(plain: tuple[Transport, _socket.socket]) -> None:
    transport, client = plain
    client.sendall(b"0123")
    assert transport.receive_exactly(3, b"", timeout_s=20) == b"012"
    with pytest.raises(TimeoutError):
        transport.receive_exactly(3, b"", timeout_s=0.001)
    client.close()
    with pytest.raises(EOFError, match="closed after 1 of 3 bytes"):
        transport.receive_exactly(3, b"a", timeout_s=20)


def test_closed_means_that_nothing_is_left_to_receive(plain: tuple[Transport, _socket.socket]) -> None:
    transport, client = plain
    assert not transport.peek_closed()
    client.sendall(b"last")
    client.close()
    assert not transport.peek_closed()
    assert transport.receive() == b"last"
    assert transport.peek_closed()
    transport.close()
    assert transport.peek_closed()


def test_a_shut_down_wakes_the_receiver(plain: tuple[Transport, _socket.socket]) -> None:
    transport, client = plain
    received: list[bytes] = []
    waiting = threading.Thread(target=lambda: received.append(transport.receive()))
    waiting.start()
    transport.shut_down()
    waiting.join(20)
    assert received == [b""]
    assert client.recv(1) == b""


def test_sent_bytes_arrive(plain: tuple[Transport, _socket.socket]) -> None:
    transport, client = plain
    transport.send(b"hello")
    assert client.recv(10) == b"hello"
