"""The planner, which chooses between the indexes and a collection scan.

The choice follows rules (see `Candidate.score`). Only a sort with a limit competes at run time with an index in sort order (see
`contested`). The result does not depend on the choice, because bounds never exclude a match and because the filter is applied to the
documents unless the bounds are exact.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from secantus_server.bson.numbers import INT64_MAX
from secantus_server.bson.shell import document_text
from secantus_server.catalog.collection import Collection
from secantus_server.errors import CommandError
from secantus_server.index._index import Index
from secantus_server.mql.match import AlwaysFalse, GeoNear, Or, TextMatch
from secantus_server.query.bounds import EVERYTHING, IndexBounds, point
from secantus_server.query.candidates import (
    Candidate,
    Conditions,
    cannot_help,
    cheap_first,
    covers_query,
    explicit_candidate,
    make_candidate,
)
from secantus_server.query.canonical import CanonicalQuery, PointQuery, same_pattern
from secantus_server.query.clustered import ClusteredScan, natural_scan
from secantus_server.query.contested import contested
from secantus_server.query.geo import geo_candidate, is_geospatial
from secantus_server.query.hinted import could_serve, restricted
from secantus_server.query.index_filters import is_listed, listed_indexes
from secantus_server.query.near import plan_near
from secantus_server.query.plan import EmptyScan, IndexedScan, Plan, Sort, Union
from secantus_server.query.predicates import conjuncts
from secantus_server.query.sole_index import sole_index
from secantus_server.query.table_scans import check_scans_nothing
from secantus_server.query.text import TextSearchPlan, has_text_search, no_text_plan, plan_text, text_of
from secantus_server.query.wildcard import scan_of, wildcard_candidates


def plan_query(collection: Collection | None, query: CanonicalQuery) -> Plan:
    """Choose the plan for a query.

    Arguments:
        collection: the collection, or None if it does not exist.

    Raises:
        CommandError: 2 BadValue if the hint names no index. 291 NoQueryExecutionPlans if no index can serve the query, or if the plan
            scans the collection although scans are forbidden.
    """
    plan = _plan(collection, query)
    if query.context.forbids_scans:
        check_scans_nothing(plan, query)
    note = query.context.note_plan
    if note is not None:
        note(plan, query)
    return plan


def _plan(collection: Collection | None, query: CanonicalQuery) -> Plan:
    if collection is None:
        return EmptyScan()
    only = only_scan(collection, query) if type(query) is PointQuery else None
    if only is not None:
        return only
    if type(query.match) is AlwaysFalse:
        return EmptyScan()
    hinted = _hinted_index(collection, query.hint) if listed_indexes(collection, query) is None else None
    special = _special_node(query.match)
    if type(special) is GeoNear:
        return _sorted(plan_near(collection, query, special, hinted), query)
    if special is not None:
        return _sorted(_by_text(collection, query), query)
    if query.natural or query.tailing:
        return _sorted(natural_scan(collection, query.match, query.natural < 0, query.tailing), query)
    if query.min or query.max:
        return _with_index(collection, query, explicit_candidate(_chosen_index(hinted), query))
    return _by_index(collection, query, hinted)


def only_scan(collection: Collection, query: PointQuery) -> IndexedScan | None:
    """Return the plan for an equality that only one index could serve, or None. The result is that of the comparison of candidates.

    The bounds are exact, because a point query has no collation and its value is plain. Therefore the filter need not even be parsed.
    """
    context = query.context
    if context.index_filters is not None or context.allowed_indexes is not None or collection.is_clustered:
        return None
    sole = sole_index(collection, query.path)
    if sole is None or sole.shown is not sole.index:
        return None
    index, everything = sole.index, [[EVERYTHING] for _ in sole.index.parts[1:]]
    bounds = IndexBounds(index.parts, [[point(query.value, None)], *everything])
    return IndexedScan(collection, index, bounds, None, covered=covers_query(index, query))


def _special_node(match: Any) -> Any:
    """Return the first conjunct of a filter that requires a special index, or None. It is a `$near` or contains a `$text`."""
    for node in conjuncts(match):
        kind = type(node)
        if kind is GeoNear or kind is TextMatch or (kind is Or and has_text_search(node)):
            return node
    return None


def _by_text(collection: Collection, query: CanonicalQuery) -> Plan:
    """Return the plan for a filter with a `$text`, which only the text index can serve.

    Raises:
        CommandError: 2 BadValue for a hint or natural order, 291 NoQueryExecutionPlans.
    """
    if query.natural:
        raise CommandError(2, f"error processing query: ns={collection.namespace}: text expression not allowed with $natural sort order")
    if query.hint:
        raise CommandError(2, "text and hint not allowed in same query")
    node = text_of(query.match)
    if node is not None:
        return plan_text(collection, query, node)
    union = _union(collection, query, _usable(collection, query), None)
    if union is None:
        raise no_text_plan(collection.namespace)
    return union


def _by_index(collection: Collection, query: CanonicalQuery, hinted: Index | None) -> Plan:
    if hinted is None and cannot_help(collection.indexes, query):
        return _sorted(natural_scan(collection, cheap_first(query.match)), query)
    usable = [hinted] if hinted else _usable(collection, query)
    candidates = _candidates(collection, query, usable, forced=hinted is not None)
    if len(candidates) > 1 and hinted is None:
        query.rivals = len(candidates)
    best = candidates[0] if len(candidates) == 1 else max(candidates, key=lambda candidate: candidate.score, default=None)
    may_unite = hinted is None or hinted.kind.has_wildcard
    union = _union(collection, query, usable, best) if may_unite and (best is None or best.is_loose) else None
    if union is None and best is not None:
        plan = _with_index(collection, query, best)
        if query.limit and query.sort is not None and not best.sorts and len(candidates) > 1:
            return _contested(collection, query, plan, candidates)
        return plan
    if union is None and hinted is not None:
        _check_serves(collection, hinted, query)
        return _sorted(natural_scan(collection, restricted(hinted, query.match)), query)
    return _sorted(union or natural_scan(collection, cheap_first(query.match)), query)


def _contested(collection: Collection, query: CanonicalQuery, plan: Plan, candidates: list[Candidate]) -> Plan:
    """Return a plan whose sort competes with the best candidate that provides the sort order. Return the given plan if no candidate
    does.
    """
    ordered = [candidate for candidate in candidates if candidate.sorts]
    if not ordered:
        return plan
    rival = max(ordered, key=lambda candidate: candidate.score)
    return contested(plan, query, partial(_with_index, collection, query, rival))


def other_plans(collection: Collection | None, query: CanonicalQuery) -> list[Plan]:
    """Return the plans that `plan_query` rejects for a query, in descending order of their scores."""
    chosen = query.hint or query.natural or query.tailing or query.min or query.max or _special_node(query.match) is not None
    if collection is None or chosen or type(query.match) is AlwaysFalse:
        return []
    candidates = _candidates(collection, query, _usable(collection, query), forced=False)
    ranked = sorted(candidates, key=lambda candidate: candidate.score, reverse=True)
    return [_with_index(collection, query, candidate) for candidate in ranked[1:]]


def _usable(collection: Collection, query: CanonicalQuery) -> list[Index]:
    indexes = [index for index in collection.indexes if not index.hidden]
    listed = listed_indexes(collection, query)
    return indexes if listed is None else [index for index in indexes if is_listed(index, listed)]


def _candidates(collection: Collection, query: CanonicalQuery, usable: list[Index], *, forced: bool) -> list[Candidate]:
    conditions = Conditions(query)
    return [candidate for index in usable for candidate in _candidates_of(collection, index, conditions, forced=forced)]


def _candidates_of(collection: Collection, index: Index, conditions: Conditions, *, forced: bool) -> list[Candidate]:
    if index.kind.has_wildcard:
        return wildcard_candidates(collection, index, conditions, forced=forced)
    if index.generator is not None:
        candidate = make_candidate(index, conditions, forced=forced)
    else:
        candidate = geo_candidate(index, conditions, forced=forced) if is_geospatial(index) else None
    return [] if candidate is None else [candidate]


def _check_serves(collection: Collection, index: Index, query: CanonicalQuery) -> None:
    if index.kind.needs_predicate and not could_serve(index, query.match):
        raise CommandError(
            291, f"error processing query: ns={collection.namespace}: planner returned error :: caused by :: No query solutions"
        )


def _chosen_index(hinted: Index | None) -> Index:
    if hinted is not None and hinted.generator is None:
        raise CommandError(51174, "The index chosen is not compatible with min/max")
    if hinted is None:
        raise CommandError(51173, "When using min()/max() a hint of which index to use must be provided")
    return hinted


def _hinted_index(collection: Collection, hint: str | dict[str, Any] | None) -> Index | None:
    if hint is None or hint == {}:
        return None
    for index in collection.indexes:
        if (index.name == hint if type(hint) is str else same_pattern(index.spec["key"], hint)) and not index.hidden:
            return index
    shown = document_text(hint) if type(hint) is dict else hint
    raise CommandError(
        2,
        f"error processing query: ns={collection.namespace}: planner returned error :: caused by :: "
        f"hint provided does not correspond to an existing index ({shown})",
    )


def _sorted(plan: Plan, query: CanonicalQuery) -> Plan:
    if query.sort is None:
        return plan
    limit = min(query.skip + query.limit, INT64_MAX) if query.limit else 0
    return Sort(plan, query.sort, limit, query.sort_bytes, query.wanted_metadata, query.sort_spill)


def _with_index(collection: Collection, query: CanonicalQuery, best: Candidate) -> Plan:
    if collection.is_clustered and best.index is collection.id_index:
        clustered = ClusteredScan(collection, cheap_first(query.match), best.sorts < 0, best.bounds)
        return clustered if best.sorts else _sorted(clustered, query)
    plan = scan_of(collection, best, best.residual, best.key_filter, reverse=best.sorts < 0, covered=best.covers)
    return plan if best.sorts else _sorted(_fetching(plan, query), query)


def _fetching(plan: IndexedScan, query: CanonicalQuery) -> IndexedScan:
    """Return the plan, with covered mode disabled if the sort needs a field that is not in the index."""
    if query.sort is not None and not {path for path, _ in query.sort.parts} <= {path for path, _ in plan.index.parts}:
        plan.covered = False
    return plan


def _union(collection: Collection, query: CanonicalQuery, usable: list[Index], instead: Candidate | None) -> Union | None:
    """Return a union of index scans for an `$or` among the filter's conjuncts, or None. Each branch of the `$or` must have an index.

    Arguments:
        instead: the best candidate for a plan without the union, or None. This candidate is loose (see `Candidate.is_loose`), so the
            union is only better if none of its branches is loose.
    """
    for node in conjuncts(query.match):
        if type(node) is Or:
            branches = [_branch(collection, query, child, usable) for child in node.children]
            if all(branch is not None and (instead is None or not branch.is_loose) for branch in branches):
                return Union([_branch_scan(collection, query, branch) for branch in branches if branch is not None])
    return None


def _branch_scan(collection: Collection, query: CanonicalQuery, branch: Candidate | TextSearchPlan) -> IndexedScan | TextSearchPlan:
    if isinstance(branch, TextSearchPlan):
        branch.scored, branch.residual, branch.others = False, None, query.match
        return branch
    return scan_of(collection, branch, query.match)


def _branch(collection: Collection, query: CanonicalQuery, child: Any, usable: list[Index]) -> Candidate | TextSearchPlan | None:
    inner = CanonicalQuery(query.filter, child, query.context)
    node = text_of(child)
    if node is not None:
        return plan_text(collection, inner, node)
    return max(_candidates(collection, inner, usable, forced=False), key=lambda candidate: candidate.score, default=None)
