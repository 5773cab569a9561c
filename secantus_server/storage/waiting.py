"""Waits that also end when the waiting thread's operation is killed or times out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from secantus_server.system._clock import monotonic
from secantus_server.system._threads import Condition, Lock, RLock, get_ident

#: The interval between two checks grows from _FIRST_PAUSE_S to _LONGEST_PAUSE_S, so that many waiting threads cost little.
_FIRST_PAUSE_S: Final = 0.002
_LONGEST_PAUSE_S: Final = 0.05

Check = Callable[[], None]


class Waits:
    """Lets threads wait in one store, and ends a wait if the operation of the waiting thread is interrupted.

    Arguments:
        check: raises an error if the calling thread's operation is interrupted; does nothing in a thread without an operation.

    Threads: `_condition` guards the threads that wait for a predicate. `_uninterrupted` contains the threads in `complete`; its single
    operations are atomic.
    """

    def __init__(self, check: Check) -> None:
        self._check = check
        self._condition = Condition()
        self._uninterrupted: set[int] = set()

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until the predicate is true. `notify_all` makes every waiting thread test its predicate again.

        Arguments:
            timeout: seconds to wait, or None to wait indefinitely.

        Returns:
            whether the predicate is true.

        Raises:
            CommandError: the error of `check`.
        """
        deadline = None if timeout is None else monotonic() + timeout
        pause = _FIRST_PAUSE_S
        with self._condition:
            while not predicate():
                self._check_thread()
                left = pause if deadline is None else min(pause, deadline - monotonic())
                if left <= 0:
                    return False
                self._condition.wait(left)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
        return True

    def notify_all(self) -> None:
        """Wake all threads in `wait_for`."""
        with self._condition:
            self._condition.notify_all()

    def acquire(self, lock: Lock | RLock) -> None:
        """Acquire the lock.

        Raises:
            CommandError: the error of `check`; the lock is not held then.
        """
        pause = _FIRST_PAUSE_S
        while not lock.acquire(timeout=pause):
            self._check_thread()
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    @contextmanager
    def hold(self, lock: Lock | RLock) -> Iterator[None]:
        """Hold the lock for a block.

        Raises:
            CommandError: the error of `check`; the lock is not held then.
        """
        if not lock.acquire(blocking=False):
            self.acquire(lock)
        try:
            yield
        finally:
            lock.release()

    def complete(self, action: Callable[[], object]) -> None:
        """Run an action that must complete, such as a rollback. Its waits ignore the interruption of this thread's operation."""
        me = get_ident()
        self._uninterrupted.add(me)
        try:
            action()
        finally:
            self._uninterrupted.discard(me)

    def _check_thread(self) -> None:
        if get_ident() not in self._uninterrupted:
            self._check()
