"""Queries for one value of one field: where a unique index has it, there is nothing to plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from secantus_server.bson import key_string
from secantus_server.catalog.collection import Collection
from secantus_server.exec._point import find_by_key
from secantus_server.exec.read_scope import ReadScope
from secantus_server.index._index import Index
from secantus_server.query.canonical import CanonicalQuery, PointQuery
from secantus_server.query.plan import Documents, Nothing, Source
from secantus_server.query.planner import plan_query
from secantus_server.storage import RecoveryUnit


class OneDocument(Iterator[bytes]):
    """An iterator over one document."""

    def __init__(self, record_id: int, document: bytes) -> None:
        self.record_id = record_id
        self._document: bytes | None = document

    def __next__(self) -> bytes:
        document, self._document = self._document, None
        if document is None:
            raise StopIteration
        return document


@dataclass
class IdLookup:
    """The document of an `_id`."""

    collection: Collection
    query: PointQuery

    def open(self, scope: ReadScope, check: Callable[[], None]) -> Documents:
        """Begin to read."""
        index = self.collection.id_index
        assert index is not None, "a collection with documents has an index on _id"
        document = point_document(self.collection, index, self.query, scope.unit)
        return Nothing() if document is None else OneDocument(*document)


def plan_of(collection: Collection | None, query: CanonicalQuery) -> Source:
    """Return the source of a query's documents. A query by `_id` alone needs no planner; explain shows it as an express plan.

    Raises:
        CommandError: as `plan_query`.
    """
    index = point_index(collection, query)
    if index is None or not index.is_id or query.return_key:
        return plan_query(collection, query)
    assert isinstance(query, PointQuery)
    assert collection is not None
    return IdLookup(collection, query)


def point_index(collection: Collection | None, query: CanonicalQuery) -> Index | None:
    """The unique index that has at most one entry for all that the query asks for, or None."""
    if type(query) is not PointQuery or collection is None:
        return None
    for index in collection.indexes:
        if index.point_path == query.path and not index.hidden:
            return index
    return None


def point_document(collection: Collection, index: Index, query: CanonicalQuery, unit: RecoveryUnit) -> tuple[int, bytes] | None:
    """The document that the query's `point_index` has, with its RecordId; or None."""
    assert isinstance(query, PointQuery)
    return find_by_key(unit, index, key_string(query.value), collection.ident)
