"""The plan of a find that sorts, by another field, the documents that only one index could serve (see `sole_index`).

The express lane runs such finds. Bounds on the first field of an index are worth more than the order of another index (see
`Candidate.score`), so the planner would scan the sole index and sort in memory. Another index with that order is only a rival, which puts
the plan into the plan cache.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from secantus_server.bson import decode_unique
from secantus_server.bson.values import Date
from secantus_server.catalog.collection import Collection
from secantus_server.index._index import Index
from secantus_server.mql.context import ParseContext
from secantus_server.mql.sort import SortPattern
from secantus_server.query.candidates import Conditions, make_candidate
from secantus_server.query.canonical import CanonicalQuery, parse_query
from secantus_server.query.index_filters import plan_cache_shape
from secantus_server.query.plan import IndexedScan, Sort
from secantus_server.query.plan_cache import CachedPlan, add_plan, created_from, is_known
from secantus_server.query.stages import PlanStage


class SortedShape(NamedTuple):
    """What finds that differ only in their constants share.

    Arguments:
        key: a function that returns a document's sort key.
        shape: the plan cache shape.
    """

    key: Callable[[bytes], bytes]
    shape: str


def sorted_shape(filter: bytes, sort: dict[str, int]) -> SortedShape:
    """Return the shape of a find without projection and collation.

    Arguments:
        filter: a condition on one field with plain values, as BSON bytes.
        sort: one top-level field and its direction.
    """
    pattern = SortPattern(list(sort.items()), ParseContext())
    return SortedShape(pattern.key, plan_cache_shape(decode_unique(filter), pattern, None, None))


def has_rival(collection: Collection, sole: Index, path: str) -> bool | None:
    """Return whether another index could provide the order of a sort by a path. Return None if the planner must find out.

    Arguments:
        sole: the only index that could serve the filter. It does not begin with the path.
    """
    if sole.unique or sole.multikey or len(sole.parts) != 1:
        return None
    found = False
    for index in collection.indexes:
        if index is sole or index.hidden:
            continue
        if index.sparse or index.multikey or index.partial_filter is not None or "collation" in index.spec or not index.kind.is_ordered:
            return None
        found = found or index.parts[0][0] == path
    return found


def cache_sorted(collection: Collection, sole: Index, shape: str, filter: bytes, sort: dict[str, int], now: Date) -> None:
    """Add the plan of a find that has a rival to the plan cache, like `cache_plan`.

    Arguments:
        shape: the shape of the find, see `sorted_shape`.
        filter, sort: see there.
        now: the command's date.
    """
    if not is_known(collection, shape):
        query = partial(_query, filter, sort)
        add_plan(collection, shape, CachedPlan(partial(_explained, sole, query), (shape, ""), partial(_created, query), now, False))


def _query(filter: bytes, sort: dict[str, int]) -> CanonicalQuery:
    return parse_query(decode_unique(filter), ParseContext(), sort=sort)


def _created(query: Callable[[], CanonicalQuery]) -> dict[str, Any]:
    return created_from(query())


def _explained(sole: Index, query: Callable[[], CanonicalQuery]) -> PlanStage:
    parsed = query()
    nowhere: Any = None
    candidate = make_candidate(sole, Conditions(parsed), forced=False)
    assert candidate is not None, "the index serves the filter"
    assert parsed.sort is not None, "the find is sorted"
    scan = IndexedScan(nowhere, sole, candidate.bounds, candidate.residual, candidate.key_filter)
    return Sort(scan, parsed.sort, 0).explain()
