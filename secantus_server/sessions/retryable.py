"""The log of retryable writes: the reply of each session's newest write, for a client that retries it.

The log is kept in memory, one reply per session, and ends with the session: a write retried after a restart of the server is not
recognised.

https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from secantus_server.system._threads import Lock
from secantus_server.system.conditions import Condition

# The interval at which a retry that waits for the original write checks for interruption.
PAUSE_S = 0.05


# The name of a write command, the number of its statements and their ids.
Shape = tuple[str, int, tuple[int, ...]]


class RetryableWrite:
    """One retryable write.

    Arguments:
        number: its `txnNumber`.
        shape: the command's name, the number of its statements and their ids; a retry has the same shape.

    `reply` is None while the write runs and after a failure; `finished` distinguishes the two. Only the writing thread sets them.
    """

    __slots__ = ("finished", "number", "reply", "shape")

    def __init__(self, number: int, shape: Shape) -> None:
        self.number = number
        self.shape = shape
        self.reply: dict[str, Any] | None = None
        self.finished = False


class RetryLog:
    """The newest retryable write of each session.

    Threads: `_lock` guards `_newest`. `_ended` guards `waiting`; it is notified when a write ends that another thread waits for.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._ended = Condition()
        self.waiting = 0
        self._newest: dict[bytes, RetryableWrite] = {}

    def begin(self, session: bytes, write: RetryableWrite) -> RetryableWrite:
        """Register a write if its number is newer than those of all earlier writes of the session.

        Arguments:
            session: the bytes of the session's UUID.

        Returns:
            the session's newest write; the write may run only if this is `write` itself.
        """
        with self._lock:
            newest = self._newest.get(session)
            if newest is not None and write.number <= newest.number:
                return newest
            self._newest[session] = write
        return write

    def newest_number(self, session: bytes) -> int | None:
        """Return the newest number of a session, or None."""
        newest = self._newest.get(session)
        return None if newest is None else newest.number

    def notify(self) -> None:
        """Wake the threads that wait for a write that has ended; needed only if `waiting` is not zero."""
        with self._ended:
            self._ended.notify_all()

    def wait(self, write: RetryableWrite, check: Callable[[], None]) -> None:
        """Wait until a write that runs in another thread has ended.

        Arguments:
            check: raises if the waiting operation was killed or timed out.
        """
        with self._ended:
            self.waiting += 1
            try:
                while not write.finished:
                    check()
                    self._ended.wait(PAUSE_S)
            finally:
                self.waiting -= 1

    def forget(self, session: bytes) -> None:
        """Forget a session's write."""
        with self._lock:
            self._newest.pop(session, None)

    def newest(self) -> dict[bytes, RetryableWrite]:
        """Return the newest write of each session."""
        with self._lock:
            return self._newest.copy()

    def restore(self, before: Mapping[bytes, RetryableWrite]) -> None:
        """Restore what `newest` returned earlier, for sessions that still exist; running writes are kept.

        After a restore the store no longer contains later writes, so a retry of one must run again.
        """
        with self._lock:
            now = self._newest.items()
            restored = {session: before.get(session) if write.finished else write for session, write in now}
            self._newest = {session: write for session, write in restored.items() if write is not None}
