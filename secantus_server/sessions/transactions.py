"""The multi-document transactions of sessions and their states. Writers can wait here until a transaction ends.

https://www.mongodb.com/docs/manual/core/transactions/
"""

from __future__ import annotations

from collections.abc import Callable

from secantus_server.errors import CommandError
from secantus_server.records import Protocol
from secantus_server.sessions._registries import SessionTransaction, State, TransactionRegistry
from secantus_server.sessions.namespace_locks import NamespaceLocks
from secantus_server.system._threads import Lock


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


def aborted_error(number: int) -> CommandError:
    """Return the error for a command of an aborted transaction, 251 NoSuchTransaction."""
    return CommandError(251, f"Transaction with {{ txnNumber: {number} }} has been aborted.")


def committed_transaction(session: bytes, number: int) -> SessionTransaction:
    """Return a transaction object in the state COMMITTED."""
    transaction = SessionTransaction(session, number, 0)
    transaction.state = State.COMMITTED
    return transaction


class Transactions(TransactionRegistry):
    """The newest transaction of each session.

    `namespaces` contains the locks of open transactions on collections. `conflicts` maps the id of each thread that is retrying a write
    to the write's number of write conflicts.

    Threads: single dict operations are atomic. `_ended` guards the counters and is notified when a transaction ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.namespaces = NamespaceLocks()
        self.conflicts: dict[int, int] = {}

    def all_open(self) -> list[SessionTransaction]:
        """Return the open transactions."""
        return [one for one in list(self._newest.values()) if one.state is State.IN_PROGRESS]

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
        self.abort_idle(transaction)

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
        if found is not None and found.state is State.IN_PROGRESS:
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
        if found is not None and found.state is State.IN_PROGRESS:
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
            # Before `open` and `_ends` are read, see `finish`.
            self._waiting += 1
            try:
                if self.open:
                    ends = self._ends
                    self._ended.wait_for(lambda: self._ends != ends, timeout_s)
            finally:
                self._waiting -= 1
