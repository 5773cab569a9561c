"""The plan cache, which maps plan cache shapes to plans. It only contains plans of queries that several indexes could serve.

https://www.mongodb.com/docs/manual/core/query-plans/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/planCacheStats/

The cache only serves `$planCacheStats`. The planner never reads it, because choosing a plan by rules is faster than a lookup. As in
MongoDB, an entry becomes active when a query of its shape runs again. A change of a collection's indexes discards the collection's
entries, because it replaces the collection object, which contains them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bson.int64 import Int64

from secantus_server.bson import encode
from secantus_server.catalog.collection import Collection
from secantus_server.mql.collation import Collation
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.index_filters import listed_indexes, query_shape
from secantus_server.query.plan import Plan
from secantus_server.query.shapes import shape_hash

# Upper bound on the entries of a collection; the oldest entries are dropped.
MAX_ENTRIES = 200
# Larger queries are not cached, because the entry would keep the query in memory.
MAX_QUERY_BYTES = 100_000


@dataclass
class CachedPlan:
    """An entry of the plan cache.

    Arguments:
        shown: the entry in the format of `$planCacheStats`, without `isActive` and `host`.
        is_active: whether a query of the shape has run again since the entry was created.
    """

    shown: dict[str, Any]
    is_active: bool = False


def cache_plan(collection: Collection, query: CanonicalQuery, plan: Plan) -> None:
    """Add a query's plan to the plan cache, or mark the existing entry of the query's shape as active.

    Call this function only if the plan was chosen from several plans.
    """
    shape = query_shape(query) + query.consumer
    cached = collection.cached_plans
    known = cached.get(shape)
    if known is not None:
        known.is_active = True
        return
    created_from = _created_from(query)
    size = len(encode(created_from))
    if size > MAX_QUERY_BYTES:
        return
    if len(cached) >= MAX_ENTRIES:
        cached.pop(next(iter(cached)), None)
    planned = plan.explain().planned()
    cached[shape] = CachedPlan(
        {
            **plan_cache_keys(collection.namespace, query, planned),
            # Zero, because the planner runs no trials.
            "works": Int64(0),
            "timeOfCreation": query.context.now,
            "createdFromQuery": created_from,
            "cachedPlan": planned,
            "creationExecStats": [],
            "candidatePlanScores": [],
            "indexFilterSet": listed_indexes(collection, query) is not None,
            "estimatedSizeBytes": Int64(size + len(encode(planned))),
        }
    )


def cached_plans(collection: Collection, host: str) -> list[dict[str, Any]]:
    """Return the cache entries of a collection in the format of `$planCacheStats`.

    Arguments:
        host: the server's address.
    """
    return [
        {"version": "1", "isActive": cached.is_active, **cached.shown, "host": host} for cached in list(collection.cached_plans.values())
    ]


def _created_from(query: CanonicalQuery) -> dict[str, Any]:
    sort = {} if query.sort is None else query.sort.shown
    collation = query.context.collation
    collated = {"collation": collation.document()} if isinstance(collation, Collation) else {}
    return {"query": query.filter, "sort": sort, "projection": query.projection or {}, **collated}


def plan_cache_keys(namespace: str, query: CanonicalQuery, planned: dict[str, Any]) -> dict[str, str]:
    """Return the fields of explain's output that identify a query's plan cache shape and its cache entry by hashes.

    Arguments:
        namespace: the full name of the collection.
        planned: the plan in the format of `winningPlan`.
    """
    shape = shape_hash([namespace, query_shape(query), query.consumer])
    return {"queryHash": shape[:8], "planCacheShapeHash": shape[:8], "planCacheKey": shape_hash([shape, planned])[:8]}
