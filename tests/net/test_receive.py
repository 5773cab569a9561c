"""Receiving: which connection looks for its next message before it sleeps, and that both ways bring the same bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from secantus_server.net._receive import Receiver, Turn

LONG_US = 60_000_000


class Line:
    """Two ends of a connection; the receiver has one of them."""

    def __init__(self, turn: Turn) -> None:
        self.client, self.server = socket.socketpair()
        self.receiver = Receiver(self.server, turn)

    def call(self, message: bytes) -> bytes:
        """Send a message, and what the receiver has of it."""
        self.client.sendall(message)
        return self.receiver.receive()

    def close(self) -> None:
        self.client.close()
        self.server.close()


@pytest.fixture
def turn() -> Turn:
    return Turn(LONG_US)


@pytest.fixture
def line(turn: Turn) -> Iterator[Line]:
    opened = Line(turn)
    yield opened
    opened.close()


def test_a_second_message_makes_it_eager(line: Line) -> None:
    assert line.call(b"one") == b"one"
    assert not line.receiver.eager
    assert line.call(b"two") == b"two"
    assert line.receiver.eager
    assert line.call(b"three") == b"three"


def test_without_patience_it_always_sleeps() -> None:
    line = Line(Turn(0))
    assert [line.call(b"x") for _ in range(3)] == [b"x"] * 3
    assert not line.receiver.eager
    line.close()


def test_an_eager_receiver_waits_for_what_comes_later(line: Line) -> None:
    line.call(b"one"), line.call(b"two")
    sender = threading.Thread(target=line.client.sendall, args=(b"later",))
    sender.start()
    assert line.receiver.receive() == b"later"
    sender.join()


def test_an_eager_receiver_sleeps_when_its_patience_is_at_an_end() -> None:
    line = Line(Turn(2000))
    while not line.receiver.eager:
        line.call(b"soon")
    timer = threading.Timer(0.05, line.client.sendall, (b"late",))
    timer.start()
    assert line.receiver.receive() == b"late"
    assert not line.receiver.eager
    timer.join()
    line.close()


def test_another_connection_takes_the_turn(turn: Turn, line: Line) -> None:
    line.call(b"one"), line.call(b"two")
    other = Line(turn)
    assert other.call(b"me") == b"me"
    assert line.call(b"three") == b"three"
    assert not line.receiver.eager
    other.close()


def test_an_eager_receiver_gives_way_to_another_connection(turn: Turn, line: Line) -> None:
    line.call(b"one"), line.call(b"two")
    got: list[bytes] = []
    waiting = threading.Thread(target=lambda: got.append(line.receiver.receive()))
    waiting.start()
    other = Line(turn)
    assert [other.call(b"me") for _ in range(3)] == [b"me"] * 3
    line.client.sendall(b"three")
    waiting.join()
    assert got == [b"three"]
    assert not line.receiver.eager
    other.close()


@pytest.mark.parametrize("calls", [0, 2], ids=["asleep", "eager"])
def test_the_end_of_the_connection_is_empty(line: Line, calls: int) -> None:
    for _ in range(calls):
        line.call(b"x")
    line.client.close()
    assert line.receiver.receive() == b""


@pytest.mark.parametrize("calls", [0, 2], ids=["asleep", "eager"])
def test_the_end_wakes_a_receiver(line: Line, calls: int) -> None:
    for _ in range(calls):
        line.call(b"x")
    got: list[bytes] = []
    waiting = threading.Thread(target=lambda: got.append(line.receiver.receive()))
    waiting.start()
    line.server.shutdown(socket.SHUT_RDWR)
    waiting.join()
    assert got == [b""]


def test_a_closed_socket_is_an_error(line: Line) -> None:
    line.server.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        line.receiver.receive()
