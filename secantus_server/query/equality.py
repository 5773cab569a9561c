"""Repeated equality lookups on one field, for `$lookup` and `$graphLookup`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.exec._scan import IndexScan
from secantus_server.exec.read_scope import ReadScope
from secantus_server.index._index import Index
from secantus_server.mql.context import ParseContext
from secantus_server.query.bounds import EVERYTHING, IndexBounds, point
from secantus_server.query.canonical import parse_query
from secantus_server.query.find import matching_documents
from secantus_server.query.point import id_lookup

EqualityFinder = Callable[[Any], Iterator[bytes]]


class RepeatedLookup:
    """Counters for the keys and documents that one pipeline stage's index lookups examined. The command log shows them."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.keys_examined = 0
        self.docs_examined = 0

    def count(self, keys: int, docs: int) -> None:
        """Add the keys and documents that one lookup examined."""
        self.keys_examined += keys
        self.docs_examined += docs


def equality_finder(collection: Collection, path: str, ctx: ParseContext, scope: ReadScope) -> EqualityFinder | None:
    """Return a function that uses an index to find the documents matching `{path: value}`. Return None if no index is suitable.

    Arguments:
        ctx: provides the collation. If it has a `note_plan`, `note_plan` is called with the `RepeatedLookup`, which counts all lookups.
            Only lookups of an array or null are planned separately, and `note_plan` is also called with each of their plans.
    """
    for index in collection.indexes:
        same_collation = index.generator is not None and index.generator.collation == ctx.collation
        usable = same_collation and not index.hidden and not index.sparse and index.partial_filter is None
        if usable and index.parts[0][0] == path:
            examined = RepeatedLookup(index)
            by_range = _finder(collection, index, path, ctx, scope, examined)
            if ctx.note_plan is not None:
                ctx.note_plan(examined)
            return _finder_by_id(collection, scope, by_range, examined) if index.is_id else by_range
    return None


def _finder_by_id(collection: Collection, scope: ReadScope, by_range: EqualityFinder, examined: RepeatedLookup) -> EqualityFinder:
    def find(value: Any) -> Iterator[bytes]:
        hit = id_lookup(collection, value).first(scope.unit)
        if hit is not None:
            examined.count(1, 1)
        return iter(()) if hit is None else iter((hit[1],))

    return lambda value: by_range(value) if type(value) is list else find(value)


def _finder(
    collection: Collection, index: Index, path: str, ctx: ParseContext, scope: ReadScope, examined: RepeatedLookup
) -> EqualityFinder:
    def find(value: Any) -> Iterator[bytes]:
        query = parse_query({path: {"$eq": value}}, ctx)
        if type(value) is list or value is None:
            # Several keys may match: an array matches as a whole and by its elements, and null also matches an absent field.
            yield from matching_documents(collection, query, scope)
            return
        bounds = IndexBounds(index.parts, [[point(value, ctx.collation)], *([EVERYTHING] for _ in index.parts[1:])])
        scan = IndexScan(index, bounds.intervals, collection.ident, query.match, scope.check, False, index.multikey)
        index.uses += 1
        scope.open(scan)
        yield from scan
        examined.count(scan.keys_examined, scan.docs_examined)
        scope.forget(scan)

    return find
