"""Retained definitions (options and indexes) of collections that a restore has dropped.

A library that creates a collection's indexes once per process expects the indexes to survive a restore. Therefore a test harness can
configure the catalog to retain such definitions. Listings do not include these collections. A collection is recreated without documents
when a command writes to it or looks it up.

https://www.mongodb.com/docs/manual/reference/method/db.createCollection/
"""

from __future__ import annotations

from typing import Any

from bson.binary import Binary

from secantus_server.catalog.collection import Collection
from secantus_server.records import NamedTuple
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
    """The indexes that a restore has dropped from a surviving collection."""

    db: str
    name: str
    specs: list[dict[str, Any]]


class KeptDefinitions:
    """The definitions of collections and views that restores have dropped, keyed by database and name.

    Threads: the caller must hold the catalog's change lock or have exclusive access to the store. Only `of` may be called without either.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], KeptDefinition] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def all(self) -> dict[tuple[str, str], KeptDefinition]:
        """Return all retained definitions, keyed by database and name."""
        return dict(self._kept)

    def of(self, db: str, name: str) -> KeptDefinition | None:
        """Return the definition of a dropped collection or view, or None if no definition was retained."""
        return self._kept.get((db, name))

    def view(self, db: str, name: str) -> Collection | None:
        """Recreate a dropped view from its definition and return it. Return None if no definition of a view was retained."""
        kept = self._kept.get((db, name))
        return Collection(db, name, kept.uuid, 0, kept.options, []) if kept is not None and kept.is_view else None

    def keep(self, collection: Collection) -> None:
        """Retain a collection's definition in place of any older one. Ignore the server's internal collections."""
        is_internal = collection.name.startswith("system.") and not collection.holds_buckets
        if collection.db not in INTERNAL_DATABASES and not is_internal:
            specs = [index.spec for index in collection.indexes]
            self._kept[collection.db, collection.name] = KeptDefinition(collection.uuid, collection.options, specs)

    def forget(self, db: str, name: str) -> None:
        """Discard the definition that was retained for a namespace."""
        self._kept.pop((db, name), None)

    def forget_database(self, db: str) -> None:
        """Discard all definitions that were retained for a database."""
        self._kept = {place: kept for place, kept in self._kept.items() if place[0] != db}
