"""The catalog of collections, views and indexes.

The rows of the catalog table are cached in memory. A unit of work writes rows in its transaction, and updates the cache after the commit.
After a restore of a snapshot, the changed rows are reloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from bson.binary import Binary

from secantus_server.catalog.changes import CatalogChanges, save_row
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.definitions import KeptDefinition, KeptDefinitions, LostIndexes
from secantus_server.catalog.rows import decode_row, outdated_indexes, split_key
from secantus_server.catalog.view import CatalogView
from secantus_server.clock import Clock
from secantus_server.diagnostics.crash_points import reach
from secantus_server.index._index import Index
from secantus_server.index.build import entries_version
from secantus_server.index.marks import read_marks
from secantus_server.storage import CATALOG, INDEX_ENTRIES, RECORDS, Engine, RecoveryUnit, Restored, WriteConflict
from secantus_server.system._threads import Lock

T = TypeVar("T")


class Catalog:
    """The catalog of a server: all its collections and views.

    Attributes:
        keeps_definitions: whether a restore retains the definitions of the collections that it drops; see `definitions.py`.
        outdated: the database, collection and name of each index that must be rebuilt, because its entries have the format of another
            program version.
        _settled: the same as `view`, or None while a change may be committed in the store but is not yet applied to `view`.

    Threads: `view` is replaced as a whole, so that readers need no lock. A thread that changes the catalog holds `change_lock`, which
    also guards `_definitions`. `_lock` guards the replacement of `view`. `_applying` is held while `_settled` is None. The thread that
    holds `_applying` waits only for the oplog and for the store's commit.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = Lock()
        self.change_lock = Lock()
        self._definitions = KeptDefinitions()
        self.keeps_definitions = False
        self.outdated: list[tuple[str, str, str]] = []
        with engine.transaction() as unit:
            databases: dict[str, dict[str, Collection]] = {}
            for key, row in unit.scan(CATALOG, b"", None):
                collection = decode_row(key, row)
                databases.setdefault(collection.db, {})[collection.name] = collection
                _read_marks(unit, collection)
                if any(entries_version(index.kind, index.spec) for index in collection.indexes):
                    self.outdated += [(collection.db, collection.name, index) for index in outdated_indexes(row)]
        self._applying = Lock()
        self._settled: CatalogView | None = None
        self._replace_view(CatalogView(databases, self._definitions))
        engine.describe_idents(self.describe_ident)

    def describe_ident(self, table: int, ident: int) -> str:
        """Return a description of the collection or index with this ident for error messages, or an empty text if the ident is unknown."""
        for collection in self.view.all():
            if table == RECORDS and collection.ident == ident and not collection.is_view:
                return f"the collection {collection.namespace}"
            for index in collection.indexes if table == INDEX_ENTRIES else ():
                if index.ident == ident:
                    return f"the index {index.name} of the collection {collection.namespace}"
        return ""

    def find(self, db: str, name: str) -> Collection | None:
        """Return the current collection or view of this namespace, or None."""
        return self.view.find(db, name)

    def collections(self, db: str) -> list[Collection]:
        """Return the current collections and views of a database, sorted by name."""
        return self.view.collections(db)

    def databases(self) -> list[str]:
        """Return the names of the databases that currently have at least one collection or view."""
        return self.view.databases()

    def find_uuid(self, db: str, uuid: Binary) -> Collection | None:
        """Return the current collection of a database with this UUID, or None."""
        return self.view.find_uuid(db, uuid)

    def kept_definition(self, db: str, name: str) -> KeptDefinition | None:
        """Return the definition that a restore retained for a namespace.

        Return None if there is no such definition, or if a collection or view with this name exists again.
        """
        kept = self._definitions.of(db, name)
        return kept if kept is None or self.view.is_missing(db, name) else None

    def begin(self, unit: RecoveryUnit) -> CatalogView:
        """Begin the unit's transaction, and return the view of the catalog that matches the transaction's snapshot.

        A catalog change is first committed to the store and then applied to `view`. If the transaction begins between these steps, or
        while a change is being applied, it is rolled back and begun again.
        """
        while True:
            view = self._settled
            unit.begin()
            if self._settled is view and view is not None:
                return view
            unit.rollback()
            self._engine.acquire_lock(self._applying)
            self._applying.release()

    def commit(self, changes: CatalogChanges, commit: Callable[[], T]) -> T:
        """Commit changes and apply them in memory. The caller must hold `change_lock`.

        Arguments:
            commit: a function that commits the changes to the store. Its result is returned.
        """
        with self._applying:
            self._settled = None
            try:
                result = commit()
                reach("catalog-commit")
                self.apply(changes)
            finally:
                self._settled = self.view
        return result

    def apply(self, changes: CatalogChanges) -> None:
        """Apply committed changes in memory. The caller must hold `change_lock`."""
        for index in changes.dropped:
            index.dropped = True
        for db, name in changes.removed:
            self._definitions.forget(db, name)
        for db in changes.databases:
            self._definitions.forget_database(db)
        with self._lock:
            self._replace_view(self.view.changed(changes.put, changes.removed))

    def _replace_view(self, view: CatalogView) -> None:
        self.view = self._settled = view

    def mark_multikey(self, collection: Collection, indexes: Sequence[Index]) -> None:
        """Mark indexes of a collection as multikey, in a separate transaction.

        Call this before committing the documents that make the indexes multikey, so that a reader that sees their index entries also sees
        the flag. The flag is set in memory only after the catalog row with the flag is committed, because no row is written for an index
        whose flag is already set in memory. If the documents are not committed, the flag is superfluous but harmless.

        The caller must have entered the storage engine's gate and must not hold a lock.

        Raises:
            WriteConflict: if the collection was replaced or dropped after the caller's transaction began.
        """
        self._engine.acquire_lock(self.change_lock)
        try:
            if self.find(collection.db, collection.name) is not collection:
                raise WriteConflict()
            with self._engine.transaction() as unit:
                save_row(unit, collection, indexes)
            for index in indexes:
                index.multikey = True
            # The cached plans were chosen for indexes that were not multikey.
            collection.cached_plans.clear()
        finally:
            self.change_lock.release()

    def new_uuid(self) -> Binary:
        """Return a UUID for a new collection."""
        identity: Binary = Binary(self._clock.uuid_bytes(), 4)
        return identity

    def kept_definitions(self) -> dict[tuple[str, str], KeptDefinition]:
        """Return the definitions of dropped collections that restores have retained, keyed by database and name."""
        return self._definitions.all()

    def keep_definitions(self, restored: Restored) -> list[LostIndexes]:
        """Retain the definitions that a restore drops. Call this before `reload`, while the definitions are still in memory.

        Return the indexes that the restore dropped from surviving collections. The caller must rebuild these indexes.
        """
        if not self.keeps_definitions:
            return []
        lost = []
        for key, row in restored.catalog_rows.items():
            place = split_key(key)
            gone = None if self.view.is_missing(*place) else self.view.find(*place)
            if gone is not None and row is None:
                self._definitions.keep(gone)
            elif gone is not None and row is not None:
                there = decode_row(key, row)
                specs = [index.spec for index in gone.indexes if there.index_named(index.name) is None]
                if specs and there.ident == gone.ident:
                    lost.append(LostIndexes(*place, specs))
        return lost

    def reload(self, restored: Restored) -> None:
        """Reload the catalog rows that a restore has changed."""
        if not restored.wrote:
            return
        if restored.catalog_rows:
            self._reload_rows(restored.catalog_rows)
        for collection in self.view.all():
            collection.cached_plans.clear()
            if collection.ident in restored.touched_idents:
                collection.documents_changed(restored.more_records.get(collection.ident, 0))
                collection.search_contents.restored(self._engine.begun)
                collection.record_ids.restored()

    def _reload_rows(self, rows: Mapping[bytes, bytes | None]) -> None:
        put, removed = [], []
        for key, row in rows.items():
            db, name = split_key(key)
            if row is None:
                removed.append((db, name))
                continue
            collection, before = decode_row(key, row), self.find(db, name)
            if before is not None and before.ident == collection.ident:
                collection.continue_from(before)
            put.append(collection)
        if put:
            with self._engine.transaction() as unit:
                for collection in put:
                    _read_marks(unit, collection)
        with self._lock:
            self._replace_view(self.view.changed(put, removed))


def _read_marks(unit: RecoveryUnit, collection: Collection) -> None:
    for index in collection.indexes:
        read_marks(unit, index)
