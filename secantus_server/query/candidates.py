"""Candidates, which describe how each index could serve a query.

A candidate consists of the index bounds, the residual filter, and whether a scan of the index provides the sort order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.index._index import Index
from secantus_server.modules import import_late
from secantus_server.mql.match import (
    AlwaysTrue,
    And,
    Comparison,
    ElemMatchObject,
    Exists,
    ExprMatch,
    In,
    Nor,
    Not,
    Or,
    PathMatch,
    RegexMatch,
    TypeMatch,
)
from secantus_server.query.bounds import EVERYTHING, End, FieldInterval, IndexBounds, are_points, intersect, is_everything
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.implication import implies
from secantus_server.query.predicates import Predicate, conjuncts, has_index_component, has_text, mentions_text, predicate_of

Used = list[tuple[Predicate, Any]]

# The filter nodes for which a predicate, if there is one, is on the node's path. A `Not` of them has the path of its child.
_ON_ONE_PATH = frozenset([Comparison, In, RegexMatch, Exists])


@dataclass
class Candidate:
    """A description of how an index could serve a query.

    Arguments:
        residual: the filter that the fetched documents must still match, or None.
        key_filter: a filter that entries must match before their documents are read, or None.
        fixed: the number of leading fields that are bounded to points.
        bounded: whether the first field after the fixed fields has bounds.
        selective: whether the bounds of that first field are likely to exclude most of the entries that the fixed fields include.
        sorts: 1 or -1 if a scan in that direction provides the sort order, else 0.
        covers: whether the entries contain all required fields.
    """

    index: Index
    bounds: IndexBounds
    residual: Any
    key_filter: Any
    fixed: int
    bounded: bool
    sorts: int
    covers: bool
    selective: bool = True

    @property
    def is_loose(self) -> bool:
        """Whether the scan is likely to read most of the index."""
        return not self.fixed and not self.sorts and not (self.bounded and self.selective)

    @property
    def score(self) -> tuple[int, int, int]:
        """A sort key by which the planner ranks candidates. The best candidate has the greatest score.

        Fields that are fixed to points count most, followed by a range and by the sort order, which saves a sort. A covered query and a
        filter on entries only break ties. A unique index with all of its fields fixed is better than any other candidate.
        """
        bounded = (6 if self.selective else 2) * self.bounded
        value = 10 * self.fixed + bounded + 4 * bool(self.sorts) + 1 * self.covers + 1 * (self.key_filter is not None)
        if self.index.unique and self.fixed == len(self.index.parts):
            value += 20
        return value, -len(self.index.parts), -self.index.ident


class Conditions:
    """The predicates of a query's filter, grouped by path.

    The grouping is computed once for all indexes without a collation.
    """

    def __init__(self, query: CanonicalQuery) -> None:
        self.query = query
        self.nodes = conjuncts(query.match)
        self.demands_a_field = any(type(node) is Exists for node in self.nodes)
        self._sorted_paths = [] if query.sort is None else [path for path, _ in query.sort.parts]
        self._simple: dict[str, Used] | None = None

    def by_path(self, collation: Any, same_collation: bool) -> dict[str, Used]:
        """Return the predicates on each path that an index with this collation can use.

        Arguments:
            collation: the index's collation, or None.
            same_collation: whether the query has the same collation.
        """
        if collation is not None or not same_collation:
            return _predicates_by_path(self.nodes, collation, same_collation)
        if self._simple is None:
            self._simple = _predicates_by_path(self.nodes, None, True)
        return self._simple

    def is_relevant(self, index: Index, by_path: dict[str, Used]) -> bool:
        """Return whether an index could help the query.

        It could if its first field has a predicate or is a sort field, or if it is sparse and thereby excludes documents that cannot
        match.
        """
        first = index.parts[0][0]
        return first in by_path or first in self._sorted_paths or (index.sparse and self.demands_a_field)


def cannot_help(indexes: list[Index], query: CanonicalQuery) -> bool:
    """Return whether it is obvious that none of the indexes can serve a query, so that the planner need not look for candidates.

    This is the case if no condition and no sort field is on the first field of an index, as in most scans of collections that only have
    the index on `_id`. Most of a scan's planning would otherwise be the computation of bounds.
    """
    paths = set() if query.sort is None else {path for path, _ in query.sort.parts}
    for node in conjuncts(query.match):
        condition: Any = node.child if type(node) is Not else node
        if type(condition) not in _ON_ONE_PATH:
            return False
        paths.add(condition.path)
    return not [
        index for index in indexes if index.generator is None or index.sparse or index.kind.has_wildcard or index.parts[0][0] in paths
    ]


def make_candidate(index: Index, conditions: Conditions, *, forced: bool) -> Candidate | None:
    """Return the candidate for an index, or None if the index would miss matches or is no better than a collection scan.

    Arguments:
        forced: whether the index is hinted and must therefore be used even if it misses matches.
    """
    query, nodes = conditions.query, conditions.nodes
    collation = index.generator.collation if index.generator else None
    same_collation: bool = collation == query.context.collation
    by_path = conditions.by_path(collation, same_collation)
    if not forced and not (conditions.is_relevant(index, by_path) and _holds_all_matches(index, nodes, same_collation)):
        return None
    fields, used = _field_intervals(index, by_path)
    bounds = IndexBounds(index.parts, fields)
    fixed = _leading_points(fields)
    bounded = fixed < len(fields) and not is_everything(fields[fixed])
    sorts = _sort_direction(index, query, bounds, same_collation)
    useful = fixed or bounded or sorts or used[0] or (index.sparse and conditions.demands_a_field)
    if not useful and not forced:
        return None
    exact = [
        id(node)
        for predicates in used[: bounds.depth]
        for predicate, node in predicates
        if predicate.exact or (predicate.exact_alone and not index.multikey)
    ]
    residual, key_filter = _split(index, query.match, [node for node in nodes if id(node) not in exact])
    covers = residual is None and covers_query(index, query)
    selective = not bounded or used[fixed][0][0].selective or any(predicate.selective for predicate, _ in used[fixed])
    return Candidate(index, bounds, residual, key_filter, fixed, bounded, sorts, covers, selective)


def explicit_candidate(index: Index, query: CanonicalQuery) -> Candidate:
    """Return the candidate for a find with the options `min` or `max`, which set the bounds.

    Raises:
        CommandError: 51174 if `min` or `max` is not a key of this index.
    """
    low = _explicit_key(index, query.min, "min")
    high = _explicit_key(index, query.max, "max")
    bounds = IndexBounds(index.parts, [[EVERYTHING] for _ in index.parts])
    collation = index.generator.collation if index.generator else None
    same_collation: bool = collation == query.context.collation
    if not same_collation and any(map(has_text, [*(low or ()), *(high or ())])):
        raise CommandError(51174, "The index chosen is not compatible with min/max: its collation is not that of the query")
    bounds.restrict(low, high, collation)
    return Candidate(index, bounds, query.match, None, 0, True, _sort_direction(index, query, bounds, same_collation, explicit=True), False)


def _explicit_key(index: Index, key: dict[str, Any] | None, option: str) -> list[Any] | None:
    if not key:
        return None
    if list(key) != [path for path, _ in index.parts]:
        raise CommandError(51174, f"The index chosen is not compatible with min/max: {option} must name the index's fields in their order")
    return list(key.values())


def _holds_all_matches(index: Index, nodes: list[Any], same_collation: bool) -> bool:
    """Return whether the index contains every document that matches the query."""
    # `implies` compares key strings without a collation.
    simple = same_collation and (index.generator is None or index.generator.collation is None)
    if index.partial_filter is not None and not simple and any(map(mentions_text, nodes)):
        return False
    if index.partial_filter is not None and not implies(nodes, index.partial_filter):
        return False
    if not index.sparse:
        return True
    return any(_demands_value(node, path) for node in nodes for path, _ in index.parts)


def _demands_value(node: Any, path: str) -> bool:
    """Return whether a filter node can only match documents that have the path."""
    if type(node) is Exists:
        return bool(node.path == path)
    predicate = predicate_of(node, None)
    return predicate is not None and predicate.path == path and predicate.demands_value


def _predicates_by_path(nodes: list[Any], collation: Any, same_collation: bool) -> dict[str, Used]:
    found: dict[str, Used] = {}
    for node in nodes:
        if type(node) is ElemMatchObject:
            _add_inner(node, found, collation, same_collation)
            continue
        if type(node) is ExprMatch:
            predicates_of = import_late("secantus_server.query.expression_predicates").expression_predicates
            for own in predicates_of(node.expression, collation, same_collation):
                found.setdefault(own.path, []).append((own, node))
            continue
        predicate = predicate_of(node, collation)
        if predicate is not None and (same_collation or not mentions_text(node)):
            found.setdefault(predicate.path, []).append((predicate, node))
    return found


def _add_inner(node: Any, found: dict[str, Used], collation: Any, same_collation: bool) -> None:
    """Add the predicates of an `$elemMatch` to `found` as predicates on the fields of the array's elements.

    They can bound an index on those fields, but the bounds are never exact.
    """
    for child in conjuncts(node.child):
        inner = predicate_of(child, collation)
        if inner is None or not inner.demands_value or has_index_component(inner.path):
            continue
        if same_collation or not mentions_text(child):
            path = f"{node.path}.{inner.path}"
            found.setdefault(path, []).append((Predicate(path, inner.intervals, False), node))


def _field_intervals(index: Index, by_path: dict[str, Used]) -> tuple[list[list[FieldInterval]], list[Used]]:
    """Return the intervals of each index field, and for each field the predicates from which they were computed.

    In a multikey index, different elements of an array may satisfy two predicates. Therefore only one predicate can bound a field, and
    two fields of the same array cannot both be bounded.
    """
    fields: list[list[FieldInterval]] = []
    used: list[Used] = []
    bounded_roots: set[str] = set()
    for path, _ in index.parts:
        root = path.partition(".")[0]
        predicates = by_path.get(path, [])
        if index.multikey:
            within = [used for used in predicates if not used[0].escapes]
            predicates = [] if root in bounded_roots else sorted(within, key=points_first)[:1]
        if index.kind.is_transformed(index.spec["key"][path]):
            predicates = [_transformed(index, used) for used in predicates if are_points(used[0].intervals)]
        intervals: list[FieldInterval] = [EVERYTHING]
        for number, (predicate, _) in enumerate(predicates):
            intervals = predicate.intervals if number == 0 else intersect(intervals, predicate.intervals)
        if predicates and not is_everything(intervals):
            bounded_roots.add(root)
        fields.append(intervals)
        used.append(predicates)
    return fields, used


def _transformed(index: Index, used: tuple[Predicate, Any]) -> tuple[Predicate, Any]:
    """Return a predicate on a hashed field with the hashed values as its points.

    The points are no longer exact, because different values may have the same hash.
    """
    predicate, node = used
    points = []
    for interval in predicate.intervals:
        end = End(index.kind.transformed(interval.low_end.value))
        points.append(interval._replace(low_end=end, high_end=end))
    return predicate._replace(intervals=points, exact=False, exact_alone=False), node


def points_first(predicate: tuple[Predicate, Any]) -> int:
    """Return a sort key that places point predicates before range predicates."""
    return sum(1 if interval.is_point else 1000 for interval in predicate[0].intervals)


def _leading_points(fields: list[list[FieldInterval]]) -> int:
    for number, intervals in enumerate(fields):
        if not are_points(intervals):
            return number
    return len(fields)


def _split(index: Index, match: Any, left: list[Any]) -> tuple[Any, Any]:
    """Return the residual filter for documents and the filter for index entries. Either can be None.

    Arguments:
        left: the conjuncts of the filter that the bounds do not enforce exactly.
    """
    if not left:
        return None, None
    paths = {path for path, _ in index.parts}
    if index.multikey or not index.kind.is_ordered or any(map(has_index_component, paths)) or _nested(paths):
        return cheap_first(match), None
    on_keys = [node for node in left if _reads_only(node, paths)]
    key_filter = None if not on_keys else on_keys[0] if len(on_keys) == 1 else And(on_keys)
    return None if len(on_keys) == len(left) else cheap_first(match), key_filter


_CHEAP = (Comparison, In, Exists, TypeMatch)


def cheap_first(match: Any) -> Any:
    """Reorder the conjuncts of a filter so that the cheapest are evaluated first."""
    if type(match) is not And or len(match.children) < 2:
        return match
    ordered = sorted(match.children, key=_cost)
    return match if ordered == list(match.children) else And(ordered)


def _cost(node: Any) -> int:
    return 0 if type(node) in _CHEAP else 1 if isinstance(node, PathMatch | And | Or | Nor | Not) else 2


def _nested(paths: set[str]) -> bool:
    """Return whether one path is a prefix of another. The values at such paths cannot be combined into one document."""
    return len(paths) > 1 and any(other.startswith(f"{path}.") for path in paths for other in paths)


def _reads_only(node: Any, paths: set[str]) -> bool:
    """Return whether a filter node depends only on the values at these paths. The caller ensures that no path passes through an array."""
    if isinstance(node, And | Or | Nor):
        return all(_reads_only(child, paths) for child in node.children)
    if type(node) is Not:
        return _reads_only(node.child, paths)
    if type(node) is ExprMatch or not isinstance(node, PathMatch):
        return type(node) is AlwaysTrue
    return node.path in paths


def _sort_direction(index: Index, query: CanonicalQuery, bounds: IndexBounds, same_collation: bool, explicit: bool = False) -> int:
    """Return the scan direction (1 or -1) in which the index provides the query's sort order, or 0 if no direction does."""
    if query.sort is None or query.sort.has_metadata or not same_collation or not index.kind.is_ordered:
        return 0
    if index.multikey and (explicit or not all(map(is_everything, bounds.fields))):
        return 0
    prefix, wanted = bounds.sorted_prefix, query.sort.parts
    if prefix:
        fixed = {path for path, _ in index.parts[:prefix]}
        wanted = [(path, direction) for path, direction in wanted if path not in fixed]
    return _common_direction(index.parts[prefix : prefix + len(wanted)], wanted)


def _common_direction(have: list[tuple[str, int]], wanted: list[tuple[str, int]]) -> int:
    """Return the scan direction (1 or -1) in which an index on the fields `have` provides the order `wanted`, or 0 if no direction does."""
    if len(have) < len(wanted):
        return 0
    directions = {mine * theirs if path == other else 0 for (path, mine), (other, theirs) in zip(have, wanted, strict=True)}
    return 1 if not directions else directions.pop() if len(directions) == 1 else 0


def covers_query(index: Index, query: CanonicalQuery) -> bool:
    """Return whether the index entries contain all fields that the query requires."""
    wanted = query.required_fields
    if wanted is None or index.multikey or not index.kind.is_ordered:
        return False
    have = {path for path, _ in index.parts}
    return wanted <= have and not _nested(have) and not any(map(has_index_component, have))
