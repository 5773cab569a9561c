"""The receiver: which connection spins for its next message, and that spinning and blocking return the same bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from secantus_server.net._receive import DirectCaller, Receiver, Turn
from tests.waiting import wait_until

LONG_US = 60_000_000


class Line:
    """Both ends of a connection; the receiver reads from the server's end."""

    def __init__(self, turn: Turn, *, is_own: bool = False) -> None:
        self.client, self.server = socket.socketpair()
        self.receiver = Receiver(self.server, turn, is_own)
        self.received: list[bytes] = []
        self._thread = threading.Thread(target=lambda: self.received.append(self.receiver.receive()))

    def call(self, message: bytes) -> bytes:
        """Send a message and return what the receiver receives."""
        self.client.sendall(message)
        return self.receiver.receive()

    def begin(self, message: bytes) -> None:
        """Send a message and receive it in another thread."""
        self.client.sendall(message)
        self.start_receiving()

    def start_receiving(self) -> None:
        """Receive the next message in another thread."""
        self._thread.start()

    def finish(self) -> bytes:
        """Wait for the other thread and return what it received."""
        self._thread.join(10)
        (message,) = self.received
        return message

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


def test_a_message_that_comes_soon_makes_it_eager(line: Line) -> None:
    assert not line.receiver.eager
    assert line.call(b"one") == b"one"
    assert line.receiver.eager
    assert line.call(b"two") == b"two"


def test_without_patience_it_always_blocks() -> None:
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


def test_an_eager_receiver_blocks_after_its_patience(turn: Turn, line: Line) -> None:
    line.call(b"one"), line.call(b"two")
    assert line.receiver.eager
    blocked = line.receiver.blocked
    turn.patience_us = 0
    line.start_receiving()
    wait_until(lambda: line.receiver.blocked == blocked + 1, "the receiver still spins")
    line.client.sendall(b"late")
    assert line.finish() == b"late"
    assert not line.receiver.eager


def test_an_eager_receiver_blocks_while_spinning_is_suspended(turn: Turn, line: Line) -> None:
    line.call(b"one"), line.call(b"two")
    assert line.receiver.eager
    blocked = line.receiver.blocked
    for _ in range(6):
        turn.suspend_spinning()
    line.start_receiving()
    wait_until(lambda: line.receiver.blocked == blocked + 1, "the receiver still spins")
    line.client.sendall(b"three")
    assert line.finish() == b"three"
    assert line.receiver.eager


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


@pytest.mark.parametrize("calls", [0, 2], ids=["blocked", "eager"])
def test_the_end_of_the_connection_is_empty(line: Line, calls: int) -> None:
    for _ in range(calls):
        line.call(b"x")
    line.client.close()
    assert line.receiver.receive() == b""


@pytest.mark.parametrize("calls", [0, 2], ids=["blocked", "eager"])
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


@pytest.fixture
def own_lines() -> Iterator[tuple[Turn, Line, Line]]:
    """A turn whose holder keeps it for up to a minute, its holder, and another connection from the server's process."""
    turn = Turn(LONG_US, LONG_US)
    first, second = Line(turn, is_own=True), Line(turn, is_own=True)
    first.call(b"one"), first.call(b"two")
    yield turn, first, second
    first.close(), second.close()


def test_a_client_in_the_server_s_process_waits_for_its_turn(own_lines: tuple[Turn, Line, Line]) -> None:
    turn, first, second = own_lines
    second.begin(b"mine")
    wait_until(lambda: turn.waiting == 1, "the second connection does not wait")
    assert [first.call(b"x") for _ in range(3)] == [b"x"] * 3
    assert second.received == []
    first.client.close()
    assert first.receiver.receive() == b""
    assert second.finish() == b"mine"
    assert turn.waiting == 0


def test_the_turn_is_passed_on_after_a_share(turn: Turn) -> None:
    turn = Turn(LONG_US, 200_000)
    first, second = Line(turn, is_own=True), Line(turn, is_own=True)
    first.call(b"one"), first.call(b"two")
    second.begin(b"mine")
    wait_until(lambda: turn.waiting == 1, "the second connection does not wait")
    while not second.received:
        first.call(b"x")
    assert second.finish() == b"mine"
    assert turn.waiting == 0
    # The second connection does not call again, so the first one waits for at most one share.
    assert first.call(b"more") == b"more"
    first.close(), second.close()


def test_the_wait_for_a_long_command_ends() -> None:
    turn = Turn(LONG_US, 2000)
    lines = [Line(turn, is_own=True) for _ in range(5)]
    lines[0].call(b"one"), lines[0].call(b"two")
    for line in lines[1:]:
        line.begin(b"mine")
    assert [line.finish() for line in lines[1:]] == [b"mine"] * 4
    assert turn.waiting == 0
    for line in lines:
        line.close()


def test_clients_of_other_processes_do_not_wait(own_lines: tuple[Turn, Line, Line]) -> None:
    turn, _first, second = own_lines
    foreign = Line(turn)
    assert [foreign.call(b"theirs") for _ in range(3)] == [b"theirs"] * 3
    assert second.call(b"mine") == b"mine"
    assert turn.waiting == 0
    foreign.close()


def echo(line: Line) -> None:
    """Serve a connection as the server does, replying with the message itself."""
    while message := line.receiver.receive():
        line.server.sendall(message)


def test_waiting_is_suspended_for_one_thread_with_many_connections() -> None:
    turn = Turn(300, 2000)
    lines = [Line(turn, is_own=True) for _ in range(3)]
    threads = [threading.Thread(target=echo, args=(line,)) for line in lines]
    for thread in threads:
        thread.start()
    rounds = 0
    while not turn.is_released:
        for line in lines:
            line.client.sendall(b"x")
        assert [line.client.recv(10) for line in lines] == [b"x"] * 3
        rounds += 1
        assert rounds < 10_000, "waiting was never suspended"
    for line, thread in zip(lines, threads, strict=True):
        line.client.close()
        thread.join(10)
        line.close()


def test_many_threads_get_every_message_in_order() -> None:
    turn = Turn(300, 500)
    lines = [Line(turn, is_own=True) for _ in range(8)]
    messages = [b"%d" % number for number in range(300)]
    wrong: list[object] = []

    def call(line: Line) -> None:
        got = [line.call(message) for message in messages]
        if got != messages:
            wrong.append(got)

    threads = [threading.Thread(target=call, args=(line,)) for line in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
    assert turn.waiting == 0
    for line in lines:
        line.close()


def begin_elsewhere(caller: DirectCaller, begun: list[DirectCaller]) -> threading.Thread:
    """Begin a command of a connection in a new thread, and append the connection to `begun` when it has the turn."""
    thread = threading.Thread(target=lambda: (caller.begin(), begun.append(caller)))
    thread.start()
    return thread


def test_callers_without_sockets_wait_for_each_other() -> None:
    turn = Turn(LONG_US, LONG_US)
    first, *others = (DirectCaller(turn) for _ in range(3))
    first.begin()
    begun: list[DirectCaller] = []
    threads = []
    for count, caller in enumerate(others, 1):
        threads.append(begin_elsewhere(caller, begun))
        wait_until(lambda count=count: turn.waiting == count, "it does not wait")  # type: ignore[misc]
    first.end()
    first.begin()
    assert begun == []
    first.leave()
    wait_until(lambda: begun == others[:1], "the turn is not passed on")
    others[0].leave()
    wait_until(lambda: begun == others, "the turn is not passed on")
    assert turn.waiting == 0
    for thread in threads:
        thread.join()


def test_a_new_caller_does_not_take_the_turn() -> None:
    turn = Turn(LONG_US, LONG_US)
    first, monitor = DirectCaller(turn), DirectCaller(turn, is_new=True)
    first.begin()
    begun: list[DirectCaller] = []
    begin_elsewhere(monitor, begun).join()
    monitor.end()
    assert begun == [monitor]
    monitor.is_new = False
    thread = begin_elsewhere(monitor, begun)
    wait_until(lambda: turn.waiting == 1, "it does not wait")
    first.leave()
    thread.join(10)
    assert begun == [monitor] * 2


def test_a_caller_that_does_not_call_again_loses_the_turn() -> None:
    turn = Turn(1000, LONG_US)
    first, second = DirectCaller(turn), DirectCaller(turn)
    first.begin()
    begun: list[DirectCaller] = []
    thread = begin_elsewhere(second, begun)
    wait_until(lambda: turn.waiting == 1, "it does not wait")
    first.end()
    thread.join(10)
    assert begun == [second]


def test_waiting_is_suspended_for_threads_that_call_once() -> None:
    turn = Turn(500, LONG_US)
    begun: list[DirectCaller] = []
    rounds = 0
    while not turn.is_released:
        begin_elsewhere(caller := DirectCaller(turn), begun).join()
        caller.end()
        # Call this in the main thread: a new thread could reuse the identifier of the ended one.
        (here := DirectCaller(turn)).begin()
        here.end()
        rounds += 1
        assert rounds < 1000, "waiting was never suspended"


def test_a_thread_does_not_wait_for_itself() -> None:
    turn = Turn(LONG_US, LONG_US)
    callers = [DirectCaller(turn) for _ in range(3)]
    for caller in callers * 10:
        caller.begin()
        caller.end()
    assert not turn.is_released


def test_a_caller_waits_for_a_connection_with_a_socket(own_lines: tuple[Turn, Line, Line]) -> None:
    turn, first, _ = own_lines
    begun: list[DirectCaller] = []
    thread = begin_elsewhere(DirectCaller(turn), begun)
    wait_until(lambda: turn.waiting == 1, "it does not wait")
    assert begun == []
    first.client.close()
    assert first.receiver.receive() == b""
    thread.join()
    assert len(begun) == 1
