"""The lock of the command fsync, which blocks all writes while it is held.

https://www.mongodb.com/docs/manual/reference/command/fsync/
"""

from __future__ import annotations

from collections.abc import Callable

from secantus_server.dispatch.operations import Operation, Operations
from secantus_server.errors import CommandError
from secantus_server.system._clock import monotonic
from secantus_server.system._threads import Condition

#: The interval at which a waiting thread checks whether its operation was killed or has exceeded its time limit.
_LOOK_S = 0.05


class FsyncLock:
    """The fsync lock. It counts its acquisitions, and blocks writes until each of them is undone.

    Arguments:
        on_change: called after each acquisition and release.

    Attributes:
        waiting: the ids of the threads that are blocked by the lock.

    Threads: `_changed` guards `count` and `waiting`. `is_held` reads `count` without locking.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._changed = Condition()
        self.count = 0
        self.waiting: set[int] = set()

    @property
    def is_held(self) -> bool:
        """Return whether the lock is held, so that writes must wait."""
        return self.count > 0

    def acquire(self, operation: Operation, operations: Operations, is_write: Callable[[Operation], bool], timeout_s: float) -> int:
        """Acquire the lock, which blocks later writes. Wait until the running writes have ended, then return the number of acquisitions.

        Arguments:
            operation: the operation of the command that acquires the lock.
            is_write: returns whether an operation writes.
            timeout_s: the maximum time to wait for the running writes.

        Raises:
            CommandError: 24 LockTimeout, or the error that interrupted the operation. After an error, the acquisition is undone.
        """
        with self._changed:
            self.count += 1
        self._on_change()
        deadline = monotonic() + timeout_s
        before = [other for other in operations.all() if other is not operation and is_write(other)]
        try:
            with self._changed:
                # Writes that wait for this lock do not count as running.
                while any(other in before and other.thread not in self.waiting for other in operations.all()):
                    operation.check()
                    left = deadline - monotonic()
                    if left <= 0:
                        raise CommandError(24, "Unable to acquire the fsync lock: a write is still running")
                    self._changed.wait(min(left, _LOOK_S))
        except CommandError:
            self.release()
            raise
        return self.count

    def release(self) -> int:
        """Undo one acquisition of the lock, and return the number of remaining acquisitions.

        Raises:
            CommandError: 20 IllegalOperation if the lock is not held.
        """
        with self._changed:
            if not self.count:
                raise CommandError(20, "fsyncUnlock called when not locked")
            self.count -= 1
            left = self.count
            self._changed.notify_all()
        self._on_change()
        return left

    def release_all(self) -> None:
        """Undo all acquisitions of the lock."""
        while self.is_held:
            self.release()

    def wait(self, operation: Operation) -> None:
        """Block until the lock is not held.

        Raises:
            CommandError: the error that interrupted the operation.
        """
        with self._changed:
            self.waiting.add(operation.thread)
            try:
                while self.is_held:
                    operation.check()
                    self._changed.wait(_LOOK_S)
            finally:
                self.waiting.discard(operation.thread)
