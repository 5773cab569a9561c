"""The source of time, randomness and ids. It is always injected, so that tests can replace it with a deterministic clock."""

from __future__ import annotations

import itertools
import os
import random
import weakref
from typing import NoReturn

from bson.objectid import ObjectId

from secantus_server.modules import late_import_s
from secantus_server.system._clock import SystemTime
from secantus_server.system._threads import Lock

# The bits of a UUID that are random, and those that mean "variant of RFC 4122, version 4".
_UUID_BITS = (1 << 128) - 1 & ~(0xC000 << 48 | 0xF000 << 64)
_UUID_VERSION = 0x8000 << 48 | 4 << 76
# The number of UUIDs whose random bits are drawn at once.
_UUIDS_DRAWN = 32

# The clocks of this process. The set is used only after a fork.
_CLOCKS: weakref.WeakSet[Clock] = weakref.WeakSet()


def _begin_child() -> None:
    """Discard the UUIDs that a forked child process has in common with its parent."""
    for clock in list(_CLOCKS):
        clock.discard_drawn()


os.register_at_fork(after_in_child=_begin_child)


class Clock(SystemTime):
    """The system's time and randomness.

    `now_ms` returns milliseconds since the Unix epoch, and `monotonic` returns seconds of a monotonic clock. A test may change the time
    of `now_ms` with `move_to`. Such a change also shifts the time of `elapsed`, which is used for expiry, but not the time of
    `system_ms`.

    Threads: `random` is thread-safe, ids come from an atomic counter, and each of the drawn UUIDs is removed by one thread only.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.random = random.Random(seed) if seed is not None else random.SystemRandom()
        self._process_id = self.random.getrandbits(40).to_bytes(5, "big")
        self._counter = itertools.count(self.random.getrandbits(24))
        self._uuids: list[bytes] = []
        _CLOCKS.add(self)

    def late_import_s(self, since: float) -> float:
        """Return the seconds that late imports have taken since a time of `monotonic`; 0 for a clock that imports do not advance."""
        return late_import_s(since) if type(self).monotonic is SystemTime.monotonic else 0.0

    def object_id(self) -> ObjectId:
        """Return a new ObjectId, composed of the time in seconds, five random bytes of this clock, and a counter."""
        seconds = (self.now_ms() // 1000 & 0xFFFFFFFF).to_bytes(4, "big")
        return ObjectId(seconds + self._process_id + (next(self._counter) & 0xFFFFFF).to_bytes(3, "big"))

    def uuid_bytes(self) -> bytes:
        """Return the bytes of a new random UUID of version 4.

        Random bits for several UUIDs are drawn at once, because each call of the operating system takes some microseconds.
        """
        try:
            return self._uuids.pop()
        except IndexError:
            bits = self.random.getrandbits(128 * _UUIDS_DRAWN)
            drawn = [(bits >> shift & _UUID_BITS | _UUID_VERSION).to_bytes(16, "big") for shift in range(0, 128 * _UUIDS_DRAWN, 128)]
            self._uuids += drawn[1:]
            return drawn[0]

    def discard_drawn(self) -> None:
        """Discard the random bits that were drawn for later UUIDs."""
        self._uuids.clear()

    def int64(self) -> int:
        """Return a random positive 63-bit number, used as a cursor id."""
        return self.random.getrandbits(62) + 1


class SettableClock(Clock):
    """A clock that advances only when `advance` is called.

    Arguments:
        now_ms: the initial time.
        seed: the seed of the clock's random numbers.
    """

    def __init__(self, now_ms: int, seed: int = 0) -> None:
        self._lock = Lock()  # guards _now_ms
        self._now_ms = now_ms
        super().__init__(seed)

    def now_ms(self) -> int:
        """Return the clock's current time in milliseconds since the Unix epoch."""
        with self._lock:
            return self._now_ms

    def system_ms(self) -> int:
        """Return the clock's current time in milliseconds since the Unix epoch, as `now_ms` does."""
        return self.now_ms()

    def monotonic(self) -> float:
        """Return the clock's current time in seconds."""
        return self.now_ms() / 1000

    def elapsed(self) -> float:
        """Return the clock's current time in seconds, as `monotonic` does."""
        return self.now_ms() / 1000

    def move_to(self, ms: int, runs: bool) -> NoReturn:
        """Raise RuntimeError, because this clock can only be changed with `advance`."""
        raise RuntimeError("a SettableClock is moved with advance()")

    def advance(self, ms: int) -> None:
        """Advance the clock by `ms` milliseconds."""
        assert ms >= 0, "a monotonic clock does not go back"
        with self._lock:
            self._now_ms += ms
