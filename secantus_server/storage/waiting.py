"""Waits that end when the operation of the waiting thread is killed or its time is over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

#: Pauses between two checks grow from the first value to the second, so that many waiting threads cost little.
_FIRST_PAUSE_S: Final = 0.002
_LONGEST_PAUSE_S: Final = 0.05

Check = Callable[[], None]


class Lock(Protocol):
    """A `threading.Lock` or `threading.RLock`."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...


class Waits:
    """The waits of one store.

    Arguments:
        check: raises when the operation of the calling thread is to end; it returns for a thread without an operation.

    Threads: `_condition` guards the sleep of those who wait for a predicate.
    """

    def __init__(self, check: Check) -> None:
        self._check = check
        self._condition = threading.Condition()

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Sleep until the predicate holds; `notify_all` makes the sleepers look again.

        Arguments:
            timeout: seconds to wait, or None for as long as it takes.

        Returns:
            whether the predicate holds.

        Raises:
            CommandError: what `check` raises.
        """
        pause, waited = _FIRST_PAUSE_S, 0.0
        with self._condition:
            while not predicate():
                self._check()
                if timeout is not None and waited >= timeout:
                    return False
                # The pauses are added up, for a test may hold the clocks of the process still.
                if not self._condition.wait(pause):
                    waited += pause
                pause = min(2 * pause, _LONGEST_PAUSE_S)
        return True

    def notify_all(self) -> None:
        """Wake everybody in `wait_for`."""
        with self._condition:
            self._condition.notify_all()

    @contextmanager
    def hold(self, lock: Lock) -> Iterator[None]:
        """A block that has the lock.

        Raises:
            CommandError: what `check` raises; the lock is not held then.
        """
        pause = _FIRST_PAUSE_S
        if not lock.acquire(blocking=False):
            while not lock.acquire(timeout=pause):
                self._check()
                pause = min(2 * pause, _LONGEST_PAUSE_S)
        try:
            yield
        finally:
            lock.release()
