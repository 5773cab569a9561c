"""Definitions of collections that a restored snapshot took away: their options and indexes, without documents.

A library that makes a collection's indexes once per process believes them there after a restore, too. So a test harness may have
the catalog keep what it was: listings do not show such a collection, and it comes back, empty, when it is written to or asked about.

https://www.mongodb.com/docs/manual/reference/method/db.createCollection/
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bson.binary import Binary

from secantus_server.catalog.collection import Collection

_OWN_DATABASES = ("admin", "config", "local")


class KeptDefinition(NamedTuple):
    """A collection or view without its documents."""

    uuid: Binary
    options: dict[str, Any]
    indexes: list[dict[str, Any]]

    @property
    def is_view(self) -> bool:
        """Whether it has no documents of its own."""
        return "viewOn" in self.options


class LostIndexes(NamedTuple):
    """Indexes that a restore took away from a collection which is still there."""

    db: str
    name: str
    specs: list[dict[str, Any]]


class KeptDefinitions:
    """The definitions kept, by database and name.

    Threads: the caller holds the catalog's change lock, or has the store for himself; `of` reads one entry of a dict.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], KeptDefinition] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, db: str, name: str) -> KeptDefinition | None:
        """The definition kept for a namespace, or None."""
        return self._kept.get((db, name))

    def view(self, db: str, name: str) -> Collection | None:
        """Return the view whose definition is kept for a namespace, or None."""
        kept = self._kept.get((db, name))
        return Collection(db, name, kept.uuid, 0, kept.options, []) if kept is not None and kept.is_view else None

    def keep(self, collection: Collection) -> None:
        """Keep a collection's definition, in place of an older one; the server's own collections are not kept."""
        if collection.db not in _OWN_DATABASES and not collection.name.startswith("system."):
            specs = [index.spec for index in collection.indexes]
            self._kept[collection.db, collection.name] = KeptDefinition(collection.uuid, collection.options, specs)

    def forget(self, db: str, name: str) -> None:
        """Forget one, since a command dropped it."""
        self._kept.pop((db, name), None)

    def forget_database(self, db: str) -> None:
        """Forget all those of a database."""
        self._kept = {place: kept for place, kept in self._kept.items() if place[0] != db}
