"""Chooses how a query reads: by which index and within which bounds, or the whole collection.

The choice follows rules, not trials: an index is worth what its leading fields fix, and more if it gives the sort order or
holds all that is asked for. Two parallel rules keep the answer right whatever is chosen: bounds never leave out a match, and unless
they are exact the documents are held against the filter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secantus_server.bson.shell import document_text
from secantus_server.catalog.collection import Collection
from secantus_server.errors import CommandError
from secantus_server.index._index import Index
from secantus_server.mql.match import AlwaysFalse, And, Comparison, ElemMatchObject, Exists, Or
from secantus_server.query.bounds import EVERYTHING, FieldInterval, IndexBounds, intersect
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.implication import implies
from secantus_server.query.plan import CollectionScan, EmptyScan, IndexedScan, Sort, Union
from secantus_server.query.predicates import Predicate, mentions_text, predicate_of

Plan = CollectionScan | EmptyScan | IndexedScan | Union | Sort


@dataclass
class Candidate:
    """An index that could serve a query.

    Arguments:
        used: the nodes that the bounds stand for exactly.
        sorts: 1 or -1 if a scan in that direction gives the order asked for, else 0.
    """

    index: Index
    bounds: IndexBounds
    used: list[Any]
    fixed: int
    bounded: bool
    sorts: int
    covers: bool

    @property
    def score(self) -> tuple[int, int, int]:
        """The better of two candidates has the larger score."""
        value = 10 * self.fixed + 6 * self.bounded + 4 * bool(self.sorts) + 1 * self.covers
        return value, -len(self.index.parts), -self.index.ident


def plan_query(collection: Collection | None, query: CanonicalQuery) -> Plan:
    """The plan for a query.

    Arguments:
        collection: what it reads, or None where there is no such collection.

    Raises:
        CommandError: 2 BadValue, the hint names no index.
    """
    if collection is None or type(query.match) is AlwaysFalse:
        return EmptyScan()
    hinted = _hinted_index(collection, query.hint)
    if query.natural:
        return CollectionScan(collection, query.match, query.natural < 0)
    usable = [hinted] if hinted else [index for index in collection.indexes if index.stores_entries and not index.hidden]
    candidates = [candidate for index in usable if (candidate := _candidate(index, query, forced=hinted is not None))]
    if candidates:
        return _with_index(collection, query, max(candidates, key=lambda candidate: candidate.score))
    union = _union(collection, query, usable) if hinted is None else None
    return _sorted(union or CollectionScan(collection, query.match), query)


def _hinted_index(collection: Collection, hint: str | dict[str, Any] | None) -> Index | None:
    if not hint:
        return None
    for index in collection.indexes:
        if index.name == hint if type(hint) is str else list(index.spec["key"].items()) == list(hint.items()):  # type: ignore[union-attr]
            if index.hidden or not index.stores_entries:
                break
            return index
    shown = document_text(hint) if type(hint) is dict else hint
    raise CommandError(
        2, f"error processing query: ns={collection.namespace}: hint provided does not correspond to an existing index ({shown})"
    )


def _sorted(plan: Plan, query: CanonicalQuery) -> Plan:
    if query.sort is None:
        return plan
    return Sort(plan, query.sort, query.skip + query.limit if query.limit else 0)


def _with_index(collection: Collection, query: CanonicalQuery, best: Candidate) -> Plan:
    rest = _remaining(query.match, best)
    plan = IndexedScan(collection, best.index, best.bounds, rest, best.sorts < 0, best.covers and rest is None)
    return plan if best.sorts else _sorted(plan, query)


def _remaining(match: Any, best: Candidate) -> Any:
    """What of the filter the bounds do not say."""
    nodes = _conjuncts(match)
    if all(any(node is used for used in best.used) for node in nodes):
        return None
    return match


def _conjuncts(match: Any) -> list[Any]:
    if match is None:
        return []
    if type(match) is And:
        return [node for child in match.children for node in _conjuncts(child)]
    return [match]


def _candidate(index: Index, query: CanonicalQuery, *, forced: bool) -> Candidate | None:
    """How the index could serve the query, or None if it is no better than reading everything."""
    nodes = _conjuncts(query.match)
    if not forced and not _holds_all_matches(index, nodes):
        return None
    collation = index.generator.collation if index.generator else None
    same_collation = collation is None and query.context.collation is None
    by_path = _predicates_by_path(nodes, collation, same_collation)
    fields, used = _field_intervals(index, by_path)
    bounds = IndexBounds(index.parts, fields)
    fixed = sum(1 for _ in _leading_points(fields))
    bounded = any(interval is not EVERYTHING for interval in fields[fixed]) if fixed < len(fields) else False
    sorts = _sort_direction(index, query, bounds, same_collation)
    if not (forced or fixed or bounded or sorts):
        return None
    exact = _exact_nodes(bounds, used)
    return Candidate(index, bounds, exact, fixed, bounded, sorts, _covers(index, query))


def _holds_all_matches(index: Index, nodes: list[Any]) -> bool:
    """Whether every document that matches is in the index."""
    if index.partial_filter is not None and not implies(nodes, index.partial_filter):
        return False
    if not index.sparse:
        return True
    return any(_demands_value(node, path) for node in nodes for path, _ in index.parts)


def _demands_value(node: Any, path: str) -> bool:
    """Whether a document that lacks the path cannot match."""
    if type(node) is Exists:
        return bool(node.path == path)
    predicate = predicate_of(node, None)
    return predicate is not None and predicate.path == path and predicate.exact


def _predicates_by_path(nodes: list[Any], collation: Any, same_collation: bool) -> dict[str, list[tuple[Predicate, Any]]]:
    found: dict[str, list[tuple[Predicate, Any]]] = {}
    for node in nodes:
        if type(node) is ElemMatchObject:
            _add_inner(node, found, collation, same_collation)
            continue
        predicate = predicate_of(node, collation)
        if predicate is not None and (same_collation or not mentions_text(node)):
            found.setdefault(predicate.path, []).append((predicate, node))
    return found


def _add_inner(node: Any, found: dict[str, list[tuple[Predicate, Any]]], collation: Any, same_collation: bool) -> None:
    """What `$elemMatch` asks of an element's fields also bounds an index on them; it is never exact."""
    for child in _conjuncts(node.child):
        inner = predicate_of(child, collation)
        if inner is not None and (same_collation or not mentions_text(child)):
            path = f"{node.path}.{inner.path}"
            found.setdefault(path, []).append((Predicate(path, inner.intervals, False), node))


def _field_intervals(index: Index, by_path: dict[str, list[tuple[Predicate, Any]]]) -> tuple[list[list[FieldInterval]], list[list[tuple[Predicate, Any]]]]:
    """The intervals of each field, and the predicates that they stand for.

    In a multikey index two predicates may be met by different elements of an array: only one of them can bound a field, and
    fields of the same array cannot be bounded together.
    """
    fields: list[list[FieldInterval]] = []
    used: list[list[tuple[Predicate, Any]]] = []
    bounded_roots: set[str] = set()
    for path, _ in index.parts:
        root = path.partition(".")[0]
        predicates = by_path.get(path, [])
        if index.multikey:
            predicates = [] if root in bounded_roots else sorted(predicates, key=_looseness)[:1]
        intervals: list[FieldInterval] = [EVERYTHING]
        for number, (predicate, _) in enumerate(predicates):
            intervals = predicate.intervals if number == 0 else intersect(intervals, predicate.intervals)
        if predicates:
            bounded_roots.add(root)
        fields.append(intervals)
        used.append(predicates)
    return fields, used


def _looseness(predicate: tuple[Predicate, Any]) -> int:
    """Points before ranges."""
    return sum(1 if interval.is_point else 1000 for interval in predicate[0].intervals)


def _leading_points(fields: list[list[FieldInterval]]) -> list[list[FieldInterval]]:
    leading = []
    for intervals in fields:
        if not all(interval.is_point for interval in intervals):
            break
        leading.append(intervals)
    return leading


def _exact_nodes(bounds: IndexBounds, used: list[list[tuple[Predicate, Any]]]) -> list[Any]:
    """The nodes that need not be looked at again: those of the leading points and of the first range."""
    exact: list[Any] = []
    for intervals, predicates in zip(bounds.fields, used, strict=True):
        exact += [node for predicate, node in predicates if predicate.exact]
        if not all(interval.is_point for interval in intervals):
            break
    return exact


def _sort_direction(index: Index, query: CanonicalQuery, bounds: IndexBounds, same_collation: bool) -> int:
    """1 or -1: the direction in which the index gives the order asked for; 0 if neither does."""
    if query.sort is None or not same_collation or index.multikey and any(f != [EVERYTHING] for f in bounds.fields):
        return 0
    prefix = bounds.sorted_prefix
    fixed = {path for path, _ in index.parts[:prefix]}
    wanted = [(path, direction) for path, direction in query.sort.parts if path not in fixed]
    if not wanted:
        return 1
    have = index.parts[prefix : prefix + len(wanted)]
    if [path for path, _ in have] != [path for path, _ in wanted]:
        return 0
    products = {mine * theirs for (_, mine), (_, theirs) in zip(have, wanted, strict=True)}
    return products.pop() if len(products) == 1 else 0


def _covers(index: Index, query: CanonicalQuery) -> bool:
    """Whether the entries hold all fields that are asked for."""
    wanted = query.required_fields
    if wanted is None or index.multikey or index.kind != "btree":
        return False
    have = {path for path, _ in index.parts}
    return wanted <= have


def _union(collection: Collection, query: CanonicalQuery, usable: list[Index]) -> Union | None:
    """A union of index scans where the filter, or a conjunct of it, is an `$or` whose branches all have an index."""
    for node in _conjuncts(query.match):
        if type(node) is Or:
            branches = [_branch(collection, query, child, usable) for child in node.children]
            if all(branches):
                return Union([branch for branch in branches if branch])
    return None


def _branch(collection: Collection, query: CanonicalQuery, child: Any, usable: list[Index]) -> IndexedScan | None:
    part = CanonicalQuery(query.filter, child, query.context)
    candidates = [candidate for index in usable if (candidate := _candidate(index, part, forced=False))]
    if not candidates:
        return None
    best = max(candidates, key=lambda candidate: candidate.score)
    return IndexedScan(collection, best.index, best.bounds, query.match, dedupe=True)
