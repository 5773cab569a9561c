"""Index filters: the indexes that queries of a shape may use.

Query settings allow indexes in the same way, and replace index filters.

A query of such a shape uses one of the listed indexes or scans the collection, whatever its hint says. A query for one `_id` is exempt.

https://www.mongodb.com/docs/manual/core/index-filters/
"""

from __future__ import annotations

from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.index._index import Index
from secantus_server.mql.collation import Collation
from secantus_server.mql.sort import SortPattern
from secantus_server.query.canonical import CanonicalQuery, PointQuery, same_pattern
from secantus_server.query.shapes import filter_shape, projection_shape, shape_hash


def plan_cache_shape(filter: dict[str, Any], sort: SortPattern | None, projection: dict[str, Any] | None, collation: Any) -> str:
    """Return the hash of a plan cache shape.

    Arguments:
        filter, projection: as the user wrote them; they are valid.
        sort: the sort pattern, or None.
        collation: the collation, None for the simple one.
    """
    parts = [] if sort is None else [list(part) for part in sort.shown.items()]
    collated = {"collation": collation.document()} if isinstance(collation, Collation) else {}
    return shape_hash([filter_shape(filter, cached=True), parts, projection_shape(projection, cached=True), collated])


def query_shape(query: CanonicalQuery) -> str:
    """Return the hash of a query's plan cache shape."""
    return plan_cache_shape(query.filter, query.sort, query.projection, query.context.collation)


def listed_indexes(collection: Collection | None, query: CanonicalQuery) -> list[Any] | None:
    """Return the names and key patterns of the query settings or the index filter for a query, or None if neither exists."""
    allowed = query.context.allowed_indexes
    if allowed is not None and collection is not None and collection.namespace in allowed:
        return [one for one in allowed[collection.namespace] if type(one) is str or "$natural" not in one]
    filters = query.context.index_filters
    if not filters or collection is None or (type(query) is PointQuery and query.path == "_id"):
        return None
    mine = filters.get(bytes(collection.uuid))
    found = mine.get(query_shape(query)) if mine else None
    return None if found is None else list(found["indexes"])


def is_listed(index: Index, listed: list[Any]) -> bool:
    """Return whether an index filter lists an index, by its name or its key pattern."""
    return any(index.name == one if type(one) is str else same_pattern(index.spec["key"], one) for one in listed)
