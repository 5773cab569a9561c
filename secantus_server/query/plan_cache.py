"""The plan cache, which maps plan cache shapes to plans. It only contains plans of queries that several indexes could serve.

https://www.mongodb.com/docs/manual/core/query-plans/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/planCacheStats/

The cache only serves `$planCacheStats`. The planner never reads it, because choosing a plan by rules is faster than a lookup. As in
MongoDB, an entry becomes active when a query of its shape runs again. A change of a collection's indexes discards the collection's
entries, because it replaces the collection object, which contains them. An index that becomes multikey clears them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bson.int64 import Int64

from secantus_server.bson import encode
from secantus_server.bson.values import Date
from secantus_server.catalog.collection import Collection
from secantus_server.mql.collation import Collation
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.index_filters import listed_indexes, query_shape
from secantus_server.query.plan import IndexedScan, Plan, Sort
from secantus_server.query.shapes import shape_hash
from secantus_server.query.stages import PlanStage

# Upper bound on the entries of a collection; the oldest entries are dropped.
MAX_ENTRIES = 200
# Larger queries are not cached, because the entry would keep the query in memory.
MAX_QUERY_BYTES = 100_000


@dataclass(slots=True)
class CachedPlan:
    """An entry of the plan cache. Few entries are ever read, so most of an entry is computed when it is read.

    Arguments:
        explain: a function that returns the plan's stage.
        shape: the query's shape and its consumer.
        created_from: a function that returns the query in the format of `createdFromQuery`.
        created: when the entry was created.
        is_restricted: whether index filters or query settings restrict the query.
        is_active: whether a query of the shape has run again since the entry was created.
    """

    explain: Callable[[], PlanStage]
    shape: tuple[str, str]
    created_from: Callable[[], dict[str, Any]]
    created: Date
    is_restricted: bool
    is_active: bool = False

    def shown(self, namespace: str) -> dict[str, Any]:
        """Return the entry in the format of `$planCacheStats`, without `version`, `isActive` and `host`.

        Arguments:
            namespace: the full name of the collection.
        """
        planned, created_from = self.explain().planned(), self.created_from()
        return {
            **_hashes(namespace, *self.shape, planned),
            # Zero, because the planner runs no trials.
            "works": Int64(0),
            "timeOfCreation": self.created,
            "createdFromQuery": created_from,
            "cachedPlan": planned,
            "creationExecStats": [],
            "candidatePlanScores": [],
            "indexFilterSet": self.is_restricted,
            "estimatedSizeBytes": Int64(len(encode(created_from)) + len(encode(planned))),
        }


def cache_plan(collection: Collection, query: CanonicalQuery, plan: Plan) -> None:
    """Add a query's plan to the plan cache, or mark the existing entry of the query's shape as active.

    Call this function only if the plan was chosen from several plans, and before the plan is opened.
    """
    own = query_shape(query)
    if is_known(collection, own + query.consumer):
        return
    shown = created_from(query)
    if len(encode(shown)) > MAX_QUERY_BYTES:
        return
    restricted = listed_indexes(collection, query) is not None
    entry = CachedPlan(_explanation(plan), (own, query.consumer), lambda: shown, query.context.now, restricted)
    add_plan(collection, own + query.consumer, entry)


def is_known(collection: Collection, shape: str) -> bool:
    """Return whether the plan cache has an entry of this shape and consumer, and mark it as active."""
    known = collection.cached_plans.get(shape)
    if known is not None:
        known.is_active = True
    return known is not None


def add_plan(collection: Collection, shape: str, entry: CachedPlan) -> None:
    """Add an entry to the plan cache, under its shape and consumer."""
    cached = collection.cached_plans
    if len(cached) >= MAX_ENTRIES:
        cached.pop(next(iter(cached)), None)
    cached[shape] = entry


def _explanation(plan: Plan) -> Callable[[], PlanStage]:
    """Return a function that explains a plan which was not opened yet. It keeps neither the query's scans nor the collection alive."""
    if type(plan) is Sort and type(plan.child) is IndexedScan:
        return Sort(_unopened(plan.child), plan.pattern, plan.limit).explain
    if type(plan) is IndexedScan:
        return _unopened(plan).explain
    explained = plan.explain()
    return lambda: explained


def _unopened(plan: IndexedScan) -> IndexedScan:
    nowhere: Any = None
    return IndexedScan(nowhere, plan.index, plan.bounds, plan.match, plan.key_filter, plan.reverse, plan.covered)


def cached_plans(collection: Collection, host: str) -> list[dict[str, Any]]:
    """Return the cache entries of a collection in the format of `$planCacheStats`.

    Arguments:
        host: the server's address.
    """
    namespace, entries = collection.namespace, list(collection.cached_plans.values())
    return [{"version": "1", "isActive": cached.is_active, **cached.shown(namespace), "host": host} for cached in entries]


def created_from(query: CanonicalQuery) -> dict[str, Any]:
    """Return a query in the format of `createdFromQuery`."""
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
    return _hashes(namespace, query_shape(query), query.consumer, planned)


def _hashes(namespace: str, own: str, consumer: str, planned: dict[str, Any]) -> dict[str, str]:
    shape = shape_hash([namespace, own, consumer])
    return {"queryHash": shape[:8], "planCacheShapeHash": shape[:8], "planCacheKey": shape_hash([shape, planned])[:8]}
