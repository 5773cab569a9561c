"""The delay of logins after failed ones."""

from __future__ import annotations

from secantus_server.auth.throttle import FREE_FAILURES, FREE_FAILURES_OF_ADDRESS, MAX_FACTOR, MAX_SOURCES, MAX_WAIT_S, MEMORY_S, Throttle
from secantus_server.clock import SettableClock


def fail(throttle: Throttle, times: int, address: str = "a", user: str = "u") -> None:
    for _ in range(times):
        throttle.note_failure(address, user)


def test_users_of_an_address_are_apart() -> None:
    throttle = Throttle(SettableClock(0), 0.5)
    fail(throttle, FREE_FAILURES)
    assert throttle.take_turn("a", "other") == 0
    assert throttle.take_turn("b", "u") == 0
    assert throttle.take_turn("a", "u") == 0.5


def test_many_failures_of_an_address_count_together() -> None:
    throttle = Throttle(SettableClock(0), 0.5)
    for number in range(FREE_FAILURES_OF_ADDRESS - 1):
        throttle.note_failure("a", str(number))
    assert throttle.take_turn("a", "u") == 0
    throttle.note_failure("a")
    assert throttle.take_turn("a", "u") == 0.5


def test_the_first_failures_are_free() -> None:
    throttle = Throttle(SettableClock(0), 0.5)
    fail(throttle, FREE_FAILURES - 1)
    assert throttle.take_turn("a", "u") == 0
    fail(throttle, 1)
    assert throttle.take_turn("a", "u") == 0.5
    assert throttle.take_turn("b", "u") == 0


def test_logins_of_several_connections_wait_for_each_other() -> None:
    clock = SettableClock(0)
    throttle = Throttle(clock, 1.0)
    fail(throttle, FREE_FAILURES)
    assert [throttle.take_turn("a", "u") for _ in range(3)] == [1, 2, 3]
    clock.advance(2000)
    assert throttle.take_turn("a", "u") == 2


def test_the_delay_doubles_up_to_a_limit() -> None:
    clock = SettableClock(0)
    throttle = Throttle(clock, 0.125)
    fail(throttle, FREE_FAILURES)
    delays = []
    for _ in range(12):
        delays.append(throttle.take_turn("a", "u"))
        clock.advance(30_000)
        throttle.note_failure("a", "u")
    assert delays[:3] == [0.125, 0.25, 0.5]
    assert delays[-1] == 0.125 * MAX_FACTOR


def test_too_long_a_queue_is_refused() -> None:
    throttle = Throttle(SettableClock(0), 1.0)
    fail(throttle, FREE_FAILURES)
    waits = [throttle.take_turn("a", "u") for _ in range(int(MAX_WAIT_S) + 1)]
    assert waits[-2:] == [MAX_WAIT_S, None]


def test_an_address_is_forgotten() -> None:
    clock = SettableClock(0)
    throttle = Throttle(clock, 1.0)
    fail(throttle, FREE_FAILURES)
    clock.advance(int(MEMORY_S * 1000) + 1)
    assert throttle.take_turn("a", "u") == 0
    fail(throttle, FREE_FAILURES - 1)
    assert throttle.take_turn("a", "u") == 0


def test_its_memory_is_bounded() -> None:
    throttle = Throttle(SettableClock(0), 1.0)
    fail(throttle, FREE_FAILURES, "first")
    for number in range(MAX_SOURCES):
        throttle.note_failure(str(number))
    assert throttle.take_turn("first", "u") == 0


def test_no_delay() -> None:
    throttle = Throttle(SettableClock(0), 0)
    fail(throttle, 100)
    assert throttle.take_turn("a", "u") == 0
