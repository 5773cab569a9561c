"""Keeps the definitions of collections that a restore removed. A definition consists of options and indexes.

A library that creates a collection's indexes once per process expects the indexes to survive a restore. Therefore a test harness can tell
the catalog to keep such definitions. Listings do not show these collections. A collection is recreated without documents when a command
writes to it or looks it up.

https://www.mongodb.com/docs/manual/reference/method/db.createCollection/
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bson.binary import Binary

from secantus_server.catalog.collection import Collection
from secantus_server.reserved_names import INTERNAL_DATABASES


class KeptDefinition(NamedTuple):
    """The definition of a collection or view: its UUID, options and index specifications."""

    uuid: Binary
    options: dict[str, Any]
    indexes: list[dict[str, Any]]

    @property
    def is_view(self) -> bool:
        """Return whether this is the definition of a view."""
        return "viewOn" in self.options


class LostIndexes(NamedTuple):
    """The indexes that a restore removed from a surviving collection."""

    db: str
    name: str
    specs: list[dict[str, Any]]


class KeptDefinitions:
    """The definitions of collections and views that restores have removed, by database and name.

    Threads: the caller holds the catalog's change lock or has exclusive access to the store. Only `of` may be called without either.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], KeptDefinition] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def all(self) -> dict[tuple[str, str], KeptDefinition]:
        """Return all definitions by database and name."""
        return dict(self._kept)

    def of(self, db: str, name: str) -> KeptDefinition | None:
        """Return the definition of a removed collection or view, or None."""
        return self._kept.get((db, name))

    def view(self, db: str, name: str) -> Collection | None:
        """Return a removed view, recreated from its definition, or None."""
        kept = self._kept.get((db, name))
        return Collection(db, name, kept.uuid, 0, kept.options, []) if kept is not None and kept.is_view else None

    def keep(self, collection: Collection) -> None:
        """Keep a collection's definition, and replace an older one. Skip the server's internal collections."""
        is_internal = collection.name.startswith("system.") and not collection.holds_buckets
        if collection.db not in INTERNAL_DATABASES and not is_internal:
            specs = [index.spec for index in collection.indexes]
            self._kept[collection.db, collection.name] = KeptDefinition(collection.uuid, collection.options, specs)

    def forget(self, db: str, name: str) -> None:
        """Forget the definition of a dropped collection."""
        self._kept.pop((db, name), None)

    def forget_database(self, db: str) -> None:
        """Forget all definitions of a database."""
        self._kept = {place: kept for place, kept in self._kept.items() if place[0] != db}
