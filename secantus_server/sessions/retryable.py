"""The log of retryable writes: the reply of each session's newest write, for a client that sends it again.

It is kept in memory, one reply for each session, and ends with the session: a write that is sent again after a restart of the server
is not recognised.

https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from secantus_server.system._threads import Lock
from secantus_server.system.conditions import Condition

# How long a write that is sent again waits between two checks whether its operation is to end.
PAUSE_S = 0.05


# The name of a write command, the number of its statements and their ids.
Shape = tuple[str, int, tuple[int, ...]]


class RetryableWrite:
    """One retryable write.

    Arguments:
        number: its `txnNumber`.
        shape: the command's name, the number of its statements and the ids they were given; a retry has the same.

    `reply` is None while the write runs, and after it has failed; `finished` tells these apart. Only the thread that runs it writes them.
    """

    __slots__ = ("finished", "number", "reply", "shape")

    def __init__(self, number: int, shape: Shape) -> None:
        self.number = number
        self.shape = shape
        self.reply: dict[str, Any] | None = None
        self.finished = False


class RetryLog:
    """The newest retryable write of each session.

    Threads: `_lock` guards `_newest`. `_ended` guards `_waiting`; it is notified when a write ends while another thread waits.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._ended = Condition()
        self._waiting = 0
        self._newest: dict[bytes, RetryableWrite] = {}

    def begin(self, session: bytes, write: RetryableWrite) -> RetryableWrite:
        """Note that a write begins, if its number is newer than all others of its session.

        Arguments:
            session: the bytes of the session's UUID.

        Returns:
            the session's newest write: this one if it may run.
        """
        with self._lock:
            newest = self._newest.get(session)
            if newest is not None and write.number <= newest.number:
                return newest
            self._newest[session] = write
        return write

    def finish(self, write: RetryableWrite) -> None:
        """Note that a write has ended; it has a reply unless it failed."""
        write.finished = True
        if self._waiting:
            with self._ended:
                self._ended.notify_all()

    def wait(self, write: RetryableWrite, check: Callable[[], None]) -> None:
        """Wait until a write that another thread runs has ended.

        Arguments:
            check: raises when the waiting operation is to end.
        """
        with self._ended:
            self._waiting += 1
            try:
                while not write.finished:
                    check()
                    self._ended.wait(PAUSE_S)
            finally:
                self._waiting -= 1

    def forget(self, session: bytes) -> None:
        """Forget a session's write."""
        with self._lock:
            self._newest.pop(session, None)

    def newest(self) -> dict[bytes, RetryableWrite]:
        """Return the newest write of each session."""
        with self._lock:
            return self._newest.copy()

    def restore(self, before: Mapping[bytes, RetryableWrite]) -> None:
        """Go back to what `newest` returned, for the sessions that there still are; writes that run are kept.

        A restored store no longer holds what was written since, so that a write that comes again must run again.
        """
        with self._lock:
            now = self._newest.items()
            restored = {session: before.get(session) if write.finished else write for session, write in now}
            self._newest = {session: write for session, write in restored.items() if write is not None}
