"""The log of retryable writes. It stores the results of each session's newest write, so that a retry returns them instead of writing
again.

The log is in memory. A server with a data directory also stores the log, so that it recognizes a retry after a restart. The transaction
of each statement then also writes the statement's row (see `retry_rows`). A session's log is removed when the session ends.

https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bson.timestamp import Timestamp

from secantus_server.sessions.ids import encoded_session
from secantus_server.system._threads import Lock


class Executed(NamedTuple):
    """A group of executed statements of a retryable write.

    Arguments:
        kind: "insert", "update", "delete", "findAndModify", or "transaction" for a committed transaction.
        first: the id of the first statement.
        last: the id of the last statement. Only inserts and updates have groups of several statements.
        result: the part of the reply of each statement, as BSON values.
    """

    kind: str
    first: int
    last: int
    result: Any = None


#: The fields of an `Executed`. The log keeps plain tuples, because they are cheaper to create and most writes are never retried.
ExecutedFields = tuple[str, int, int, Any]


class RetryableWrite:
    """A retryable write or a transaction. A session numbers both in the same sequence.

    Arguments:
        session: the bytes of the session's UUID.
        number: the `txnNumber`.
        is_transaction: whether this is a multi-document transaction.
        earlier: the session's previous write, or None.

    `lsid` is the session's id in the oplog's form. `last_time` and `last_ms` are the cluster time and the wall clock time of the write's
    newest commit. `stored` contains the ids of the statements that have a row in the store, for this write and the session's earlier
    writes.

    Threads: all writes of a session share `lock`, which guards all other attributes. A command holds the lock while it executes a write
    of the session.
    """

    __slots__ = (
        "_has_ranges", "executed", "is_transaction", "last_ms", "last_time", "lock", "lsid", "number", "session", "stored",
    )  # fmt: skip

    def __init__(self, session: bytes, number: int, is_transaction: bool = False, earlier: RetryableWrite | None = None) -> None:
        self.session = session
        self.number = number
        self.is_transaction = is_transaction
        # The executed groups by the id of the first statement. None instead of an empty dict, which would take memory for each write.
        self.executed: dict[int, ExecutedFields] | None = None
        self._has_ranges = False
        self.last_time: Timestamp | None = None
        self.last_ms = 0
        if earlier is None:
            self.lock = Lock()
            self.lsid = encoded_session(session)
            self.stored: set[int] = set()
        else:
            self.lock = earlier.lock
            self.lsid = earlier.lsid
            self.stored = earlier.stored

    def find(self, statement: int) -> Executed | None:
        """Return the record of a statement, or None if it was not executed."""
        if self.executed is None:
            return None
        found = self.executed.get(statement)
        if found is None and self._has_ranges:
            found = next((one for one in self.executed.values() if one[1] <= statement <= one[2]), None)
        return None if found is None else Executed(*found)

    def note(self, executed: ExecutedFields) -> None:
        """Record executed statements."""
        _, first, last, _ = executed
        if self.executed is None:
            self.executed = {first: executed}
        else:
            self.executed[first] = executed
        if last > first:
            self._has_ranges = True


class RetryLog:
    """The newest retryable write of each session.

    Threads: `_lock` guards `_newest` and `_forgotten`.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._newest: dict[bytes, RetryableWrite] = {}
        # The sessions whose stored rows are to be removed.
        self._forgotten: set[bytes] = set()

    def begin(self, session: bytes, number: int, *, is_transaction: bool = False) -> tuple[RetryableWrite, bool]:
        """Register a write as its session's newest write, if its number is higher than the numbers of all earlier writes.

        Arguments:
            session: the bytes of the session's UUID.

        Returns:
            the session's newest write, whose number is `number` or higher, and whether this call registered it.
        """
        with self._lock:
            newest = self._newest.get(session)
            if newest is not None and number <= newest.number:
                return newest, False
            write = self._newest[session] = RetryableWrite(session, number, is_transaction, newest)
        return write, True

    def newest_number(self, session: bytes) -> int | None:
        """Return the `txnNumber` of a session's newest write, or None if absent."""
        newest = self._newest.get(session)
        return None if newest is None else newest.number

    def is_committed(self, session: bytes, number: int) -> bool:
        """Return whether the session's newest write has this number and is a committed transaction."""
        newest = self._newest.get(session)
        return newest is not None and newest.number == number and newest.is_transaction and bool(newest.executed)

    def of(self, session: bytes) -> RetryableWrite | None:
        """Return the newest write of a session, or None if absent."""
        return self._newest.get(session)

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
