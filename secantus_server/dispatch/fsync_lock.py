"""The lock of fsync: while it is held, writes wait.

https://www.mongodb.com/docs/manual/reference/command/fsync/
"""

from __future__ import annotations

from collections.abc import Callable

from secantus_server.dispatch.operations import Operation, Operations
from secantus_server.errors import CommandError
from secantus_server.system._clock import monotonic
from secantus_server.system.conditions import Condition

#: How often a waiting thread looks for other reasons to stop waiting.
_LOOK_S = 0.05


class FsyncLock:
    """The lock, which counts how often it was taken.

    Arguments:
        on_change: called when the lock is taken or released for good.

    `waiting` are the threads that wait for its release.

    Threads: `_changed` guards `count` and `waiting`; `is_held` only reads the former.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._changed = Condition()
        self.count = 0
        self.waiting: set[int] = set()

    @property
    def is_held(self) -> bool:
        """Whether writes wait."""
        return self.count > 0

    def acquire(self, operation: Operation, operations: Operations, is_write: Callable[[Operation], bool], timeout_s: float) -> int:
        """Make later writes wait, and wait for the running ones; return the new count.

        Arguments:
            operation: the command that takes the lock.
            is_write: whether a running operation writes.
            timeout_s: how long to wait for the running writes.

        Raises:
            CommandError: 24 LockTimeout, or the error that ended the operation; the lock is not held then.
        """
        with self._changed:
            self.count += 1
        self._on_change()
        deadline = monotonic() + timeout_s
        before = [other for other in operations.all() if other is not operation and is_write(other)]
        try:
            with self._changed:
                # A write that waits for this lock itself has not begun yet.
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
        """Release the lock once; return the remaining count.

        Raises:
            CommandError: 20 IllegalOperation, it is not held.
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
        """Release the lock as often as it was taken."""
        while self.is_held:
            self.release()

    def wait(self, operation: Operation) -> None:
        """Wait until the lock is not held.

        Raises:
            CommandError: the error that ended the operation.
        """
        with self._changed:
            self.waiting.add(operation.thread)
            try:
                while self.is_held:
                    operation.check()
                    self._changed.wait(_LOOK_S)
            finally:
                self.waiting.discard(operation.thread)
