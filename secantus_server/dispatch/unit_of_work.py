"""The interfaces of the unit of work, through which commands read and write, and of its transactions.

A write is a function called the body. The body writes to the store through the recovery unit of its transaction. It also stages the
remaining parts of the commit: oplog entries, changed documents, and changes of the catalog. One commit then applies all changes to the
store, the oplog and memory, and notifies waiters. `work/auto_commit.py` implements a unit of work that commits every write.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from secantus_server.catalog.changes import CatalogChanges
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.oplog.oplog import Change, Entry
from secantus_server.records import Protocol
from secantus_server.sessions._registries import RetryableWrite
from secantus_server.sessions.executed import ExecutedFields
from secantus_server.sessions.namespace_locks import Namespace
from secantus_server.sessions.transactions import OpenWork
from secantus_server.storage import RecoveryUnit

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from bson.timestamp import Timestamp

T = TypeVar("T")
Check = Callable[[], None]


class MissingCollection(Exception):
    """Raised by the body of a unit of work if a collection is missing. The unit of work then creates the collection and reruns the body."""

    def __init__(self, db: str, name: str) -> None:
        super().__init__(f"{db}.{name}")
        self.db = db
        self.name = name


#: A retryable write, and those of its statements that the commit of their changes must record as executed.
Retried = tuple[RetryableWrite, ExecutedFields]


class StagedWrites(Protocol):
    """The staged writes of a transaction to one collection."""

    collection: Collection
    identity: bytes
    replicated: bool
    changes: list[Change]

    def save_multikey_flags(self) -> None:
        """Store the multikey flags of the indexes that became multikey through the staged documents."""

    def before_commit(self) -> None:
        """Write the additional data that must be committed together with the staged documents."""

    def after_commit(self) -> None:
        """Update the state in memory after the commit."""

    def commit_failed(self) -> None:
        """Undo the in-memory changes of `before_commit` after a failed commit."""

    def absorb(self, later: StagedWrites) -> None:
        """Add the counts of a later `StagedWrites` of the same collection and transaction. Only this object then takes part in the
        commit.
        """


class ReadTransaction(Protocol):
    """A read-only transaction.

    Arguments:
        unit: the recovery unit, whose transaction has begun.
        catalog: the catalog as visible to the transaction.
    """

    unit: RecoveryUnit
    catalog: CatalogView

    def pause(self) -> None:
        """End the storage transaction, so that the calling thread can write."""

    def resume(self) -> None:
        """Begin another storage transaction, which sees the writes since `pause`."""


class Transaction:
    """A write transaction, with the oplog entries and document writes that are staged for its commit.

    Arguments:
        unit: the recovery unit, whose transaction has begun.
        catalog: the catalog as visible to the transaction.
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
        #: The statements of a retryable write that the commit records as executed, or None.
        self.retried: Retried | None = None

    @property
    def is_large(self) -> bool:
        """Return whether the transaction is so large that a statement on many documents should continue in a new transaction, if it can
        be split.
        """
        return self.unit.is_large

    def creates(self, collection: Collection) -> bool:
        """Return whether the transaction creates or replaces this collection, so that no other transaction sees it before the commit."""
        return self.changes is not None

    def log(self, entry: Entry) -> None:
        """Stage an oplog entry, which the commit writes before the entries for document changes."""
        self.entries.append(entry)


class CatalogTransaction(Transaction):
    """A transaction that changes the catalog. At most one such transaction runs at a time."""

    __slots__ = ("changes",)

    changes: CatalogChanges

    def __init__(self, unit: RecoveryUnit, catalog: CatalogView) -> None:
        super().__init__(unit, catalog)
        self.changes = CatalogChanges(unit)


class UnitOfWork(Protocol):
    """The interface through which a command opens its read and write transactions."""

    def reading(self) -> AbstractContextManager[ReadTransaction]:
        """Return a context manager that opens a read transaction, which sees one consistent state of the store."""

    def write(self, body: Callable[[Transaction], T], check: Check) -> T:
        """Run a body in a transaction and commit it. Retry after a write conflict. If the store is full, free space and retry once.

        Arguments:
            body: reads, writes and stages changes; may be called several times. If it stages nothing, nothing is committed.
            check: raises an error if the operation was killed or has exceeded its time limit; called before each attempt.

        Returns:
            the return value of the body.

        Raises:
            CommandError: the body's error, after which nothing is committed; 14031 OutOfDiskSpace if the store is full.
        """

    def change_catalog(
        self, body: Callable[[CatalogTransaction], T], check: Check, *, exclusive: bool = False, namespaces: Sequence[Namespace] = ()
    ) -> T:
        """Run a body that changes the catalog and commit it, as `write` does. Catalog changes run one at a time.

        If a collection changes, first wait until all open multi-document transactions that use the collection have ended.

        Arguments:
            exclusive: whether to exclude all other transactions during the change, except for open multi-document transactions.
            namespaces: the collections that an exclusive change affects.
        """


class HeldStates(Protocol):
    """The retained past states of the store, for commands with read concern "snapshot".

    See `work/snapshot_history.py`.
    """

    def reading(self, held: Any) -> AbstractContextManager[ReadTransaction]:
        """Return a context manager that opens a read transaction on a retained state.

        Arguments:
            held: the state, from `Cursor.snapshot`.

        Raises:
            CommandError: 239 SnapshotTooOld if the state was released, 246 SnapshotUnavailable if restoring a server snapshot has dropped
                it.
        """

    def expire(self) -> None:
        """Release the states that are older than the history window."""

    def clear(self) -> None:
        """Release all states that no command is reading."""


class SessionWork(UnitOfWork, OpenWork, Protocol):
    """The unit of work for the commands in a multi-document transaction."""

    def read_at(self, wanted: Timestamp) -> None:
        """Raise an error if the transaction, which has just begun, does not see the store's state as of a cluster time.

        Raises:
            CommandError: 238 if there were writes after this time; 239 SnapshotTooOld, 246 SnapshotUnavailable.
        """
