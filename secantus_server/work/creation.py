"""Changes of the catalog that the express lane commits: a drop, or a creation of a collection, perhaps with an insert or an index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from secantus_server.bson import decode_unique
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.diagnostics.crash_points import reach
from secantus_server.dispatch.unit_of_work import CatalogTransaction
from secantus_server.modules import import_late
from secantus_server.storage import RecoveryUnit
from secantus_server.work.collections import check_namespace, drop_collection, save_new_collection

if TYPE_CHECKING:
    from bson.timestamp import Timestamp

    from secantus_server.dispatch.services import Services
    from secantus_server.oplog._rows import Chain
    from secantus_server.oplog.oplog import Writes
    from secantus_server.storage.lifetime import Lifetime


class CatalogChange:
    """A change of one collection in the catalog. The thread holds the catalog's change lock until `end`.

    Compared with `UnitOfWork.change_catalog`, the change shares the transaction of the command, and gives up instead of waiting.

    Arguments:
        transaction: a transaction that has begun. Its view of the catalog must be the newest version.
        collection: the created or dropped collection.
    """

    __slots__ = ("_services", "_transaction", "collection")

    def __init__(self, services: Services, transaction: CatalogTransaction, collection: Collection) -> None:
        self._services = services
        self._transaction = transaction
        self.collection = collection

    def commit(self, writes: Sequence[Writes], chain: Chain | None, written: Iterable[Lifetime]) -> Timestamp:
        """Commit the change and an insert, apply the change to the catalog in memory, and return the time of the last oplog entry.

        Arguments:
            writes, chain, written: see `Oplog.commit`.
        """
        staged = self._transaction
        changes = staged.changes
        commit = partial(self._services.oplog.commit, staged.unit, staged.entries, writes, chain, written=written, ended=changes.ended)
        return self._services.catalog.commit(changes, commit)

    def end(self) -> None:
        """Release the locks of the change, after its transaction has ended."""
        self._services.sessions.transactions.namespaces.end_change([(self.collection.db, self.collection.name)])
        self._services.catalog.change_lock.release()


def stored_spec(definition: bytes) -> dict[str, Any]:
    """Return the stored form of the definition of an ordinary index, which is the same in all releases of MongoDB.

    Arguments:
        definition: the definition as BSON.

    Raises:
        CommandError: the definition is invalid.
    """
    spec: dict[str, Any] = import_late("secantus_server.index.spec").check_spec(decode_unique(definition))
    return spec


def begin_creation(
    services: Services, unit: RecoveryUnit, view: CatalogView, db: str, name: str, index: dict[str, Any] | None = None
) -> CatalogChange | None:
    """Stage the creation of a missing collection without options in a transaction. Return None if it must wait for other threads, if a
    restore retained a definition of the collection, or if the index conflicts with that on `_id`.

    Arguments:
        unit: a recovery unit whose transaction has begun.
        view: the catalog as visible to that transaction.
        index: the stored form of the definition of an ordinary index of the collection on one field, or None.

    Raises:
        CommandError: 73 InvalidNamespace, 13297 DatabaseDifferCase.
    """
    if index is not None and ("_id" in index["key"] or index["name"] == "_id_"):
        return None
    check_namespace(services, db, name)
    indexes = [] if index is None else [index]

    def stage(transaction: CatalogTransaction) -> Collection | None:
        if services.catalog.kept_definition(db, name) is not None:
            return None
        if indexes:
            reach("index-build")
        return save_new_collection(services, transaction, db, name, indexes)

    return _begin(services, CatalogTransaction(unit, view), (db, name), stage)


def begin_drop(services: Services, unit: RecoveryUnit, view: CatalogView, collection: Collection) -> CatalogChange | None:
    """Stage the drop of a collection without options in a transaction. Return None if it must wait for other threads.

    Arguments:
        unit, view: see `begin_creation`.
    """

    def stage(transaction: CatalogTransaction) -> Collection:
        drop_collection(transaction, collection)
        return collection

    return _begin(services, CatalogTransaction(unit, view), (collection.db, collection.name), stage)


def _begin(
    services: Services,
    transaction: CatalogTransaction,
    namespace: tuple[str, str],
    stage: Callable[[CatalogTransaction], Collection | None],
) -> CatalogChange | None:
    """Take the locks of a change, and stage it. Return None, without the locks, if it must wait or nothing was staged."""
    catalog, locks = services.catalog, services.sessions.transactions.namespaces
    # A thread that has entered the storage engine's gate may take the change lock (lock order: gate, then catalog).
    if not catalog.change_lock.acquire(blocking=False):
        return None
    collection, is_claimed = None, False
    try:
        # Only under the lock is a view certain to remain the newest one.
        if catalog.view is transaction.catalog:
            is_claimed = locks.try_change([namespace])
            collection = stage(transaction) if is_claimed else None
    finally:
        if collection is None:
            if is_claimed:
                locks.end_change([namespace])
            catalog.change_lock.release()
    return None if collection is None else CatalogChange(services, transaction, collection)
