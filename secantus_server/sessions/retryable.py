"""The log of retryable writes: what the statements of each session's newest write did, for a client that sends them again.

The log is kept in memory. In a directory it is stored as well, each statement in its own transaction, so that a retry after a restart of
the server is recognised (see `retry_rows`). It ends with the session.

https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bson.timestamp import Timestamp

from secantus_server.system._threads import Lock


class Executed(NamedTuple):
    """Statements that were executed.

    Arguments:
        kind: "insert", "update", "delete", "findAndModify", or "transaction" for a committed transaction.
        first: the id of the first statement.
        last: the id of the last one; only inserts have several.
        result: what the reply says of the statement, of BSON types.
    """

    kind: str
    first: int
    last: int
    result: Any = None


class RetryableWrite:
    """One retryable write, or a transaction, which uses a number of the same sequence.

    Arguments:
        number: its `txnNumber`.
        is_transaction: whether it is a multi-document transaction.

    `last_time` and `last_ms` are the cluster time and the wall clock time of its newest commit. `stored` are the statement ids that have a
    row, of this write and of earlier ones of the session.

    Threads: a command holds `lock` while it runs as this write; the lock guards everything else.
    """

    __slots__ = ("executed", "is_transaction", "last_ms", "last_time", "lock", "number", "stored")

    def __init__(self, number: int, *, is_transaction: bool = False) -> None:
        self.number = number
        self.is_transaction = is_transaction
        self.lock = Lock()
        self.executed: list[Executed] = []
        self.last_time: Timestamp | None = None
        self.last_ms = 0
        self.stored: set[int] = set()

    def find(self, statement: int) -> Executed | None:
        """Return what a statement did, or None if it was not executed."""
        return next((one for one in self.executed if one.first <= statement <= one.last), None)


class RetryLog:
    """The newest retryable write of each session.

    Threads: `_lock` guards `_newest` and `_forgotten`.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._newest: dict[bytes, RetryableWrite] = {}
        # The sessions whose rows are no longer needed.
        self._forgotten: set[bytes] = set()

    def begin(self, session: bytes, write: RetryableWrite) -> RetryableWrite:
        """Register a write if its number is newer than those of all earlier writes of the session.

        Arguments:
            session: the bytes of the session's UUID.

        Returns:
            the session's newest write: `write` itself, or the one with the same or a newer number.
        """
        with self._lock:
            newest = self._newest.get(session)
            if newest is not None:
                if write.number <= newest.number:
                    return newest
                # The commands of a session run one after the other.
                write.stored, write.lock = newest.stored, newest.lock
            self._newest[session] = write
        return write

    def newest_number(self, session: bytes) -> int | None:
        """Return the newest number of a session, or None."""
        newest = self._newest.get(session)
        return None if newest is None else newest.number

    def is_committed(self, session: bytes, number: int) -> bool:
        """Return whether a session's newest number is that of a committed transaction."""
        newest = self._newest.get(session)
        return newest is not None and newest.number == number and newest.is_transaction and bool(newest.executed)

    def of(self, session: bytes) -> RetryableWrite | None:
        """Return the newest write of a session, or None."""
        return self._newest.get(session)

    def forget(self, session: bytes) -> None:
        """Forget a session's write."""
        with self._lock:
            if self._newest.pop(session, None) is not None:
                self._forgotten.add(session)

    def take_forgotten(self) -> set[bytes]:
        """Return the sessions that were forgotten since the last call."""
        with self._lock:
            forgotten, self._forgotten = self._forgotten, set()
        return forgotten - self._newest.keys()

    def newest(self) -> dict[bytes, RetryableWrite]:
        """Return the newest write of each session."""
        with self._lock:
            return self._newest.copy()

    def load(self, writes: Mapping[bytes, RetryableWrite]) -> None:
        """Take over the writes stored by an earlier process."""
        with self._lock:
            self._newest.update(writes)

    def restore(self, before: Mapping[bytes, RetryableWrite]) -> set[bytes]:
        """Restore what `newest` returned earlier, for sessions that still exist; running writes are kept.

        After a restore the store no longer contains later writes, so a retry of one must run again.

        Returns:
            the sessions whose write is another one now.
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
