"""Conditions and events like those of `threading`. They use the locks of `_threads`, which test tools do not replace."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import TracebackType

from secantus_server.system._clock import monotonic
from secantus_server.system._threads import Lock


class Condition:
    """A condition variable, whose context manager acquires and releases its lock.

    Threads: `_lock` guards `_waiters`. Each waiter blocks on its own lock, which `notify_all` releases.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiters: deque[Lock] = deque()

    def __enter__(self) -> Condition:
        self._lock.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._lock.release()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Release the lock and block until `notify_all` is called or the timeout expires. Return False on timeout."""
        waiter = Lock()
        waiter.acquire()
        self._waiters.append(waiter)
        self._lock.release()
        notified = False
        try:
            notified = waiter.acquire(timeout=-1 if timeout_s is None else max(timeout_s, 0))
        finally:
            self._lock.acquire()
            if not notified and waiter in self._waiters:
                self._waiters.remove(waiter)
        return notified

    def wait_for(self, holds: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Block until `holds()` is true or the timeout expires, and return the last result of `holds()`."""
        deadline = None if timeout_s is None else monotonic() + timeout_s
        while not (held := holds()):
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
        return held

    def notify_all(self) -> None:
        """Wake all waiting threads. The caller must hold the lock."""
        assert self._lock.locked(), "notify_all() is called with the lock held"
        while self._waiters:
            self._waiters.popleft().release()


class Event:
    """A flag that threads can wait for.

    Threads: `_changed` guards `_is_set`.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._is_set = False

    def is_set(self) -> bool:
        """Return whether the flag is set."""
        return self._is_set

    def set(self) -> None:
        """Set the flag and wake the waiting threads."""
        with self._changed:
            self._is_set = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Clear the flag."""
        self._is_set = False

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until the flag is set or the timeout expires, and return whether the flag is set."""
        with self._changed:
            return self._changed.wait_for(self.is_set, timeout_s)
