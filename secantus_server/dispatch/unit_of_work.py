"""How a command reads and writes: the interface of a unit of work, and the transactions that it hands out.

A body given to a unit of work writes through its transaction's recovery unit and stages what belongs to the commit: oplog entries, the
changes of documents, changes of the catalog. One commit then does storage, oplog, memory and notification. `work/auto_commit.py`
implements the unit of work whose every write commits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from secantus_server.catalog.changes import CatalogChanges
from secantus_server.catalog.view import CatalogView
from secantus_server.errors import CommandError
from secantus_server.oplog.oplog import Change, Entry
from secantus_server.storage import RecoveryUnit, StorageError, WriteConflict

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

T = TypeVar("T")
Check = Callable[[], None]


OUT_OF_SPACE = 14031


def concerns_store(error: CommandError) -> bool:
    """Return whether an error is the store's, so that the unit of work handles it; any other one is a document's or the operation's."""
    return isinstance(error, StorageError | WriteConflict) or error.code == OUT_OF_SPACE


class MissingCollection(Exception):
    """A body needs a collection that does not exist: the unit of work creates it and runs the body again."""

    def __init__(self, db: str, name: str) -> None:
        super().__init__(f"{db}.{name}")
        self.db = db
        self.name = name


class StagedWrites(Protocol):
    """The documents of one collection that a transaction has written."""

    identity: bytes
    replicated: bool
    changes: list[Change]

    def before_commit(self) -> None:
        """Write what the commit must contain besides the documents."""

    def after_commit(self) -> None:
        """Let memory know what was committed."""

    def commit_failed(self) -> None:
        """Forget what `before_commit` noted in memory."""


class ReadTransaction(Protocol):
    """A transaction that is only read in.

    Arguments:
        unit: the recovery unit; its transaction has begun.
        catalog: the catalog as the transaction sees it.
    """

    unit: RecoveryUnit
    catalog: CatalogView

    def pause(self) -> None:
        """End the transaction, so that this thread can write."""

    def resume(self) -> None:
        """Begin another transaction, which sees what was written meanwhile."""


class Transaction:
    """A transaction that writes, and what its commit consists of.

    Arguments:
        unit: the recovery unit; its transaction has begun.
        catalog: the catalog as the transaction sees it.
    """

    __slots__ = ("catalog", "entries", "unit", "writes")

    #: The changes of the catalog; only a `CatalogTransaction` has any.
    changes: CatalogChanges | None = None

    def __init__(self, unit: RecoveryUnit, catalog: CatalogView) -> None:
        self.unit = unit
        self.catalog = catalog
        self.entries: list[Entry] = []
        self.writes: list[StagedWrites] = []

    def log(self, entry: Entry) -> None:
        """Stage an oplog entry; it precedes those of documents."""
        self.entries.append(entry)


class CatalogTransaction(Transaction):
    """A transaction that changes the catalog; no other one does so meanwhile."""

    __slots__ = ("changes",)

    changes: CatalogChanges

    def __init__(self, unit: RecoveryUnit, catalog: CatalogView) -> None:
        super().__init__(unit, catalog)
        self.changes = CatalogChanges(unit)


class UnitOfWork(Protocol):
    """How commands read and write."""

    def reading(self) -> AbstractContextManager[ReadTransaction]:
        """Return a block that reads one state of the store."""

    def write(self, body: Callable[[Transaction], T], check: Check) -> T:
        """Run a body in a transaction and commit; run it again after a conflict, or once a full store has room again.

        Arguments:
            body: reads, writes and stages; it may be called several times. Where it stages nothing, nothing is committed.
            check: raises when the operation is to end; called before each try.

        Returns:
            what the body returned.

        Raises:
            CommandError: what the body raises, after which nothing is committed; 14031 OutOfDiskSpace where the store has no room.
        """

    def change_catalog(self, body: Callable[[CatalogTransaction], T], check: Check, *, exclusive: bool = False) -> T:
        """Run a body that changes the catalog, as `write` does; no other change of the catalog runs meanwhile.

        Arguments:
            exclusive: no other transaction at all runs meanwhile.
        """
