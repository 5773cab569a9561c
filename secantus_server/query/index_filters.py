"""Index filters, which restrict the indexes that queries of a given shape may use.

Query settings can also restrict indexes and take precedence over index filters.

A query of a restricted shape uses one of the listed indexes or scans the collection. Its hint is ignored. A query for a single `_id` is
exempt from the restriction.

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
    """Return the hash of a plan cache shape, given the parts of a query.

    Arguments:
        filter, projection: valid documents in the form that the user wrote.
        sort: the sort pattern, or None.
        collation: the collation, or None for the simple collation.
    """
    parts = [] if sort is None else [list(part) for part in sort.shown.items()]
    collated = {"collation": collation.document()} if isinstance(collation, Collation) else {}
    return shape_hash([filter_shape(filter, cached=True), parts, projection_shape(projection, cached=True), collated])


def query_shape(query: CanonicalQuery) -> str:
    """Return the hash of a query's plan cache shape."""
    return plan_cache_shape(query.filter, query.sort, query.projection, query.context.collation)


def listed_indexes(collection: Collection | None, query: CanonicalQuery) -> list[Any] | None:
    """Return the names and key patterns of the indexes to which query settings or an index filter restrict a query.

    Return None if the query is not restricted.
    """
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
    """Return whether an index is in a list of index names and key patterns."""
    return any(index.name == one if type(one) is str else same_pattern(index.spec["key"], one) for one in listed)
