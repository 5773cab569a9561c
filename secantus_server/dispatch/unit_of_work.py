"""The interface of a unit of work, through which commands read and write, and of its transactions.

The body of a write uses its transaction's recovery unit and stages the rest of the commit: oplog entries, changed documents, changes of
the catalog. One commit then applies them to the store, the oplog and memory, and notifies waiters. `work/auto_commit.py` implements a
unit of work that commits every write.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from secantus_server.catalog.changes import CatalogChanges
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.errors import CommandError
from secantus_server.oplog.oplog import Change, Entry
from secantus_server.sessions.namespace_locks import Namespace
from secantus_server.sessions.retryable import ExecutedFields, RetryableWrite
from secantus_server.sessions.transactions import OpenWork
from secantus_server.storage import RecoveryUnit, StorageError, WriteConflict

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from bson.timestamp import Timestamp

T = TypeVar("T")
Check = Callable[[], None]


OUT_OF_SPACE = 14031


def concerns_store(error: CommandError) -> bool:
    """Return whether an error comes from the store and is handled by the unit of work, not an error of a document or the operation."""
    return isinstance(error, StorageError | WriteConflict) or error.code == OUT_OF_SPACE


class MissingCollection(Exception):
    """Raised by a body for a missing collection: the unit of work creates it and runs the body again."""

    def __init__(self, db: str, name: str) -> None:
        super().__init__(f"{db}.{name}")
        self.db = db
        self.name = name


#: A retryable write and statements of it, to be recorded with the commit of what they wrote.
Retried = tuple[RetryableWrite, ExecutedFields]


class StagedWrites(Protocol):
    """The documents of one collection written by a transaction."""

    collection: Collection
    identity: bytes
    replicated: bool
    changes: list[Change]

    def save_multikey_flags(self) -> None:
        """Store the flags of the indexes that the documents made multikey."""

    def before_commit(self) -> None:
        """Write the data that must be committed with the documents."""

    def after_commit(self) -> None:
        """Update the state in memory after the commit."""

    def commit_failed(self) -> None:
        """Undo the notes that `before_commit` made in memory."""

    def absorb(self, later: StagedWrites) -> None:
        """Take over the counts of a later writer of the same collection and transaction, which does not take part in the commit."""


class ReadTransaction(Protocol):
    """A read-only transaction.

    Arguments:
        unit: the recovery unit; its transaction has begun.
        catalog: the catalog as the transaction sees it.
    """

    unit: RecoveryUnit
    catalog: CatalogView

    def pause(self) -> None:
        """End the transaction so that this thread can write."""

    def resume(self) -> None:
        """Begin another transaction, which sees later writes."""


class Transaction:
    """A transaction that writes, and the staged parts of its commit.

    Arguments:
        unit: the recovery unit; its transaction has begun.
        catalog: the catalog as the transaction sees it.
    """

    __slots__ = ("catalog", "entries", "retried", "unit", "writes")

    #: The staged changes of the catalog; None except in a `CatalogTransaction`.
    changes: CatalogChanges | None = None
    #: Whether this is a statement of a session's multi-document transaction.
    in_session = False

    def __init__(self, unit: RecoveryUnit, catalog: CatalogView) -> None:
        self.unit = unit
        self.catalog = catalog
        self.entries: list[Entry] = []
        self.writes: list[StagedWrites] = []
        #: The statements of a retryable write that the commit executes.
        self.retried: Retried | None = None

    @property
    def is_large(self) -> bool:
        """Whether a statement that can be split should continue in a new transaction."""
        return self.unit.is_large

    def creates(self, collection: Collection) -> bool:
        """Return whether the transaction creates or replaces this collection, so that no other one sees it."""
        return self.changes is not None

    def log(self, entry: Entry) -> None:
        """Stage an oplog entry, placed before those of documents."""
        self.entries.append(entry)


class CatalogTransaction(Transaction):
    """A transaction that changes the catalog, at most one at a time."""

    __slots__ = ("changes",)

    changes: CatalogChanges

    def __init__(self, unit: RecoveryUnit, catalog: CatalogView) -> None:
        super().__init__(unit, catalog)
        self.changes = CatalogChanges(unit)


class UnitOfWork(Protocol):
    """The reads and writes of a command."""

    def reading(self) -> AbstractContextManager[ReadTransaction]:
        """Return a context manager that reads one state of the store."""

    def write(self, body: Callable[[Transaction], T], check: Check) -> T:
        """Run a body in a transaction and commit; retry after a write conflict, or when a full store has room again.

        Arguments:
            body: reads, writes and stages; may be called several times. If it stages nothing, nothing is committed.
            check: raises if the operation was killed or timed out; called before each attempt.

        Returns:
            the return value of the body.

        Raises:
            CommandError: the body's error, after which nothing is committed; 14031 OutOfDiskSpace if the store has no room.
        """

    def change_catalog(
        self, body: Callable[[CatalogTransaction], T], check: Check, *, exclusive: bool = False, namespaces: Sequence[Namespace] = ()
    ) -> T:
        """Run a body that changes the catalog, as `write` does; catalog changes are serialised.

        A change of a collection waits for the sessions' open transactions that use it.

        Arguments:
            exclusive: also exclude all other transactions, except those that a session has left open.
            namespaces: the collections that an exclusive change concerns.
        """


class HeldStates(Protocol):
    """The past states of the store that reads with read concern "snapshot" share; see `work/snapshot_history.py`."""

    def reading(self, held: Any) -> AbstractContextManager[ReadTransaction]:
        """Return a context manager that reads in a held state.

        Arguments:
            held: the state, as `Cursor.snapshot` has it.

        Raises:
            CommandError: 239 SnapshotTooOld if it is no longer held, 246 SnapshotUnavailable if a restore has ended it.
        """

    def expire(self) -> None:
        """Stop holding the states that are older than the history window."""

    def clear(self) -> None:
        """Stop holding all states that no command reads now."""


class SessionWork(UnitOfWork, OpenWork, Protocol):
    """The unit of work inside a session's transaction."""

    def read_at(self, wanted: Timestamp) -> None:
        """Check that the transaction, which has just begun, reads the state of a time.

        Raises:
            CommandError: 238 if something was written since; 239 SnapshotTooOld, 246 SnapshotUnavailable.
        """
