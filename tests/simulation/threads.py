"""Replacements for `secantus_server.system._threads`, in which threads and locks are tasks of the simulation's scheduler.

`install` must run before any module of the server is imported, because every module imports these names from `_threads`.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from types import ModuleType
from typing import Any

from tests.simulation import scheduler as running
from tests.simulation.scheduler import Ended, Task


def get_ident() -> int:
    """Return the number of the running task, or 1 outside of tasks."""
    scheduler = running.active
    task = None if scheduler is None else scheduler.current
    return 1 if task is None else task.ident + 1


class Lock:
    """A lock that any task may release, not only the task that acquired it."""

    __slots__ = ("_held", "_waiting")

    def __init__(self) -> None:
        self._held = False
        self._waiting: list[Task] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire the lock. Return whether it was acquired in time. The timeout is in seconds. A negative timeout means no limit."""
        scheduler = running.in_task()
        if scheduler is None:
            assert not self._held or not blocking, "a lock is held, and nobody can release it"
        else:
            scheduler.point()
        if self._held and blocking and timeout != 0:
            self._wait(scheduler, None if timeout < 0 else int(min(timeout, 1e9) * 1_000_000))
        if self._held:
            return False
        self._held = True
        return True

    def _wait(self, scheduler: Any, timeout_us: int | None) -> None:
        """Block until the lock is free or the timeout expires."""
        deadline = None if timeout_us is None else scheduler.now_us + timeout_us
        me = scheduler.current
        while self._held:
            left = None if deadline is None else deadline - scheduler.now_us
            if left is not None and left <= 0:
                return
            self._waiting.append(me)
            try:
                scheduler.block(left)
            finally:
                if me in self._waiting:
                    self._waiting.remove(me)

    def release(self) -> None:
        """Release the lock. Raise RuntimeError if it is not locked."""
        if not self._held:
            raise RuntimeError("release unlocked lock")
        self._held = False
        scheduler = running.active
        waiting, self._waiting = self._waiting, []
        for task in waiting:
            assert scheduler is not None
            scheduler.wake(task)

    def locked(self) -> bool:
        """Return whether the lock is acquired."""
        return self._held

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


class RLock:
    """A reentrant lock."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._owner = self._depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire the lock. Return whether it was acquired in time."""
        me = get_ident()
        if self._depth == 0 or self._owner != me:
            if not self._lock.acquire(blocking, timeout):
                return False
            self._owner = me
        self._depth += 1
        return True

    def release(self) -> None:
        """Release the lock once. Raise RuntimeError if this task has not acquired it."""
        if self._depth == 0 or self._owner != get_ident():
            raise RuntimeError("cannot release un-acquired lock")
        self._depth -= 1
        if self._depth == 0:
            self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


class Condition:
    """A condition variable. As a context manager it acquires and releases its lock.

    Each waiter blocks on its own lock, which `notify_all` releases.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiters: deque[Lock] = deque()

    def __enter__(self) -> Condition:
        self._lock.acquire()
        return self

    def __exit__(self, *error: object) -> None:
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
            self._take_back()
            if not notified and waiter in self._waiters:
                self._waiters.remove(waiter)
        return notified

    def _take_back(self) -> None:
        """Acquire the lock again, even if the process is killed meanwhile, because `__exit__` releases it."""
        try:
            self._lock.acquire()
        except Ended:
            self._lock.acquire()
            raise

    def wait_for(self, holds: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Block until `holds()` is true or the timeout expires. Return the last result of `holds()`."""
        deadline = None if timeout_s is None else monotonic() + timeout_s
        while not (held := holds()):
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
        return held

    def notify_all(self) -> None:
        """Wake all waiting threads. The caller holds the lock."""
        assert self._lock.locked(), "notify_all() is called with the lock held"
        while self._waiters:
            self._waiters.popleft().release()


class Thread:
    """A thread that is a task of the scheduler. An exception in it ends the simulation, because the server's threads must not raise
    exceptions.
    """

    def __init__(self, target: Callable[..., object], args: tuple[object, ...] = (), name: str = "secantus") -> None:
        self.name = name
        self._body = lambda: target(*args)
        self._task: Task | None = None
        self._running = Lock()

    def start(self) -> None:
        """Start the thread."""
        scheduler = running.active
        assert scheduler is not None, "a thread starts in a simulation"
        self._running.acquire()
        process = None if scheduler.current is None else scheduler.current.process
        self._task = scheduler.spawn(self.name, self._run, process)

    def _run(self) -> None:
        try:
            self._body()
        finally:
            self._running.release()

    def is_alive(self) -> bool:
        """Return whether the thread was started and has not ended yet."""
        return self._running.locked()

    def is_current(self) -> bool:
        """Return whether this is the calling thread."""
        return self._task is not None and running.active is not None and running.active.current is self._task

    def join(self, timeout: float | None = None) -> None:
        """Wait for at most `timeout` seconds until the thread ends."""
        if self._running.acquire(timeout=-1 if timeout is None else timeout):
            self._running.release()


def monotonic() -> float:
    """Return the scheduler's time in seconds."""
    scheduler = running.active
    return 0.0 if scheduler is None else scheduler.now_us / 1_000_000


def install() -> None:
    """Replace the server's threads, locks and time with their simulated counterparts."""
    loaded = [name for name in sys.modules if name.startswith("secantus_server.") and not name.startswith("secantus_server.system")]
    assert not loaded, f"the server has been imported with its own threads: {loaded[:3]}"
    import secantus_server.system
    from secantus_server.system import _clock

    module = ModuleType("secantus_server.system._threads")
    for one in (get_ident, Lock, RLock, Condition, Thread):
        setattr(module, one.__name__, one)
    sys.modules[module.__name__] = module
    secantus_server.system._threads = module  # type: ignore[attr-defined]
    _clock.monotonic = monotonic
    from secantus_server import modules

    # A real lock: with a simulated one, the imports on first use would make the first run of a seed differ from the second.
    modules._LOCK = threading.RLock()  # type: ignore[assignment]
