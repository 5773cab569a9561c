"""The logical sessions that a server knows: every one that a command came in, until it is ended or was idle for too long.

For each it keeps the number of the newest retryable write, by which a write that is sent again is recognised.

https://www.mongodb.com/docs/manual/reference/server-sessions/
"""

from __future__ import annotations

from collections.abc import Iterable

from secantus_server.clock import Clock
from secantus_server.system._threads import Lock

TIMEOUT_MINUTES = 30


class SessionRegistry:
    """The sessions, and when each was used last.

    Threads: the methods about uses are one operation of a dict, or work on a copy; the numbers of writes have a lock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_used_ms: dict[bytes, int] = {}
        self._lock = Lock()  # guards _newest_write, and that each of its sessions is known
        self._newest_write: dict[bytes, int] = {}

    def use(self, session: bytes) -> None:
        """Note that a session is used now; one that is not known begins.

        Arguments:
            session: the bytes of its UUID.
        """
        self._last_used_ms[session] = self._clock.now_ms()

    def end(self, sessions: Iterable[bytes]) -> None:
        """Forget sessions."""
        with self._lock:
            for session in sessions:
                self._last_used_ms.pop(session, None)
                self._newest_write.pop(session, None)

    def begin_write(self, session: bytes, number: int) -> int | None:
        """Note that a retryable write begins, if its number is newer than all others of its session.

        Arguments:
            session: the bytes of its UUID.
            number: the write's `txnNumber`.

        Returns:
            None if the write may run, or the newest number of the session: the write's own or a newer one.
        """
        with self._lock:
            newest = self._newest_write.get(session)
            if newest is not None and number <= newest:
                return newest
            self._newest_write[session] = number
            if session not in self._last_used_ms:
                # Another connection has ended the session since the command came in.
                self.use(session)
            return None

    def forget_all_but(self, kept: frozenset[bytes]) -> None:
        """Forget every session but these."""
        self.end(self.known() - kept)

    def expire(self) -> None:
        """Forget the sessions that were idle for too long."""
        limit = self._clock.now_ms() - TIMEOUT_MINUTES * 60_000
        self.end([session for session, used in self._last_used_ms.copy().items() if used < limit])

    def known(self) -> frozenset[bytes]:
        """The sessions that there are."""
        return frozenset(self._last_used_ms.copy())

    def last_uses(self) -> list[tuple[bytes, int]]:
        """The sessions with the time of their last use, in milliseconds since the epoch."""
        return list(self._last_used_ms.copy().items())
