"""The creation of a collection in the transaction of the insert that needs it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from secantus_server.catalog.view import CatalogView
from secantus_server.dispatch.unit_of_work import CatalogTransaction
from secantus_server.storage import RecoveryUnit
from secantus_server.work.collections import check_namespace, save_new_collection

if TYPE_CHECKING:
    from bson.timestamp import Timestamp

    from secantus_server.dispatch.services import Services
    from secantus_server.oplog._rows import Chain
    from secantus_server.oplog.oplog import Writes
    from secantus_server.storage.lifetime import Lifetime


class Creation:
    """A collection without options that is being created. The thread holds the catalog's change lock until `end`.

    Compared with `work.collections.create_collection`, the creation and the first insert share a transaction and its commit.

    Arguments:
        unit: a recovery unit whose transaction has begun.
        view: the catalog as visible to that transaction. It must be the newest version.
    """

    __slots__ = ("_services", "_transaction", "collection")

    def __init__(self, services: Services, unit: RecoveryUnit, view: CatalogView, db: str, name: str) -> None:
        self._services = services
        self._transaction = CatalogTransaction(unit, view)
        self.collection = save_new_collection(services, self._transaction, db, name)

    def commit(self, writes: Sequence[Writes], chain: Chain | None, written: Iterable[Lifetime]) -> Timestamp:
        """Commit the creation and the insert, apply the creation to the catalog in memory, and return the time of the last oplog entry.

        Arguments:
            writes, chain, written: see `Oplog.commit`.
        """
        staged = self._transaction
        commit = partial(self._services.oplog.commit, staged.unit, staged.entries, writes, chain, written=written)
        return self._services.catalog.commit(staged.changes, commit)

    def end(self) -> None:
        """Release the locks of the creation, after its transaction has ended."""
        self._services.sessions.transactions.namespaces.end_change([(self.collection.db, self.collection.name)])
        self._services.catalog.change_lock.release()


def begin_creation(services: Services, unit: RecoveryUnit, view: CatalogView, db: str, name: str) -> Creation | None:
    """Stage the creation of a missing collection in a transaction. Return None if the creation must wait for other threads, or if a
    restore retained a definition of the collection.

    Arguments:
        unit, view: see `Creation`.

    Raises:
        CommandError: 73 InvalidNamespace, 13297 DatabaseDifferCase.
    """
    check_namespace(services, db, name)
    catalog, locks = services.catalog, services.sessions.transactions.namespaces
    # A thread that has entered the storage engine's gate may take the change lock (lock order: gate, then catalog).
    if not catalog.change_lock.acquire(blocking=False):
        return None
    creation, is_claimed = None, False
    try:
        # Only under the lock is a view certain to remain the newest one.
        if catalog.view is view and catalog.kept_definition(db, name) is None:
            is_claimed = locks.try_change([(db, name)])
            creation = Creation(services, unit, view, db, name) if is_claimed else None
    finally:
        if creation is None:
            if is_claimed:
                locks.end_change([(db, name)])
            catalog.change_lock.release()
    return creation
