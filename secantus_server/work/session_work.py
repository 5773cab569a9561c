"""The unit of work inside a session's multi-document transaction: statements write into one recovery unit, and one commit applies all.

Any error aborts the transaction, as in MongoDB, so that a failed statement needs no undo of its own.
https://www.mongodb.com/docs/manual/core/transactions/
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from secantus_server.bson import encode
from secantus_server.catalog.changes import CatalogChanges
from secantus_server.catalog.view import CatalogView
from secantus_server.dispatch.parameters import parameter_value
from secantus_server.dispatch.unit_of_work import CatalogTransaction, Check, MissingCollection, ReadTransaction, Transaction
from secantus_server.errors import CommandError
from secantus_server.oplog.oplog import Change, Entry, Origin
from secantus_server.sessions.namespace_locks import Namespace
from secantus_server.sessions.registry import session_document
from secantus_server.storage import CacheTooSmall, RecoveryUnit, WriteConflict
from secantus_server.work.collections import create_collection
from secantus_server.work.session_catalog import SessionCatalog

if TYPE_CHECKING:
    from secantus_server.dispatch.services import Services
    from secantus_server.dispatch.unit_of_work import StagedWrites
    from secantus_server.sessions.transactions import SessionTransaction

T = TypeVar("T")

WRITE_CONFLICT = 112
TRANSACTION_TOO_LARGE_FOR_CACHE = 313


def write_conflict() -> CommandError:
    """Return the error of a statement that meets a write of another transaction."""
    return CommandError(
        WRITE_CONFLICT,
        "Caused by :: Write conflict during plan execution and yielding is disabled. :: Please retry your operation or multi-document "
        "transaction.",
    )


class _Statement(Transaction):
    """The part of a statement in the transaction."""

    __slots__ = ()

    in_session = True

    @property
    def is_large(self) -> bool:
        """Whether a statement should be split: never."""
        return False


class _CatalogStatement(CatalogTransaction):
    """The part of a statement that changes the catalog."""

    __slots__ = ()

    in_session = True

    @property
    def is_large(self) -> bool:
        """Whether a statement should be split: never."""
        return False


class _Reading:
    """Implements `dispatch.unit_of_work.ReadTransaction` for a statement of the transaction."""

    __slots__ = ("catalog", "unit")

    unit: RecoveryUnit
    catalog: CatalogView

    def __init__(self, unit: RecoveryUnit, catalog: CatalogView) -> None:
        self.unit = unit
        self.catalog = catalog

    def __enter__(self) -> ReadTransaction:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Keep the transaction open."""

    def pause(self) -> None:
        """Refuse: the stages that pause a read are not allowed in a transaction."""
        raise AssertionError("a transaction's reads do not pause")

    resume = pause


class SessionWork:
    """Implements `dispatch.unit_of_work.UnitOfWork` and `sessions.transactions.OpenWork` for one transaction.

    Arguments:
        origin: the session and the number of the transaction, for the oplog.
        lock: locks a namespace until the transaction ends; returns False if it cannot be locked in time.
        unlock: ends the transaction's locks, and its cursors.

    Threads: one command at a time uses it, under the lock of its `SessionTransaction`.
    """

    def __init__(
        self, services: Services, origin: Origin, lock: Callable[[Namespace], bool], unlock: Callable[[set[Namespace]], None]
    ) -> None:
        self._services = services
        self._unlock = unlock
        self._origin = origin
        self._engine = services.engine
        if self._engine.is_crowded():
            self._engine.relieve()
        self._unit = services.engine.acquire()
        try:
            self._unit.begin()
            self._catalog = SessionCatalog(services.catalog, lock)
        except BaseException:
            services.engine.release(self._unit)
            raise
        self._entered = True
        self._entries: list[Entry] = []
        self._logged: list[tuple[bytes, list[Change]]] = []
        # The first writer of each collection, which takes over the counts of the others.
        self._writers: dict[bytes, StagedWrites] = {}
        self._changes: CatalogChanges | None = None

    def reading(self) -> AbstractContextManager[ReadTransaction]:
        """See `UnitOfWork.reading`."""
        return _Reading(self._unit, self._catalog)

    def write(self, body: Callable[[Transaction], T], check: Check) -> T:
        """See `UnitOfWork.write`; nothing is retried, and the commit comes later.

        Raises:
            CommandError: 112 WriteConflict, 313 TransactionTooLargeForCache, or the body's error.
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
        """See `UnitOfWork.change_catalog`; only new collections and their indexes can be created in a transaction."""
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
        """Run the body of a statement and keep what it has staged."""
        try:
            result = body(statement)
        except CacheTooSmall:
            raise CommandError(
                TRANSACTION_TOO_LARGE_FOR_CACHE, "The transaction is too large for the store's cache; write less, or make the cache larger."
            ) from None
        except WriteConflict:
            self._services.counters.add("writeConflicts")
            raise write_conflict() from None
        self._entries += statement.entries
        for writer in statement.writes:
            self._keep(writer)
        return result

    def _keep(self, writer: StagedWrites) -> None:
        """Keep what a statement wrote to one collection."""
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
        """See `OpenWork.enter`."""
        self._unit.enter()
        self._entered = True

    def leave(self) -> None:
        """See `OpenWork.leave`."""
        self._entered = False
        self._unit.leave()

    def commit(self) -> None:
        """See `OpenWork.commit`.

        Raises:
            CommandError: 112 WriteConflict; nothing was written then.
        """
        try:
            if self._changes is None:
                self._commit()
            else:
                self._engine.acquire_lock(self._services.catalog.change_lock)
                try:
                    self._commit()
                    self._services.catalog.apply(self._changes)
                finally:
                    self._services.catalog.change_lock.release()
        except WriteConflict:
            raise write_conflict() from None
        finally:
            self._release()
        for writer in self._writers.values():
            writer.after_commit()
        if self._writers or self._entries:
            self._services.writes.notify()

    def _commit(self) -> None:
        begun: list[StagedWrites] = []
        try:
            for writer in self._writers.values():
                begun.append(writer)
                writer.before_commit()
            self._services.oplog.commit_transaction(self._unit, self._entries, self._logged, self._origin)
        except BaseException:
            for writer in begun:
                writer.commit_failed()
            raise

    def abort(self) -> None:
        """See `OpenWork.abort`."""
        try:
            if not self._entered:
                self._unit.enter()
        except WriteConflict:
            # It was rolled back already.
            pass
        finally:
            self._release()

    def _release(self) -> None:
        """Return the recovery unit, rolling back an open transaction, and unlock the collections."""
        self._engine.release(self._unit)
        self._unlock(self._catalog.used)


def open_session_work(services: Services, transaction: SessionTransaction) -> SessionWork:
    """Begin a session's transaction."""
    namespaces = services.sessions.transactions.namespaces

    def lock(namespace: Namespace) -> bool:
        timeout_ms = parameter_value(services, "maxTransactionLockRequestTimeoutMillis")
        return namespaces.use(transaction, namespace, math.inf if timeout_ms < 0 else timeout_ms / 1000, services.operations.check_waiting)

    def unlock(used: set[Namespace]) -> None:
        namespaces.release(transaction, used)
        services.cursors.kill_where(lambda cursor: cursor.transaction is transaction)

    origin = Origin(encode(session_document(transaction.session)), transaction.number)
    return SessionWork(services, origin, lock, unlock)
