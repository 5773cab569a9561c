"""The log of retryable writes: what a session's newest write was answered, for when the client sends it again.

It is kept in memory, one reply for each session, and goes with the session: a write that is sent again after the server was restarted
is not recognised.

https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from secantus_server.system.conditions import Condition

# How long a write that came again waits between two looks whether its operation is to end.
PAUSE_S = 0.05


class RetryableWrite:
    """One retryable write.

    Arguments:
        number: its `txnNumber`.
        shape: the command's name, the number of its statements and the ids they were given; a retry has the same.

    `reply` is None while the write runs, and after it has failed; `finished` tells these apart. Only the thread that runs it writes them.
    """

    __slots__ = ("finished", "number", "reply", "shape")

    def __init__(self, number: int, shape: tuple[str, int, tuple[int, ...]]) -> None:
        self.number = number
        self.shape = shape
        self.reply: dict[str, Any] | None = None
        self.finished = False


class RetryLog:
    """The newest retryable write of each session.

    Threads: `_changed` guards `_newest`, and is notified when a write ends that another thread waits for.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting = 0
        self._newest: dict[bytes, RetryableWrite] = {}

    def begin(self, session: bytes, write: RetryableWrite) -> RetryableWrite:
        """Note that a write begins, if its number is newer than all others of its session.

        Arguments:
            session: the bytes of the session's UUID.

        Returns:
            the session's newest write: this one if it may run.
        """
        with self._changed:
            newest = self._newest.get(session)
            if newest is not None and write.number <= newest.number:
                return newest
            self._newest[session] = write
            return write

    def finish(self, write: RetryableWrite, reply: dict[str, Any] | None) -> None:
        """Note what a write was answered; None where it failed."""
        write.reply = reply
        write.finished = True
        if self._waiting:
            with self._changed:
                self._changed.notify_all()

    def wait(self, write: RetryableWrite, check: Callable[[], None]) -> None:
        """Wait until a write that another thread runs has ended.

        Arguments:
            check: raises when the waiting operation is to end.
        """
        with self._changed:
            self._waiting += 1
            try:
                while not write.finished:
                    check()
                    self._changed.wait(PAUSE_S)
            finally:
                self._waiting -= 1

    def forget(self, session: bytes) -> None:
        """Forget a session's write."""
        with self._changed:
            self._newest.pop(session, None)

    def newest(self) -> dict[bytes, RetryableWrite]:
        """Return the newest write of each session."""
        with self._changed:
            return self._newest.copy()

    def restore(self, before: Mapping[bytes, RetryableWrite]) -> None:
        """Go back to what `newest` returned, for the sessions that there still are; writes that run are kept.

        A restored store no longer holds what was written since, so that a write that comes again must run again.
        """
        with self._changed:
            now = self._newest.items()
            restored = {session: before.get(session) if write.finished else write for session, write in now}
            self._newest = {session: write for session, write in restored.items() if write is not None}
