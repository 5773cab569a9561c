"""Immutable snapshots of the catalog. Each one matches the storage snapshot of a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bson.binary import Binary

from secantus_server.catalog.collection import Collection
from secantus_server.catalog.definitions import KeptDefinitions

Databases = Mapping[str, Mapping[str, Collection]]


class CatalogView:
    """An immutable snapshot of the catalog, which contains all collections and views at one moment.

    Arguments:
        databases: the collections by database and name. The caller must not modify the mapping afterwards.
        kept: the definitions that restores have retained. A view with a retained definition can be read but is not listed.
    """

    __slots__ = ("_databases", "_kept")

    def __init__(self, databases: Databases, kept: KeptDefinitions) -> None:
        self._databases = databases
        self._kept = kept

    def find(self, db: str, name: str) -> Collection | None:
        """Return the collection or view of this namespace, or None."""
        collections = self._databases.get(db)
        found = None if collections is None else collections.get(name)
        return self._kept.view(db, name) if found is None and self._kept else found

    def resolve(self, db: str, name: str, stages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
        """Convert stages over a view, or over a chain of views, to stages over the underlying collection.

        Arguments:
            name: the view's name. If it is the name of a collection or does not exist, the stages are returned unchanged.

        Returns:
            the converted stages, and the underlying collection's name.
        """
        while (found := self.find(db, name)) is not None and found.is_view:
            stages = [*found.options["pipeline"], *stages]
            name = found.options["viewOn"]
        return stages, name

    def has_created(self, collection: Collection) -> bool:
        """Return whether the transaction of this view has created the collection. Other transactions do not see such a collection."""
        return False

    def is_missing(self, db: str, name: str) -> bool:
        """Return whether the catalog has no row for a namespace. A view that exists only as a retained definition has no row."""
        return name not in self._databases.get(db, {})

    def all(self) -> Iterator[Collection]:
        """Return an iterator over the collections and views of all databases."""
        for collections in self._databases.values():
            yield from collections.values()

    def collections(self, db: str) -> list[Collection]:
        """Return the collections and views of a database, sorted by name."""
        return [collection for _, collection in sorted(self._databases.get(db, {}).items())]

    def databases(self) -> list[str]:
        """Return the names of the databases that have at least one collection or view."""
        return sorted(self._databases)

    def find_uuid(self, db: str, uuid: Binary) -> Collection | None:
        """Return the collection of a database with this UUID, or None."""
        return next((collection for collection in self.collections(db) if collection.uuid == uuid), None)

    def changed(self, put: Sequence[Collection], removed: Sequence[tuple[str, str]]) -> CatalogView:
        """Return a copy of this view with changes applied.

        Arguments:
            put: the created and replaced collections.
            removed: the namespaces to remove first.
        """
        changed = {db: {**self._databases.get(db, {})} for db in {*[db for db, _ in removed], *[one.db for one in put]}}
        for db, name in removed:
            changed[db].pop(name, None)
        for collection in put:
            changed[collection.db][collection.name] = collection
        databases = {**self._databases, **changed}
        for db, collections in changed.items():
            if not collections:
                del databases[db]
        return CatalogView(databases, self._kept)
