"""The unit of work of a session's multi-document transaction. All statements write in one recovery unit, which is committed once.

As in MongoDB, any error aborts the transaction. A failed statement therefore does not need to be undone separately.
https://www.mongodb.com/docs/manual/core/transactions/
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from bson.timestamp import Timestamp

from secantus_server.bson.values import stamp_of
from secantus_server.catalog.changes import CatalogChanges
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.dispatch.parameters import parameter_value
from secantus_server.dispatch.session_statements import write_conflict
from secantus_server.dispatch.unit_of_work import CatalogTransaction, Check, MissingCollection, ReadTransaction, Retried, Transaction
from secantus_server.errors import CommandError, not_supported
from secantus_server.modules import import_late
from secantus_server.oplog.oplog import Change, Entry
from secantus_server.records import NamedTuple
from secantus_server.sessions.ids import encoded_session
from secantus_server.sessions.namespace_locks import Namespace
from secantus_server.storage import CacheTooSmall, RecoveryUnit, WriteConflict
from secantus_server.work.collections import create_collection, database_of_other_case
from secantus_server.work.retried import note_retried, store_retried
from secantus_server.work.session_catalog import SessionCatalog

if TYPE_CHECKING:
    from secantus_server.dispatch.services import Services
    from secantus_server.dispatch.unit_of_work import StagedWrites
    from secantus_server.sessions._registries import SessionTransaction

T = TypeVar("T")

TRANSACTION_TOO_LARGE_FOR_CACHE = 313
# The maximum number of changes of a commit that the express lane runs, possibly in an event loop.
FEW_CHANGES = 100


class _InSession:
    """A mixin for the statements of a multi-statement transaction.

    It overrides the members whose base versions assume a single-statement transaction.
    """

    __slots__ = ()

    in_session = True
    catalog: CatalogView

    @property
    def is_large(self) -> bool:
        """Always False, because a statement of a multi-statement transaction is never split into several transactions."""
        return False

    def creates(self, collection: Collection) -> bool:
        """Return whether the transaction created a collection; see `Transaction.creates`."""
        return self.catalog.has_created(collection)


class _Statement(_InSession, Transaction):
    """The staged writes of one statement in a session's transaction."""

    __slots__ = ()


class _CatalogStatement(_InSession, CatalogTransaction):
    """The staged writes of one statement that changes the catalog in a session's transaction."""

    __slots__ = ()


class _Reading:
    """The implementation of `dispatch.unit_of_work.ReadTransaction` for a statement of a session's transaction."""

    __slots__ = ("catalog", "unit")

    unit: RecoveryUnit
    catalog: CatalogView

    def __init__(self, unit: RecoveryUnit, catalog: CatalogView) -> None:
        self.unit = unit
        self.catalog = catalog

    def __enter__(self) -> ReadTransaction:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Do nothing, because the session's transaction remains open."""

    def pause(self) -> None:
        """Raise an AssertionError, because stages that pause a read are not allowed in a transaction."""
        raise AssertionError("a transaction's reads do not pause")

    resume = pause


class Opened(NamedTuple):
    """An open transaction of the store.

    Arguments:
        unit: the recovery unit.
        view: the catalog at the transaction's start.
        namespace: the collection that the transaction has locked.
    """

    unit: RecoveryUnit
    view: CatalogView
    namespace: Namespace


class SessionWork:
    """The implementation of `dispatch.unit_of_work.UnitOfWork` and `sessions.transactions.OpenWork` for one transaction.

    Arguments:
        transaction: the session's transaction.
        opened: an open transaction of the store to continue; None begins one, for the transaction's first statement.

    Threads: an instance is used by one command at a time, under the transaction's lock.
    """

    def __init__(self, services: Services, transaction: SessionTransaction, opened: Opened | None = None) -> None:
        self._services = services
        self._transaction = transaction
        self._engine = services.engine
        self._locks = services.sessions.transactions.namespaces
        self._unit, view = self._open() if opened is None else (opened.unit, opened.view)
        self._catalog = SessionCatalog(services.catalog, view, self._lock)
        if opened is not None:
            self._catalog.used.add(opened.namespace)
        self._entries: list[Entry] = []
        self._logged: list[tuple[bytes, list[Change]]] = []
        # The first writer of each collection, which absorbs the counts of later writers.
        self._writers: dict[bytes, StagedWrites] = {}
        self._changes: CatalogChanges | None = None

    def _open(self) -> tuple[RecoveryUnit, CatalogView]:
        """Begin a transaction of the store."""
        if self._engine.is_crowded():
            self._engine.relieve()
        unit = self._engine.acquire()
        try:
            return unit, self._services.catalog.begin(unit)
        except BaseException:
            self._engine.release(unit)
            raise

    def _lock(self, namespace: Namespace) -> bool:
        """Lock a collection until the transaction ends. Return False on timeout, else True."""
        check = self._services.operations.check_waiting
        if self._locks.use(self._transaction, namespace, 0, check):
            return True
        timeout_ms = parameter_value(self._services, "maxTransactionLockRequestTimeoutMillis")
        # Leave the transaction during the wait, because the thread that changes the collection may be waiting until no transaction runs.
        self.leave()
        try:
            if not self._locks.use(self._transaction, namespace, math.inf if timeout_ms < 0 else timeout_ms / 1000, check):
                return False
            # Noted before `enter`, which may fail: the end of the transaction unlocks the namespaces in `used`.
            self._catalog.used.add(namespace)
            return True
        finally:
            self.enter()

    def read_at(self, wanted: Timestamp) -> None:
        """Raise if the transaction, which has just begun, does not read the state at the time `wanted`, because data was written later.

        Raises:
            CommandError: 72 for a null timestamp, 239 SnapshotTooOld, 238 if data was written after that time, and the errors of
                `changes_since`.
        """
        past = import_late("secantus_server.work.past_changes")
        past.check_snapshot_time(self._services, wanted)
        if past.changes_since(self._services, self._unit, stamp_of(wanted)):
            raise not_supported("a transaction with readConcern.atClusterTime before the last write", "read in a snapshot session")

    def reading(self) -> AbstractContextManager[ReadTransaction]:
        """Return a context manager for a read in the open transaction; see `UnitOfWork.reading`."""
        return _Reading(self._unit, self._catalog)

    def write(self, body: Callable[[Transaction], T], check: Check) -> T:
        """Run a function in the open transaction; see `UnitOfWork.write`.

        Conflicts are not retried. The writes are committed with the transaction.

        Raises:
            CommandError: 112 WriteConflict, 313 TransactionTooLargeForCache, or the function's error.
        """
        while True:
            check()
            statement = _Statement(self._unit, self._catalog)
            try:
                return self._run(statement, body)
            except MissingCollection as missing:
                create_collection(self._services, missing.db, missing.name, {}, if_missing=True, work=self)

    def change_catalog(
        self, body: Callable[[CatalogTransaction], T], check: Check, *, exclusive: bool = False, namespaces: Sequence[Namespace] = ()
    ) -> T:
        """Run a function that changes the catalog; see `UnitOfWork.change_catalog`.

        The only catalog changes that a transaction supports are the creation of collections and of their indexes.
        """
        assert not exclusive, "a transaction does not change collections of others"
        check()
        statement = _CatalogStatement(self._unit, self._catalog)
        result = self._run(statement, body)
        self._catalog.apply(statement.changes)
        if self._changes is None:
            self._changes = CatalogChanges(self._unit)
        self._changes.add(statement.changes)
        return result

    def _run(self, statement: Transaction, body: Callable[..., T]) -> T:
        """Run the function of a statement, and stage its writes for the commit."""
        try:
            result = body(statement)
            self.stage(statement)
        except WriteConflict as error:
            raise failure_of(self._services, error) from None
        return result

    def statement(self) -> Transaction:
        """Return a new transaction object for one statement. If the statement writes, pass the object to `stage` afterwards."""
        return _Statement(self._unit, self._catalog)

    def stage(self, statement: Transaction) -> None:
        """Stage a statement's writes for the commit of the transaction.

        Raises:
            WriteConflict: if an index's multikey flag cannot be saved.
        """
        for writer in statement.writes:
            # Save the indexes' multikey flags now, because the next statement may read the indexes.
            writer.save_multikey_flags()
        self._entries += statement.entries
        for writer in statement.writes:
            self._keep(writer)

    @property
    def is_brief(self) -> bool:
        """Whether the transaction changes only a few documents and no collections. Its commit then does not wait for other commands."""
        return self._changes is None and sum(len(changes) for _, changes in self._logged) <= FEW_CHANGES

    def _keep(self, writer: StagedWrites) -> None:
        """Stage a statement's writes to one collection for the commit of the transaction."""
        if not writer.changes:
            return
        if writer.replicated:
            if self._logged and self._logged[-1][0] == writer.identity:
                self._logged[-1][1].extend(writer.changes)
            else:
                self._logged.append((writer.identity, writer.changes))
        first = self._writers.setdefault(writer.identity, writer)
        if first is not writer:
            first.absorb(writer)

    def enter(self) -> None:
        """Resume the transaction at the start of a command; see `OpenWork.enter`."""
        self._unit.enter()

    def whole(self) -> SessionWork:
        """Return this object; see `OpenWork.whole`."""
        return self

    def leave(self) -> None:
        """Suspend the transaction at the end of a command; see `OpenWork.leave`."""
        self._unit.leave()

    def commit(self) -> None:
        """Commit the transaction; see `OpenWork.commit`.

        Raises:
            CommandError: 112 WriteConflict. Nothing was written in that case.
        """
        retried = self._retried()
        try:
            if self._changes is None:
                self._commit(retried)
            else:
                self._engine.acquire_lock(self._services.catalog.change_lock)
                try:
                    self._check_databases(self._changes)
                    self._services.catalog.commit(self._changes, lambda: self._commit(retried))
                finally:
                    self._services.catalog.change_lock.release()
        except WriteConflict:
            raise write_conflict() from None
        finally:
            self._release()
        for writer in self._writers.values():
            writer.after_commit()
        if retried is not None:
            note_retried(self._services, retried)

    def _check_databases(self, changes: CatalogChanges) -> None:
        """Raise if another command has created a database whose name differs only in case from that of a created collection's database.

        The caller must hold the catalog's change lock.

        Raises:
            WriteConflict: see above. The repeated transaction gets the error of its statement, 13297 DatabaseDifferCase.
        """
        if any(database_of_other_case(self._services.catalog, one.db) is not None for one in changes.put):
            raise WriteConflict()

    def _retried(self) -> Retried | None:
        """Return the record of the transaction for the log of retryable writes, or None if the transaction wrote nothing."""
        write = self._services.sessions.retries.of(self._transaction.session)
        if write is None or write.number != self._transaction.number or not (self._logged or self._entries):
            return None
        return write, ("transaction", 0, 0, None)

    def _commit(self, retried: Retried | None) -> None:
        begun: list[StagedWrites] = []
        try:
            for writer in self._writers.values():
                begun.append(writer)
                writer.before_commit()
            if retried is not None:
                store_retried(self._services, self._unit, retried)
            lsid = encoded_session(self._transaction.session) if retried is None else retried[0].lsid
            self._services.oplog.commit_transaction(self._unit, self._entries, self._logged, lsid, self._transaction.number)
        except BaseException:
            for writer in begun:
                writer.commit_failed()
            raise

    def abort(self) -> None:
        """Roll the transaction back; see `OpenWork.abort`."""
        self._release()

    def _release(self) -> None:
        """Release the recovery unit, unlock the collections, and close the transaction's cursors.

        Releasing the unit rolls back the transaction if it is still open.
        """
        self._engine.release(self._unit)
        self._catalog.close()
        self._locks.release(self._transaction, self._catalog.used)
        self._services.cursors.kill_where(lambda cursor: cursor.transaction is self._transaction)


def failure_of(services: Services, error: WriteConflict) -> CommandError:
    """Return the error of a statement that the store has refused. Count a conflict."""
    if isinstance(error, CacheTooSmall):
        return CommandError(
            TRANSACTION_TOO_LARGE_FOR_CACHE, "The transaction is too large for the store's cache; write less, or make the cache larger."
        )
    services.counters.add("writeConflicts")
    return write_conflict()
