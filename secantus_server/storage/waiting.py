"""Waits that end early if the waiting thread's operation is killed or times out."""

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
    """The waits of threads in one store. A wait ends with an error if the operation of the waiting thread is interrupted.

    Arguments:
        check: a function that raises an error if the calling thread's operation is interrupted. It does nothing in a thread without an
            operation.

    Threads: `_condition` guards the threads that wait for a predicate. `_uninterrupted` contains the threads that execute `complete`; its
    single operations are atomic.
    """

    def __init__(self, check: Check) -> None:
        self._check = check
        self._condition = Condition()
        self._uninterrupted: set[int] = set()

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until the predicate is true or the timeout expires. Each call of `notify_all` makes the waiting threads test their
        predicates again.

        Arguments:
            timeout: the maximum number of seconds to wait, or None for no limit.

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
        """Wake all threads that are blocked in `wait_for`."""
        with self._condition:
            self._condition.notify_all()

    def acquire(self, lock: Lock | RLock) -> None:
        """Acquire the lock, unless this thread's operation is interrupted.

        Raises:
            CommandError: the error of `check`. The lock is then not acquired.
        """
        pause = _FIRST_PAUSE_S
        while not lock.acquire(timeout=pause):
            self._check_thread()
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    @contextmanager
    def hold(self, lock: Lock | RLock) -> Iterator[None]:
        """Return a context manager that holds the lock.

        Raises:
            CommandError: the error of `check`. The lock is then not acquired.
        """
        if not lock.acquire(blocking=False):
            self.acquire(lock)
        try:
            yield
        finally:
            lock.release()

    def complete(self, action: Callable[[], object]) -> None:
        """Run an action that must not be interrupted, such as a rollback. Waits in the action ignore interruptions of this thread's
        operation.
        """
        me = get_ident()
        self._uninterrupted.add(me)
        try:
            action()
        finally:
            self._uninterrupted.discard(me)

    def _check_thread(self) -> None:
        if get_ident() not in self._uninterrupted:
            self._check()
