"""The catalog changes of one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from secantus_server.auth.collections import has_users_or_roles
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.rows import encode_row, row_key
from secantus_server.diagnostics.crash_points import reach
from secantus_server.index._index import Index
from secantus_server.records import record
from secantus_server.storage import CATALOG, INDEX_ENTRIES, META, RECORDS, WITHOUT_USERS, RecoveryUnit
from secantus_server.storage.lifetime import Lifetime


@record()
class CatalogChanges:
    """The catalog changes of one transaction. The rows are written in the transaction, and the catalog in memory is updated after the
    commit.

    Arguments:
        unit: the transaction's recovery unit.
        put: the created and replaced collections.
        removed: the namespaces whose rows were removed.
        dropped: the dropped indexes.
        databases: the names of the dropped databases.
        ended: the `lifetime` objects of the dropped collections.
    """

    unit: RecoveryUnit
    put: list[Collection] = field(default_factory=list)
    removed: list[tuple[str, str]] = field(default_factory=list)
    dropped: list[Index] = field(default_factory=list)
    databases: list[str] = field(default_factory=list)
    ended: list[Lifetime] = field(default_factory=list)

    def save(self, collection: Collection) -> None:
        """Write the row of a new or changed collection. After the commit, the collection in memory is replaced."""
        save_row(self.unit, collection)
        self.put.append(collection)

    def remove(self, collection: Collection) -> None:
        """Remove a collection's row, and drop the collection's documents and indexes."""
        self.remove_row(collection)
        self.ended.append(collection.lifetime)
        if not collection.is_view:
            self.unit.drop_ident(RECORDS, collection.ident)
        if collection.is_capped or collection.holds_buckets:
            # For some collections, this table stores further data under the collection's ident: the size of a capped collection, or the
            # list of buckets with free space; see `work/writers/cap.py` and `buckets.py`.
            self.unit.drop_ident(INDEX_ENTRIES, collection.ident)
        for index in collection.indexes:
            self.drop_index(index)

    def remove_row(self, collection: Collection) -> None:
        """Remove a collection's row, but retain its documents, because another row refers to them."""
        self.unit.remove(CATALOG, row_key(collection.db, collection.name))
        reach("catalog-write")
        self.removed.append((collection.db, collection.name))

    @property
    def namespaces(self) -> list[tuple[str, str]]:
        """Return the namespaces of the changed collections, as pairs of database and name."""
        return [*((one.db, one.name) for one in self.put), *self.removed]

    def add(self, later: CatalogChanges) -> None:
        """Add the changes of a later statement of the same transaction."""
        self.put += later.put
        self.removed += later.removed
        self.dropped += later.dropped
        self.databases += later.databases
        self.ended += later.ended

    def drop_index(self, index: Index) -> None:
        """Drop an index's entries. After the commit, scans that are using the index fail."""
        self.dropped.append(index)
        self.unit.drop_ident(INDEX_ENTRIES, index.ident)


def save_row(unit: RecoveryUnit, collection: Collection, multikey: Sequence[Index] = ()) -> None:
    """Write a collection's row without changing the catalog in memory.

    Arguments:
        multikey: see `encode_row`.

    Raises:
        WriteConflict: if another transaction has replaced the row.
    """
    if has_users_or_roles(collection.db, collection.name):
        unit.remove(META, WITHOUT_USERS)
    unit.put(CATALOG, row_key(collection.db, collection.name), encode_row(collection, multikey))
    reach("catalog-write")
