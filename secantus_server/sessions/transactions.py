"""The multi-document transactions of sessions: their states, their aborts, and the signal that a transaction has ended.

https://www.mongodb.com/docs/manual/core/transactions/
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

from secantus_server.errors import CommandError
from secantus_server.sessions.namespace_locks import NamespaceLocks
from secantus_server.system._threads import Lock
from secantus_server.system.conditions import Condition


class State(Enum):
    """The state of a transaction."""

    IN_PROGRESS = "in progress"
    COMMITTED = "committed"
    ABORTED = "aborted"


class OpenWork(Protocol):
    """The unit of work of a transaction, which is open from the first statement to the end of the transaction."""

    def enter(self) -> None:
        """Continue the transaction for a command.

        Raises:
            WriteConflict: if the transaction was rolled back in the meantime.
        """

    def leave(self) -> None:
        """Leave the transaction open after a command."""

    def commit(self) -> None:
        """Commit the transaction; called after `enter` instead of `leave`."""

    def abort(self) -> None:
        """Roll the transaction back; called after `enter` instead of `leave`, or while no command uses the transaction."""


class SessionTransaction:
    """One transaction of a session.

    Arguments:
        session: the bytes of the session's UUID.
        number: its `txnNumber`.
        deadline: the time at which it is aborted, in seconds of `Clock.elapsed`.

    `operation` is the operation of the running statement, or None; `first_operation` and `last_operation` are those of the first and the
    newest statement. `active_s` is the time spent in finished statements. Another thread that aborts the transaction sets `is_killed`; if
    a statement holds the lock then, the transaction is rolled back after the statement.

    Threads: the thread of a command holds `lock` while it uses the transaction; `lock` guards everything but `is_killed`.
    """

    __slots__ = (
        "active_s", "deadline", "first_operation", "is_killed", "last_operation", "lock", "number", "operation", "session", "state", "work",
    )  # fmt: skip

    def __init__(self, session: bytes, number: int, deadline: float) -> None:
        self.session = session
        self.number = number
        self.deadline = deadline
        self.lock = Lock()
        self.state = State.IN_PROGRESS
        self.work: Any = None
        self.operation: Any = None
        self.first_operation: Any = None
        self.last_operation: Any = None
        self.active_s = 0.0
        self.is_killed = False

    def enter(self, operation: Any) -> None:
        """Record the operation of a statement that begins. The caller holds the lock."""
        self.operation = self.last_operation = operation
        if self.first_operation is None:
            self.first_operation = operation

    def leave(self, now: float) -> None:
        """Record the end of a statement. The caller holds the lock.

        Arguments:
            now: the time on the monotonic clock.
        """
        if self.operation is not None:
            self.active_s += now - self.operation.started
            self.operation = None


def aborted_error(number: int) -> CommandError:
    """Return the error 251 NoSuchTransaction for a statement of an aborted transaction."""
    return CommandError(251, f"Transaction with {{ txnNumber: {number} }} has been aborted.")


def committed_transaction(session: bytes, number: int) -> SessionTransaction:
    """Return a new object for a transaction that was committed earlier."""
    transaction = SessionTransaction(session, number, 0)
    transaction.state = State.COMMITTED
    return transaction


class Transactions:
    """The newest transaction of each session.

    `namespaces` contains the locks of open transactions on collections.

    Threads: single dict operations are atomic. `_ended` guards the counters and is notified when a transaction ends.
    """

    def __init__(self) -> None:
        self._newest: dict[bytes, SessionTransaction] = {}
        self._ended = Condition()
        self._ends = 0
        self.open = 0
        self.started = self.committed = self.aborted = 0
        self.namespaces = NamespaceLocks()

    def begin(self, transaction: SessionTransaction) -> SessionTransaction | None:
        """Register a session's new transaction, unless a transaction with a higher number is open.

        Two commands of one session may begin transactions at the same time, and the one with the lower number may call this last.

        Returns:
            the open transaction that the caller must abort: the session's older one, or the new one itself if it was not registered; or
            None.
        """
        with self._ended:
            self.open += 1
            self.started += 1
            found = self._newest.get(transaction.session)
            is_open = found is not None and found.state is State.IN_PROGRESS
            if found is not None and is_open and found.number > transaction.number:
                return transaction
            self._newest[transaction.session] = transaction
        return found if is_open else None

    def all_open(self) -> list[SessionTransaction]:
        """Return the open transactions."""
        return [one for one in list(self._newest.values()) if one.state is State.IN_PROGRESS]

    def newest(self, session: bytes) -> SessionTransaction | None:
        """Return the newest transaction of a session, or None."""
        return self._newest.get(session)

    def finish(self, transaction: SessionTransaction, state: State) -> None:
        """Record the end of a transaction, and wake the writers that wait for it. The caller holds the transaction's lock."""
        transaction.state = state
        transaction.work = None
        with self._ended:
            if state is State.COMMITTED:
                self.committed += 1
            else:
                self.aborted += 1
            self.open -= 1
            self._ends += 1
            self._ended.notify_all()

    def abort(self, transaction: SessionTransaction, error: CommandError | None) -> None:
        """Abort a transaction from another thread. Roll an idle transaction back at once; make a running statement fail.

        Arguments:
            error: the error of the running statement. With None, a transaction with a running statement is not aborted.
        """
        if error is not None:
            transaction.is_killed = True
            operation = transaction.operation
            if operation is not None:
                # Each operation gets its own copy of the error, since the labels depend on the command.
                operation.interrupt(CommandError(error.code, error.message, error.labels, error.info))
        self._abort_idle(transaction)

    def _abort_idle(self, transaction: SessionTransaction) -> None:
        """Abort a transaction unless a command uses it; in that case `release` does it."""
        if transaction.lock.acquire(blocking=False):
            try:
                self.abort_held(transaction)
            finally:
                transaction.lock.release()

    def abort_held(self, transaction: SessionTransaction) -> None:
        """Abort a transaction unless it has ended. The caller holds the transaction's lock."""
        if transaction.state is State.IN_PROGRESS:
            if transaction.work is not None:
                transaction.work.abort()
            self.finish(transaction, State.ABORTED)

    def release(self, transaction: SessionTransaction) -> None:
        """Release the lock of a transaction after a command. Abort the transaction if it was killed in the meantime."""
        transaction.lock.release()
        # Checked after the release: a kill from now on finds the lock free.
        if transaction.is_killed:
            self._abort_idle(transaction)

    def abort_where(self, condition: Callable[[SessionTransaction], bool], error: CommandError | None) -> None:
        """Abort the open transactions that meet a condition; see `abort`."""
        for transaction in self.all_open():
            if condition(transaction):
                self.abort(transaction, error)

    def abort_older(self, session: bytes, acquire: Callable[[Lock], None]) -> None:
        """Abort a session's open transaction because the session has begun a newer number. Wait for a running statement first.

        Arguments:
            acquire: acquires a lock, and raises if the waiting operation was killed or timed out.
        """
        found = self._newest.get(session)
        if found is not None and found.state is State.IN_PROGRESS:
            self.abort_when_idle(found, acquire)

    def abort_when_idle(self, transaction: SessionTransaction, acquire: Callable[[Lock], None]) -> None:
        """Abort a transaction as soon as its running statement has ended.

        Arguments:
            acquire: as for `abort_older`.
        """
        acquire(transaction.lock)
        try:
            self.abort_held(transaction)
        finally:
            transaction.lock.release()

    def end(self, session: bytes) -> None:
        """Abort a session's open transaction, and remove the session."""
        found = self._newest.pop(session, None)
        if found is not None and found.state is State.IN_PROGRESS:
            self.abort(found, aborted_error(found.number))

    def abort_expired(self, now: float) -> None:
        """Abort the transactions whose deadline has passed.

        Arguments:
            now: the current value of `Clock.elapsed`.
        """
        self.abort_where(lambda one: one.deadline <= now, CommandError(290, "The transaction exceeded transactionLifetimeLimitSeconds."))

    def wait_for_end(self, timeout_s: float) -> None:
        """Wait at most `timeout_s` until any open transaction ends. Return at once if none is open."""
        with self._ended:
            if self.open:
                ends = self._ends
                self._ended.wait_for(lambda: self._ends != ends, timeout_s)
