"""Time, randomness and ids: whatever changes from run to run comes from here, so that a test can hold it still."""

from __future__ import annotations

import itertools
import random
from uuid import UUID

from bson.objectid import ObjectId

from secantus_server.system._clock import SystemTime
from secantus_server.system._threads import Lock


class Clock(SystemTime):
    """The system's time and randomness.

    `now_ms` gives the milliseconds since the Unix epoch, `monotonic` the seconds of a clock that only goes forward.

    Threads: `random` is shared and locks itself; ids come from an atomic counter.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.random = random.Random(seed) if seed is not None else random.SystemRandom()
        self._process_id = self.random.getrandbits(40).to_bytes(5, "big")
        self._counter = itertools.count(self.random.getrandbits(24))

    def object_id(self) -> ObjectId:
        """A new ObjectId: seconds, this clock's own five bytes, a counter."""
        seconds = (self.now_ms() // 1000 & 0xFFFFFFFF).to_bytes(4, "big")
        return ObjectId(seconds + self._process_id + (next(self._counter) & 0xFFFFFF).to_bytes(3, "big"))

    def uuid(self) -> UUID:
        """A new random UUID."""
        return UUID(int=self.random.getrandbits(128), version=4)

    def int64(self) -> int:
        """A random positive 63-bit number other than 0: for cursor ids."""
        return self.random.getrandbits(62) + 1


class SettableClock(Clock):
    """A clock that stands still until it is moved.

    Arguments:
        now_ms: where it stands at first.
        seed: of its randomness.
    """

    def __init__(self, now_ms: int, seed: int = 0) -> None:
        self._lock = Lock()  # guards _now_ms
        self._now_ms = now_ms
        super().__init__(seed)

    def now_ms(self) -> int:
        """Where the clock stands."""
        with self._lock:
            return self._now_ms

    def monotonic(self) -> float:
        """The same time in seconds."""
        return self.now_ms() / 1000

    def advance(self, ms: int) -> None:
        """Move forward by so many milliseconds."""
        assert ms >= 0, "a monotonic clock does not go back"
        with self._lock:
            self._now_ms += ms
