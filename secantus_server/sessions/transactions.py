"""The multi-document transactions of sessions and their states. Writers can wait here until a transaction ends.

https://www.mongodb.com/docs/manual/core/transactions/
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

from secantus_server.errors import CommandError
from secantus_server.sessions.namespace_locks import NamespaceLocks
from secantus_server.system._threads import Condition, Lock


class State(Enum):
    """The state of a transaction."""

    IN_PROGRESS = "in progress"
    COMMITTED = "committed"
    ABORTED = "aborted"


# Constants, because reading a member of an enum takes longer than the function call around it before Python 3.12.
_IN_PROGRESS, _COMMITTED = State.IN_PROGRESS, State.COMMITTED


class OpenWork(Protocol):
    """The storage transaction behind a multi-document transaction, from the first statement to the end."""

    def enter(self) -> None:
        """Resume the storage transaction for a command.

        Raises:
            WriteConflict: the transaction was rolled back while no command used it.
        """

    def leave(self) -> None:
        """Detach from the storage transaction after a command, and leave it open."""

    def whole(self) -> OpenWork:
        """Return the unit of work that can run statements of any kind. It may replace this object as the transaction's `work`."""

    def commit(self) -> None:
        """Commit the transaction. The caller must have called `enter`."""

    def abort(self) -> None:
        """Roll the transaction back. Call this after `enter`, or while no command uses the transaction."""


class SessionTransaction:
    """A multi-document transaction of a session.

    Arguments:
        session: the bytes of the session's UUID.
        number: the `txnNumber`.
        deadline: the time at which the transaction is aborted, in seconds of `Clock.elapsed`.

    `operation` is the operation of the running statement, or None. `first_operation` and `last_operation` are the operations of the first
    and the newest statement. `active_s` is the time spent in finished statements. `is_killed` is set before another thread aborts the
    transaction. If a statement holds `lock` at that time, the statement completes the abort.

    Threads: the thread of a command holds `lock` while it uses the transaction. `lock` guards all attributes except `is_killed`.
    """

    __slots__ = (
        "active_s", "deadline", "first_operation", "is_killed", "last_operation", "lock", "number", "operation", "session", "state", "work",
    )  # fmt: skip

    def __init__(self, session: bytes, number: int, deadline: float) -> None:
        self.session = session
        self.number = number
        self.deadline = deadline
        self.lock = Lock()
        self.state = _IN_PROGRESS
        self.work: Any = None
        self.operation: Any = None
        self.first_operation: Any = None
        self.last_operation: Any = None
        self.active_s = 0.0
        self.is_killed = False

    def enter(self, operation: Any) -> None:
        """Record the operation of a statement that begins. The caller must hold `lock`."""
        self.operation = self.last_operation = operation
        if self.first_operation is None:
            self.first_operation = operation

    def leave(self, now: float) -> None:
        """Record the end of a statement. The caller must hold `lock`.

        Arguments:
            now: the time on the monotonic clock.
        """
        if self.operation is not None:
            self.active_s += now - self.operation.started
            self.operation = None


def aborted_error(number: int) -> CommandError:
    """Return the error for a command of an aborted transaction, 251 NoSuchTransaction."""
    return CommandError(251, f"Transaction with {{ txnNumber: {number} }} has been aborted.")


def committed_transaction(session: bytes, number: int) -> SessionTransaction:
    """Return a transaction object in the state COMMITTED."""
    transaction = SessionTransaction(session, number, 0)
    transaction.state = _COMMITTED
    return transaction


class Transactions:
    """The newest transaction of each session.

    `namespaces` contains the locks of open transactions on collections. `conflicts` maps the id of each thread that is retrying a write
    to the write's number of write conflicts.

    Threads: single dict operations are atomic. `_ended` guards the counters and is notified when a transaction ends.
    """

    def __init__(self) -> None:
        self._newest: dict[bytes, SessionTransaction] = {}
        self._ended = Condition()
        self._ends = 0
        self.open = 0
        self.started = self.committed = self.aborted = 0
        self.namespaces = NamespaceLocks()
        self.conflicts: dict[int, int] = {}

    def begin(self, transaction: SessionTransaction) -> SessionTransaction | None:
        """Register a session's new transaction, unless the session already has an open transaction.

        Returns:
            the open transaction that prevented the registration, or None on success.
        """
        with self._ended:
            found = self._newest.get(transaction.session)
            if found is not None and found.state is _IN_PROGRESS:
                return found
            self.open += 1
            self.started += 1
            self._newest[transaction.session] = transaction
        return None

    def all_open(self) -> list[SessionTransaction]:
        """Return the open transactions."""
        return [one for one in list(self._newest.values()) if one.state is _IN_PROGRESS]

    def newest(self, session: bytes) -> SessionTransaction | None:
        """Return the newest transaction of a session, or None if absent."""
        return self._newest.get(session)

    def finish(self, transaction: SessionTransaction, state: State) -> None:
        """Record the end of a transaction, and wake the writers that wait for it. The caller must hold the transaction's lock."""
        transaction.state = state
        transaction.work = None
        with self._ended:
            if state is _COMMITTED:
                self.committed += 1
            else:
                self.aborted += 1
            self.open -= 1
            self._ends += 1
            self._ended.notify_all()

    def abort(self, transaction: SessionTransaction, error: CommandError | None) -> None:
        """Abort a transaction from another thread.

        An idle transaction is rolled back immediately. A running statement is woken and fails.

        Arguments:
            error: the error for the running statement; None lets the statement finish.
        """
        if error is not None:
            transaction.is_killed = True
            operation = transaction.operation
            if operation is not None:
                # Each operation gets its own error object, because the error's labels depend on the command.
                operation.interrupt(CommandError(error.code, error.message, error.labels, error.info))
        self._abort_idle(transaction)

    def _abort_idle(self, transaction: SessionTransaction) -> None:
        """Abort a transaction unless a command is using it. If so, `release` aborts the transaction after the command."""
        if transaction.lock.acquire(blocking=False):
            try:
                self.abort_held(transaction)
            finally:
                transaction.lock.release()

    def abort_held(self, transaction: SessionTransaction) -> None:
        """Abort a transaction unless it has already ended. The caller must hold the transaction's lock."""
        if transaction.state is _IN_PROGRESS:
            if transaction.work is not None:
                transaction.work.abort()
            self.finish(transaction, State.ABORTED)

    def release(self, transaction: SessionTransaction) -> None:
        """Release the lock of a transaction after a command. Abort the transaction if it was killed during the command."""
        transaction.lock.release()
        # Check after the release, so that a kill that comes after the check finds the lock free.
        if transaction.is_killed:
            self._abort_idle(transaction)

    def abort_where(self, condition: Callable[[SessionTransaction], bool], error: CommandError | None) -> None:
        """Abort the open transactions for which a condition returns True, as `abort` does."""
        for transaction in self.all_open():
            if condition(transaction):
                self.abort(transaction, error)

    def abort_older(self, session: bytes, acquire: Callable[[Lock], None]) -> None:
        """Wait until a session's open transaction runs no statement, then abort it because the session has started a newer one.

        Arguments:
            acquire: acquires a lock, and raises an error if the waiting operation was killed or timed out.
        """
        found = self._newest.get(session)
        if found is not None and found.state is _IN_PROGRESS:
            self.abort_when_idle(found, acquire)

    def abort_when_idle(self, transaction: SessionTransaction, acquire: Callable[[Lock], None]) -> None:
        """Wait until no statement of a transaction runs, then abort the transaction.

        Arguments:
            acquire: see `abort_older`.
        """
        acquire(transaction.lock)
        try:
            self.abort_held(transaction)
        finally:
            transaction.lock.release()

    def end(self, session: bytes) -> None:
        """Abort a session's open transaction, and remove the session from this registry."""
        found = self._newest.pop(session, None)
        if found is not None and found.state is _IN_PROGRESS:
            self.abort(found, aborted_error(found.number))

    def abort_expired(self, now: float) -> None:
        """Abort the transactions that exceed the server's lifetime limit.

        Arguments:
            now: the seconds of `Clock.elapsed`.
        """
        self.abort_where(lambda one: one.deadline <= now, CommandError(290, "The transaction exceeded transactionLifetimeLimitSeconds."))

    def wait_for_end(self, timeout_s: float) -> None:
        """Wait until any open transaction ends, but at most `timeout_s` seconds. Return immediately if no transaction is open."""
        with self._ended:
            if self.open:
                ends = self._ends
                self._ended.wait_for(lambda: self._ends != ends, timeout_s)
