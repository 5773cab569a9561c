"""The unit of work outside multi-document transactions. Every write commits immediately.

As in MongoDB, earlier writes remain if a statement fails, and write conflicts are not reported to clients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from secantus_server.catalog.catalog import Catalog
from secantus_server.catalog.changes import CatalogChanges
from secantus_server.catalog.view import CatalogView
from secantus_server.dispatch.unit_of_work import (
    CatalogTransaction,
    Check,
    MissingCollection,
    StagedWrites,
    Transaction,
)
from secantus_server.errors import CommandError
from secantus_server.oplog.oplog import Writes
from secantus_server.sessions.namespace_locks import Namespace
from secantus_server.storage import CacheTooSmall, Engine, RecoveryUnit, WriteConflict
from secantus_server.storage.errors import OUT_OF_SPACE
from secantus_server.system._threads import get_ident
from secantus_server.work.collections import create_collection
from secantus_server.work.retried import note_retried, store_retried

if TYPE_CHECKING:
    from secantus_server.dispatch.services import Services

T = TypeVar("T")
AnyTransaction = TypeVar("AnyTransaction", bound=Transaction)

# The number of attempts of a write that does not fit into the cache. Other transactions may have filled the cache.
CACHE_TRIES = 3
# The first and the longest wait before a conflicting write is retried. The end of any session's transaction ends the wait earlier. The
# wait is limited because the conflicting transaction may not belong to a session.
FIRST_WAIT_S = 0.001
LONGEST_WAIT_S = 0.1
MOST_DOUBLINGS = 7


class _Conflict(Exception):
    """The error for a catalog change that conflicts with an open transaction.

    The change must release its locks and wait until the transaction ends.
    """


class _InUse(Exception):
    """The error for a catalog change that must wait because open transactions use its collections.

    Arguments:
        namespaces: the collections to be changed.
    """

    def __init__(self, namespaces: list[Namespace]) -> None:
        super().__init__(namespaces)
        self.namespaces = namespaces


class Reading:
    """A context manager that implements `dispatch.unit_of_work.ReadTransaction`. It begins the transaction on entry."""

    __slots__ = ("_catalog", "_engine", "catalog", "unit")

    def __init__(self, engine: Engine, catalog: Catalog) -> None:
        self._engine = engine
        self._catalog = catalog

    def __enter__(self) -> Reading:
        self.unit = self._engine.acquire()
        try:
            self.catalog = self._catalog.begin(self.unit)
        except BaseException:
            self._engine.release(self.unit)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._engine.release(self.unit)

    def pause(self) -> None:
        """End the read transaction temporarily, so that this thread can write."""
        self.unit.rollback()

    def resume(self) -> None:
        """Begin a new read transaction on the current state after `pause`."""
        self.catalog = self._catalog.begin(self.unit)


class AutoCommit:
    """The implementation of `dispatch.unit_of_work.UnitOfWork` for writes that commit immediately.

    Threads: the class has no state. Each call acquires its own recovery unit.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._engine = services.engine
        self._catalog = services.catalog
        self._locks = services.sessions.transactions.namespaces

    def reading(self) -> Reading:
        """Return a context manager that opens a read transaction; see `UnitOfWork.reading`."""
        return Reading(self._engine, self._catalog)

    def write(self, body: Callable[[Transaction], T], check: Check) -> T:
        """Run a function in a transaction and commit, with retries after write conflicts; see `UnitOfWork.write`."""
        if self._engine.is_crowded():
            self._engine.relieve()
        return self._run(Transaction, body, check)

    def change_catalog(
        self, body: Callable[[CatalogTransaction], T], check: Check, *, exclusive: bool = False, namespaces: Sequence[Namespace] = ()
    ) -> T:
        """Run a function that changes the catalog, and commit; see `UnitOfWork.change_catalog`."""
        wanted, conflicts = list(namespaces), 0
        while True:
            try:
                if not wanted and not exclusive:
                    return self._change_catalog(body, check)
                with ExitStack() as held:
                    if wanted:
                        held.enter_context(self._locks.change(wanted, check))
                    if exclusive:
                        held.enter_context(self._engine.exclusive())
                    return self._change_catalog(body, check)
            # Wait for open transactions only after releasing the locks and exclusive access: the transactions could not end while this
            # thread holds them.
            except _InUse as used:
                wanted = list({*wanted, *used.namespaces})
            except _Conflict:
                conflicts += 1
                self._wait(conflicts)

    def _change_catalog(self, body: Callable[[CatalogTransaction], T], check: Check) -> T:
        """Run a function that changes the catalog, and commit while holding the catalog lock.

        Raises:
            _InUse: if an open transaction uses one of the collections.
            _Conflict: if an open transaction has written the same part of the catalog.
        """
        if self._engine.was_full:
            self._engine.make_room()
        if self._engine.is_crowded():
            self._engine.relieve()
        passage = self._engine.acquire()
        try:
            # Lock order: gate, then catalog. A thread that holds the catalog lock has already entered the gate, so it never waits for the
            # gate.
            passage.begin()
            self._engine.acquire_lock(self._catalog.change_lock)
            try:
                return self._run(CatalogTransaction, body, check)
            finally:
                self._catalog.change_lock.release()
        finally:
            self._engine.release(passage)

    def _run(self, make: Callable[[RecoveryUnit, CatalogView], AnyTransaction], body: Callable[[AnyTransaction], T], check: Check) -> T:
        """Run a function in a transaction and commit. Retry after write conflicts until the commit succeeds or the function fails."""
        too_large, conflicts, has_made_room = 0, 0, False
        unit = self._engine.acquire()
        try:
            while True:
                check()
                try:
                    transaction = make(unit, self._catalog.begin(unit))
                    result = body(transaction)
                    self._commit(transaction)
                    return result
                except WriteConflict as error:
                    self._services.counters.add("writeConflicts")
                    too_large += isinstance(error, CacheTooSmall)
                    if too_large == CACHE_TRIES:
                        raise
                    unit.rollback()
                    if make is CatalogTransaction and self._services.sessions.transactions.open:
                        raise _Conflict from None
                    conflicts += 1
                    self._wait(conflicts)
                except MissingCollection as missing:
                    unit.rollback()
                    create_collection(self._services, missing.db, missing.name, {}, if_missing=True)
                except CommandError as error:
                    if error.code != OUT_OF_SPACE or has_made_room or not self._make_room(unit):
                        raise
                    has_made_room = True
                finally:
                    if unit.in_transaction:
                        unit.rollback()
        finally:
            self._engine.release(unit)
            if conflicts:
                self._services.sessions.transactions.conflicts.pop(get_ident(), None)

    def _wait(self, conflicts: int) -> None:
        """Wait before retrying after a write conflict if a session has an open transaction, because that transaction may be the cause."""
        transactions = self._services.sessions.transactions
        transactions.conflicts[get_ident()] = conflicts
        if transactions.open:
            transactions.wait_for_end(min(FIRST_WAIT_S * 2 ** min(conflicts, MOST_DOUBLINGS), LONGEST_WAIT_S))

    def _make_room(self, unit: RecoveryUnit) -> bool:
        if unit.in_transaction:
            unit.rollback()
        self._services.history.clear()
        return self._engine.make_room()

    def _commit(self, transaction: Transaction) -> None:
        """Commit a transaction's staged writes. If nothing was staged, leave the transaction open, and the caller rolls it back."""
        writes, changes = transaction.writes, transaction.changes
        if len(writes) != 1 or not writes[0].changes:
            writes = [one for one in writes if one.changes]
        if changes is None:
            if writes or transaction.entries:
                self._apply(transaction, writes, None)
            return
        claimed = changes.namespaces
        if not self._locks.try_change(claimed):
            raise _InUse(claimed)
        try:
            self._apply(transaction, writes, changes)
        finally:
            self._locks.end_change(claimed)

    def _apply(self, transaction: Transaction, writes: list[StagedWrites], changes: CatalogChanges | None) -> None:
        """Commit the writes to the store and the oplog, then update the in-memory state."""
        begun = 0
        logged: list[Writes] = []
        chain, time, retried = None, None, transaction.retried
        written = [one.collection.lifetime for one in writes]
        commit = partial(self._services.oplog.commit, transaction.unit, transaction.entries, logged, written=written)
        try:
            for one in writes:
                begun += 1
                one.before_commit()
                if one.replicated:
                    logged.append((one.identity, one.changes))
            if retried is not None:
                chain = store_retried(self._services, transaction.unit, retried)
            if changes is None:
                time = commit(chain)
            else:
                self._catalog.commit(changes, partial(commit, ended=changes.ended))
        except BaseException:
            for one in writes[:begun]:
                one.commit_failed()
            raise
        for one in writes:
            one.after_commit()
        if retried is not None:
            note_retried(self._services, retried, time)
        if len(logged) != len(writes):
            self._services.writes.publish((), [(one.identity, one.changes) for one in writes if not one.replicated])
