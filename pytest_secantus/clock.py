"""The fixture `secantus_clock`, which lets a test stop and move the server's time."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import Final, Protocol

import pytest

from pytest_secantus.tracebacks import hidden_for

__tracebackhide__ = hidden_for(pytest.UsageError)

EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
#: The latest time that an ObjectId or a timestamp can represent: both store seconds in 32 bits.
LAST: Final = EPOCH + timedelta(seconds=2**32 - 1)
MILLISECOND: Final = timedelta(milliseconds=1)


class TimedServer(Protocol):
    """A server with a clock that can be moved."""

    def clock(self) -> tuple[int, bool]:
        """Return the time in milliseconds since the Unix epoch, and whether the clock runs."""

    def move_clock(self, to_ms: int | None = None, *, by_ms: int = 0, runs: bool | None = None) -> int:
        """Move the clock, expire everything that is due at the new time, and return the new time in milliseconds since the Unix epoch."""

    def restore_clock(self) -> None:
        """Set the time back to the system's time."""


class ServerClock:
    """The server's clock. Every move first expires what is due at the new time, then returns.

    Arguments:
        server: the server.
    """

    def __init__(self, server: TimedServer) -> None:
        self._server = server

    def __repr__(self) -> str:
        ms, runs = self._server.clock()
        return f"<the server's time is {as_datetime(ms).isoformat()} and {'runs' if runs else 'stands still'}>"

    def now(self) -> datetime:
        """Return the server's time, in UTC and with the precision of BSON: milliseconds."""
        return as_datetime(self._server.clock()[0])

    def freeze(self, when: datetime | None = None) -> datetime:
        """Freeze the clock at `when`, or at the present time; return the frozen time.

        Arguments:
            when: the time. As in pymongo, a time without a time zone is in UTC.

        Raises:
            pytest.UsageError: `when` is not a date and time from 1970 to 2106.
        """
        return as_datetime(self._server.move_clock(None if when is None else as_ms("freeze", when), runs=False))

    def set(self, when: datetime) -> datetime:
        """Set the time, stop the clock there, and return the time. The time may be in the past; in that case nothing expires.

        Raises:
            pytest.UsageError: `when` is not a date and time from 1970 to 2106.
        """
        return as_datetime(self._server.move_clock(as_ms("set", when), runs=False))

    def tick(self, delta: float | timedelta = 1.0) -> datetime:
        """Advance the clock, whether it runs or is frozen; return the new time.

        Arguments:
            delta: seconds, or a timedelta.

        Raises:
            pytest.UsageError: `delta` is not a finite number or a timedelta, or is negative.
        """
        if isinstance(delta, timedelta):
            seconds = delta.total_seconds()
        elif isinstance(delta, (int, float)) and not isinstance(delta, bool):
            seconds = delta
        else:
            raise pytest.UsageError(f"secantus_clock.tick({delta!r}): pass seconds or a timedelta")
        if not -math.inf < seconds < math.inf:
            raise pytest.UsageError(f"secantus_clock.tick({delta!r}): pass a finite number of seconds")
        if seconds < 0:
            raise pytest.UsageError(f"secantus_clock.tick({delta!r}): a tick goes forward; use set() to go back")
        now_ms = self._server.clock()[0]
        if now_ms + seconds * 1000 > as_ms("tick", LAST):
            raise pytest.UsageError(f"secantus_clock.tick({delta!r}): the time would be after {LAST.isoformat()}")
        return as_datetime(self._server.move_clock(by_ms=round(seconds * 1000)))

    def resume(self) -> datetime:
        """Restart a stopped clock from its current time, and return that time."""
        return as_datetime(self._server.move_clock(runs=True))

    def restore(self) -> None:
        """Set the clock to the system's time. This also happens at the end of every test."""
        self._server.restore_clock()


def as_ms(method: str, when: datetime) -> int:
    """Return a date and time as milliseconds since the Unix epoch.

    Raises:
        pytest.UsageError: the value is not a date and time from 1970 to 2106.
    """
    if not isinstance(when, datetime):
        raise pytest.UsageError(f"secantus_clock.{method}({when!r}): pass a datetime")
    aware = when if when.tzinfo is not None else when.replace(tzinfo=timezone.utc)
    if not EPOCH <= aware <= LAST:
        raise pytest.UsageError(f"secantus_clock.{method}({when!r}): ObjectIds and timestamps exist from {EPOCH.year} to {LAST.year} only")
    return (aware - EPOCH) // MILLISECOND


def as_datetime(ms: int) -> datetime:
    """Return milliseconds since the Unix epoch as a date and time in UTC."""
    return EPOCH + ms * MILLISECOND
