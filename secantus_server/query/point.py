"""Point lookups, which find at most one document by its key in a unique index.

They bypass the planner. explain shows them as express plans (see `query.express`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from secantus_server.bson import key_string
from secantus_server.catalog.collection import Collection
from secantus_server.errors import CommandError
from secantus_server.exec._point import find_by_key
from secantus_server.exec.interruption import never_interrupt
from secantus_server.exec.read_scope import ReadScope
from secantus_server.index._index import Index
from secantus_server.mql.context import Collation
from secantus_server.query.canonical import PointQuery
from secantus_server.query.plan import Documents, Found, Source
from secantus_server.storage import RecoveryUnit


class PointLookup(Source):
    """A lookup of the document that has a given key in a unique index.

    Arguments:
        key: the key string, which consists of the values of all fields of the index.

    Attributes:
        found: the number of documents that the lookup has found so far.
        is_noted: whether the command's plan notes contain the lookup.
    """

    is_lookup = True

    def __init__(self, collection: Collection, index: Index, key: bytes) -> None:
        self.collection = collection
        self.index = index
        self.key = key
        self.found = 0
        self.is_noted = False

    def first(self, unit: RecoveryUnit, check: Callable[[], None] = never_interrupt) -> Found | None:
        """Return the RecordId and the bytes of the document, or None if no document has the key.

        `check` is unused, because a single read needs no interruption check.
        """
        found = find_by_key(unit, self.index, self.key, self.collection.ident)
        if found is not None:
            self.found += 1
        return found

    def open(self, scope: ReadScope) -> Documents:
        """Return an iterator over the document of the lookup. The iterator reads in the scope's transactions."""
        return PointDocuments(self, scope)


class PointDocuments(Iterator[bytes]):
    """An iterator over the single document of a point lookup, which it reads on first use in the scope's current transaction."""

    def __init__(self, lookup: PointLookup, scope: ReadScope) -> None:
        self.record_id = 0
        self._lookup: PointLookup | None = lookup
        self._scope = scope

    def __next__(self) -> bytes:
        lookup, self._lookup = self._lookup, None
        if lookup is None:
            raise StopIteration
        if lookup.index.dropped:
            raise CommandError(175, f"query plan killed :: index '{lookup.index.name}' dropped")
        found = lookup.first(self._scope.unit)
        if found is None:
            raise StopIteration
        self.record_id, document = found
        return document


def point_lookup(collection: Collection | None, query: PointQuery) -> PointLookup | None:
    """Return the point lookup for a query, or None if no index is suitable."""
    if collection is None or query.return_key:
        return None
    index = point_index(collection, query.path)
    return None if index is None else PointLookup(collection, index, key_string(query.value))


def executed_lookup(index: Index, found: int) -> PointLookup:
    """Return a point lookup for the plan notes of a command that has found documents in an index without one.

    The lookup has neither a collection nor a key, because it has already been executed.

    Arguments:
        found: the number of documents that the command has found.
    """
    lookup = PointLookup.__new__(PointLookup)
    lookup.index, lookup.found, lookup.is_noted = index, found, True
    return lookup


def value_lookup(collection: Collection, path: str, value: Any, collation: Collation | None) -> PointLookup | None:
    """Return the point lookup of the document whose field `path` equals `value`, or None if no unique index suits the comparison.

    Arguments:
        value: a value of any type. The result is None for null and arrays, because documents with several keys could match.
        collation: the collation of the comparison.
    """
    if value is None or type(value) is list:
        return None
    if path == "_id":
        index = collection.id_index
        suits = index is not None and index.generator is not None and index.generator.collation == collation
    else:
        index = point_index(collection, path) if collation is None else None
        suits = index is not None
    return PointLookup(collection, index, key_string(value, collation)) if index is not None and suits else None


def point_index(collection: Collection, path: str) -> Index | None:
    """Return a visible unique index on `path` that has at most one entry per value, or None."""
    for index in collection.indexes:
        if index.point_path == path and not index.hidden:
            return index
    return None


def id_lookup(collection: Collection, value: Any) -> PointLookup:
    """Return the point lookup of the document with a given `_id`, compared by the collection's collation."""
    index = collection.id_index
    assert index is not None, "a collection with documents has an index on _id"
    assert index.generator is not None, "the index on _id stores entries"
    return PointLookup(collection, index, key_string(value, index.generator.collation))
