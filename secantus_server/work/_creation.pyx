# cython: language_level=3
"""Changes of the catalog that the express lane commits: a drop, or a creation of a collection, perhaps with an insert or an index.

Compiled because most tests of an application create a collection, and the frames of the interpreter took more time than the work in them.
"""

from functools import partial

from secantus_server.catalog._collection_state cimport CollectionState
from secantus_server.oplog._rows cimport Chain
from secantus_server.storage._unit cimport RecoveryUnit

from secantus_server.auth.collections import has_users_or_roles
from secantus_server.bson import decode_unique
from secantus_server.catalog.changes import CatalogChanges
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.rows import plain_row, row_key
from secantus_server.diagnostics.crash_points import reach
from secantus_server.dispatch.unit_of_work import CatalogTransaction
from secantus_server.index.build import id_index
from secantus_server.modules import import_late
from secantus_server.oplog.oplog import Entry
from secantus_server.storage import CATALOG
from secantus_server.work.collections import check_namespace, drop_collection, plain_creation, save_new_collection


cdef class CatalogChange:
    """A change of one collection in the catalog. The thread holds the catalog's change lock until `end`.

    Compared with `UnitOfWork.change_catalog`, the change shares the transaction of the command, and gives up instead of waiting.

    Arguments:
        unit: a recovery unit whose transaction has begun.
        db, name: the namespace of the created or dropped collection, which is the attribute `collection` when the change is staged.
    """

    def __cinit__(self, services, RecoveryUnit unit not None, str db not None, str name not None):
        self.services = services
        self.unit = unit
        self.namespaces = [(db, name)]

    cdef bint begin(self, view) except -1:
        """Take the locks of the change. Return False, without the locks, if it must wait.

        Arguments:
            view: the catalog as visible to the transaction, which must be the newest version.
        """
        catalog = self.services.catalog
        cdef bint is_begun = False
        # A thread that has entered the storage engine's gate may take the change lock (lock order: gate, then catalog).
        if not catalog.change_lock.acquire(False):
            return False
        try:
            # Only under the lock is a view certain to remain the newest one.
            is_begun = catalog.view is view and self.services.sessions.transactions.namespaces.try_change(self.namespaces)
        finally:
            if not is_begun:
                catalog.change_lock.release()
        return is_begun

    cdef int create(self, str db, str name) except -1:
        """Stage the creation of a collection that only has the index on `_id`, like `save_new_collection`."""
        cdef CollectionState collection
        new_ident = self.services.engine.new_ident
        cdef int ident = new_ident()
        uuid = self.services.catalog.new_uuid()
        collection = Collection(db, name, uuid, ident, {}, [id_index(new_ident())])
        collection.record_ids.begin()
        collection.document_count.remember(0, 0)
        self.changes = CatalogChanges(self.unit)
        # The newest view has no such collection, so the catalog has no such row.
        self.unit.put(CATALOG, row_key(db, name), plain_row(collection), True)
        reach("catalog-write")
        self.changes.put.append(collection)
        self.entries = [Entry(f"{db}.$cmd", uuid, plain_creation(name))]
        self.collection = collection
        return 0

    cdef int create_indexed(self, view, str db, str name, dict index) except -1:
        """Stage the creation of a collection, perhaps with another index than that on `_id`."""
        transaction = CatalogTransaction(self.unit, view)
        if index is not None:
            reach("index-build")
        self.collection = save_new_collection(self.services, transaction, db, name, [] if index is None else [index])
        self.changes, self.entries = transaction.changes, transaction.entries
        return 0

    cpdef commit(self, writes, Chain chain, written):
        """Commit the change and an insert, apply the change to the catalog in memory, and return the time of the last oplog entry.

        Arguments:
            writes, chain, written: see `Oplog.commit`.
        """
        changes = self.changes
        commit = partial(self.services.oplog.commit, self.unit, self.entries, writes, chain, written=written, ended=changes.ended)
        return self.services.catalog.commit(changes, commit)

    cpdef end(self):
        """Release the locks of the change, after its transaction has ended."""
        self.services.sessions.transactions.namespaces.end_change(self.namespaces)
        self.services.catalog.change_lock.release()


def stored_spec(bytes definition not None):
    """Return the stored form of the definition of an ordinary index, which is the same in all releases of MongoDB.

    Arguments:
        definition: the definition as BSON.

    Raises:
        CommandError: the definition is invalid.
    """
    return import_late("secantus_server.index.spec").check_spec(decode_unique(definition))


cpdef CatalogChange begin_creation(services, RecoveryUnit unit, view, str db, str name, dict index=None):
    """Stage the creation of a missing collection without options in a transaction. Return None if it must wait for other threads, if a
    restore retained a definition of the collection, or if the index conflicts with that on `_id`.

    Arguments:
        unit: a recovery unit whose transaction has begun.
        view: the catalog as visible to that transaction.
        index: the stored form of the definition of an ordinary index of the collection on one field, or None.

    Raises:
        CommandError: 73 InvalidNamespace, 13297 DatabaseDifferCase.
    """
    cdef CatalogChange change
    if index is not None and ("_id" in index["key"] or index["name"] == "_id_"):
        return None
    check_namespace(services, db, name)
    change = CatalogChange(services, unit, db, name)
    if not change.begin(view):
        return None
    try:
        if services.catalog.kept_definition(db, name) is None:
            if index is None and not has_users_or_roles(db, name):
                change.create(db, name)
            else:
                change.create_indexed(view, db, name, index)
    finally:
        if change.collection is None:
            change.end()
    return None if change.collection is None else change


cpdef CatalogChange begin_drop(services, RecoveryUnit unit, view, CollectionState collection):
    """Stage the drop of a collection without options in a transaction. Return None if it must wait for other threads.

    Arguments:
        unit, view: see `begin_creation`.
    """
    cdef CatalogChange change = CatalogChange(services, unit, collection.db, collection.name)
    if not change.begin(view):
        return None
    try:
        transaction = CatalogTransaction(unit, view)
        drop_collection(transaction, collection)
        change.changes, change.entries, change.collection = transaction.changes, transaction.entries, collection
    finally:
        if change.collection is None:
            change.end()
    return change
