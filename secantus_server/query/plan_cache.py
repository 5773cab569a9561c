"""The plan cache: the plans of queries that several indexes could serve, by plan cache shape.

https://www.mongodb.com/docs/manual/core/query-plans/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/planCacheStats/

The planner chooses by rules, which takes less time than a look into a cache. So nothing is read from here; the entries are what
`$planCacheStats` shows. As in MongoDB, an entry becomes active when its shape runs again, and the entries of a collection end with a
change of its indexes, which replaces the collection.
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

# The most entries of a collection; the oldest ones are dropped.
MAX_ENTRIES = 200
# A larger query gets no entry, since the entry would keep the query in memory.
MAX_QUERY_BYTES = 100_000


@dataclass
class CachedPlan:
    """One entry.

    Arguments:
        shown: the entry as `$planCacheStats` shows it, without `isActive` and `host`.
        is_active: whether the shape has run again.
    """

    shown: dict[str, Any]
    is_active: bool = False


def cache_plan(collection: Collection, query: CanonicalQuery, plan: Plan) -> None:
    """Note that a query is about to run with a plan that was chosen from several."""
    shape = query_shape(query)
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
            # No trial was run.
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
    """Return the entries of a collection as `$planCacheStats` shows them.

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
    """Return the hashes of a query's plan cache shape and of its entry.

    Arguments:
        namespace: the full name of the collection.
        planned: the plan as `winningPlan` shows it.
    """
    shape = shape_hash([namespace, query_shape(query)])
    return {"queryHash": shape[:8], "planCacheShapeHash": shape[:8], "planCacheKey": shape_hash([shape, planned])[:8]}
