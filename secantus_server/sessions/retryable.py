"""The log of retryable writes. It stores the results of each session's newest write, so that a retry returns them instead of writing
again.

The log is in memory. A server with a data directory also stores the log, so that it recognizes a retry after a restart. The transaction
of each statement then also writes the statement's row (see `retry_rows`). A session's log is removed when the session ends.

https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md
"""

from __future__ import annotations

from collections.abc import Mapping

from secantus_server.sessions._registries import RetryableWrite, WriteRegistry


class RetryLog(WriteRegistry):
    """The newest retryable write of each session.

    Threads: `_lock` guards `_newest` and `_forgotten`.
    """

    def __init__(self) -> None:
        super().__init__()
        # The sessions whose stored rows are to be removed.
        self._forgotten: set[bytes] = set()

    def newest_number(self, session: bytes) -> int | None:
        """Return the `txnNumber` of a session's newest write, or None if absent."""
        newest = self._newest.get(session)
        return None if newest is None else newest.number

    def is_committed(self, session: bytes, number: int) -> bool:
        """Return whether the session's newest write has this number and is a committed transaction."""
        newest = self._newest.get(session)
        return newest is not None and newest.number == number and newest.is_transaction and bool(newest.executed)

    def forget(self, session: bytes) -> None:
        """Remove the write of a session from the log."""
        with self._lock:
            if self._newest.pop(session, None) is not None:
                self._forgotten.add(session)

    def take_forgotten(self) -> set[bytes]:
        """Return the sessions whose writes were removed since the last call, so that the caller can remove the stored rows."""
        with self._lock:
            forgotten, self._forgotten = self._forgotten, set()
        return forgotten - self._newest.keys()

    def newest(self) -> dict[bytes, RetryableWrite]:
        """Return the newest write of each session."""
        with self._lock:
            return self._newest.copy()

    def load(self, writes: Mapping[bytes, RetryableWrite]) -> None:
        """Add the writes that an earlier server process has stored."""
        with self._lock:
            self._newest.update(writes)

    def restore(self, before: Mapping[bytes, RetryableWrite]) -> set[bytes]:
        """Restore the log to an earlier state, after the store was restored to that state.

        The store no longer contains the writes that were made after that state, so a retry of such a write must run again. Writes that
        are currently running are not changed, and sessions that have ended are not recreated.

        Arguments:
            before: an earlier result of `newest`.

        Returns:
            the sessions whose newest write was changed by this call.
        """
        with self._lock:
            changed = {session for session, write in self._newest.items() if before.get(session) is not write and not write.lock.locked()}
            for session in changed:
                earlier = before.get(session)
                if earlier is None:
                    del self._newest[session]
                else:
                    earlier.stored |= self._newest[session].stored
                    self._newest[session] = earlier
        return changed
