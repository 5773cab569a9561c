"""The registry of logical sessions. A session is registered at its first use by a command and removed when it ends or expires.

https://www.mongodb.com/docs/manual/reference/server-sessions/
"""

from __future__ import annotations

from collections.abc import Iterable

from secantus_server.clock import Clock
from secantus_server.sessions._registries import RetryableWrite, SessionUses
from secantus_server.sessions.retryable import RetryLog
from secantus_server.sessions.transactions import Transactions

TIMEOUT_MINUTES = 30
#: The maximum number of sessions.
MAX_SESSIONS = 1_000_000


class SessionRegistry(SessionUses):
    """The registered sessions, with the time of their last use.

    Threads: each method uses single dict operations, which are atomic, or works on a copy. The `retries` object has its own lock.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, MAX_SESSIONS)
        self.retries = RetryLog()
        self.transactions = Transactions()

    def resume(self, writes: dict[bytes, RetryableWrite]) -> None:
        """Register the sessions of an earlier process that have stored retryable writes.

        Arguments:
            writes: the newest write of each session.
        """
        self.retries.load(writes)
        for session in writes:
            self.use(session)

    def end(self, sessions: Iterable[bytes]) -> None:
        """End sessions: remove them and their retryable writes, and abort their transactions."""
        for session in sessions:
            self._last_used_ms.pop(session, None)
            self.retries.forget(session)
            self.transactions.end(session)

    def forget_all_but(self, kept: frozenset[bytes]) -> None:
        """End all sessions except the given ones."""
        self.end(self.known() - kept)

    def expire(self) -> None:
        """End the sessions that have been idle longer than the timeout."""
        limit = self._clock.now_ms() - TIMEOUT_MINUTES * 60_000
        self.end([session for session, used in self._last_used_ms.copy().items() if used < limit])
        # Also remove writes without a session: another connection may have ended the session after a command's `use` but before its write.
        self.end(self.retries.newest().keys() - self._last_used_ms.keys())

    def follow_clock(self, by_ms: int) -> None:
        """Shift the times of last use after a test has moved the clock, so that the move does not expire sessions."""
        used = self._last_used_ms
        for session, at in used.copy().items():
            if session in used:
                used[session] = at + by_ms

    def known(self) -> frozenset[bytes]:
        """Return the registered sessions."""
        return frozenset(self._last_used_ms.copy())

    def last_uses(self) -> list[tuple[bytes, int]]:
        """Return the sessions with the times of their last use, in milliseconds since the epoch."""
        return list(self._last_used_ms.copy().items())
