"""Plans that read wildcard indexes.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-wildcard/
https://www.mongodb.com/docs/manual/reference/index-wildcard-restrictions/

For one path of a query, a wildcard index acts like an ordinary compound index in which two fields replace the wildcard: `$_path` and the
path. This is the *expanded* index. Its bounds fix `$_path`. A predicate such as `$exists`, which any value satisfies, also reads the
paths below, because an embedded document is only indexed through its fields. If a query has no predicate for the wildcard of a compound
index, only `$_path` replaces the wildcard, and its bounds include all paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bson.min_key import MinKey

from secantus_server.catalog.collection import Collection
from secantus_server.index._index import Index
from secantus_server.index.key_pattern import direction, is_wildcard
from secantus_server.index.kinds._wildcard import MARK
from secantus_server.index.kinds.kind import IndexKind
from secantus_server.index.kinds.wildcard import demands_any_value, has_path, mark_of, may_serve
from secantus_server.mql._keys import KeyGenerator
from secantus_server.mql.collation import parse_collation
from secantus_server.mql.match import Comparison, ElemMatchObject, TypeMatch
from secantus_server.query.bounds import EVERYTHING, FieldInterval, point
from secantus_server.query.candidates import Candidate, Conditions, Used, make_candidate
from secantus_server.query.plan import IndexedScan
from secantus_server.query.predicates import Predicate, conjuncts, has_index_component, mentions_text, predicate_of
from secantus_server.query.stages import PlanStage

PATH = "$_path"
# Upper bound on the expanded indexes that a collection caches; creating one takes about 10 us.
MAX_EXPANDED = 100


class _Expanded(IndexKind):
    """The index kind of all expanded indexes."""

    name = "expanded wildcard"
    is_ordered = True


class ExpandedIndex(Index):
    """A wildcard index that is treated as an ordinary compound index for one path.

    Arguments:
        base: the wildcard index.
        path: the path, or None if the wildcard is not bounded.
        several: whether a document without arrays may have more than one entry within the bounds.
    """

    def __init__(self, base: Index, path: str | None, several: bool) -> None:
        self.base = base
        self.path = path
        self.array_paths = [] if path is None else _array_paths(base, path)
        key: dict[str, Any] = {}
        for name, value in base.spec["key"].items():
            if not is_wildcard(name):
                key[name] = value
                continue
            key[PATH] = 1
            if path is None:
                break
            key[path] = value
        generator = KeyGenerator([(name, direction(value)) for name, value in key.items()], parse_collation(base.spec.get("collation")))
        spec = {**base.spec, "key": key}
        super().__init__(spec, base.ident, _Expanded(), generator, base.partial_filter, several or bool(self.array_paths))

    def values(self, doc: bytes) -> list[Any]:
        """Return a document's values at the paths of the expanded index. The value of an absent field is None."""
        found = super().values(doc)
        return [self.path if path == PATH else value for (path, _), value in zip(self.parts, found, strict=True)]


def expanded_index(collection: Collection, base: Index, path: str | None, several: bool) -> ExpandedIndex:
    """Return the expanded index for a path, from the collection's cache if possible. An array at a new path invalidates the cached
    object.
    """
    key = (base.ident, path, several, base.multikey, len(base.marks))
    known = collection.expanded_indexes
    found: ExpandedIndex | None = known.get(key)
    if found is None:
        if len(known) >= MAX_EXPANDED:
            known.clear()
        found = known[key] = ExpandedIndex(base, path, several)
    return found


def _array_paths(base: Index, path: str) -> list[str]:
    """Return the prefixes of a path at which any document may have an array."""
    if not base.multikey:
        return []
    names = path.split(".")
    prefixes = [".".join(names[:length]) for length in range(1, len(names) + 1)]
    return [prefix for prefix in prefixes if not base.knows_marks or mark_of(prefix) in base.marks]


class _PathConditions(Conditions):
    """The predicates of a query, reduced to those that bound one expanded index."""

    def __init__(self, conditions: Conditions, used: dict[str, Used]) -> None:
        self.query = conditions.query
        self.nodes = conditions.nodes
        self.demands_a_field = False
        self._used = used

    def by_path(self, collation: Any, same_collation: bool) -> dict[str, Used]:
        """Return the reduced predicates, grouped by path. The arguments are ignored."""
        return self._used

    def is_relevant(self, index: Index, by_path: dict[str, Used]) -> bool:
        """Return True, because only relevant indexes are expanded."""
        return True


def wildcard_candidates(collection: Collection, index: Index, conditions: Conditions, *, forced: bool) -> list[Candidate]:
    """Return the candidates for a wildcard index, one for each path that it could serve.

    Arguments:
        collection: the collection of the index.
        forced: whether the index is hinted and must therefore be used even if it is partial and misses matches.
    """
    collation = parse_collation(index.spec.get("collation"))
    same_collation: bool = collation == conditions.query.context.collation
    key = index.spec["key"]
    plain: dict[str, Used] = {}
    if len(key) > 1:
        plain = {path: used for path, used in conditions.by_path(collation, same_collation).items() if path in key}
    first = next(iter(key))
    if not is_wildcard(first) and first not in plain:
        return []
    found = [
        _candidate(collection, index, conditions, path, used, plain, forced=forced)
        for path, used in _by_path(index, conditions, collation, same_collation=same_collation).items()
    ]
    if not is_wildcard(first) and not any(found):
        found = [_candidate(collection, index, conditions, None, [], plain, forced=forced)]
    return [candidate for candidate in found if candidate is not None]


def _by_path(index: Index, conditions: Conditions, collation: Any, *, same_collation: bool) -> dict[str, Used]:
    """Return the predicates that the index's wildcard could serve, grouped by path."""
    found: dict[str, Used] = {}
    for node in conditions.nodes:
        inner = type(node) is ElemMatchObject
        for child in conjuncts(node.child) if inner else [node]:
            predicate = _predicate(child, collation)
            if predicate is None or has_index_component(predicate.path) or (mentions_text(child) and not same_collation):
                continue
            if inner:
                predicate = predicate._replace(path=f"{node.path}.{predicate.path}", exact=False, exact_alone=False)
            # A predicate inside `$elemMatch` must demand a value: the matching element may differ from the element with the entry.
            demands = predicate.demands_value or demands_any_value(child)
            if predicate.escapes and (inner or _array_paths(index, predicate.path.rpartition(".")[0])):
                continue
            if predicate.intervals and has_path(index.spec, predicate.path) and demands:
                found.setdefault(predicate.path, []).append((_inexact(predicate, child), child))
    return found


def _predicate(node: Any, collation: Any) -> Predicate | None:
    if type(node) is TypeMatch:
        return Predicate(node.path, [EVERYTHING], False, False, False)
    return predicate_of(node, collation) if may_serve(node) else None


def _inexact(predicate: Predicate, node: Any) -> Predicate:
    """Return the predicate, marked as inexact unless the node is a comparison with a value that is not a document.

    A comparison with `{}` is inexact because documents without indexed fields have the same entry.
    """
    if type(node) is Comparison and type(node.operand) is not dict:
        return predicate
    return predicate._replace(exact=False, exact_alone=False)


def _candidate(
    collection: Collection, index: Index, conditions: Conditions, path: str | None, used: Used, plain: dict[str, Used], *, forced: bool
) -> Candidate | None:
    """Return the candidate for one path of a wildcard index, or None if the index does not contain all matches.

    Arguments:
        path: the path, or None if only the non-wildcard fields are bounded.
        used: the predicates on the path.
        plain: the predicates on the non-wildcard fields.
    """
    bounding = [pair for pair in used if not demands_any_value(pair[1])]
    several = not bounding
    paths = _all_paths() if path is None else _paths_below(path) if several else [point(path, None)]
    by_path = {**plain, PATH: [(Predicate(PATH, paths, True, False, not several), None)]}
    if path is not None and bounding:
        by_path[path] = bounding
    candidate = make_candidate(expanded_index(collection, index, path, several), _PathConditions(conditions, by_path), forced=forced)
    if candidate is not None and not several:
        # Do not count `$_path`, so that the score is comparable with that of an ordinary index.
        candidate.fixed -= candidate.fixed > list(candidate.index.spec["key"]).index(PATH)
    return candidate


def _paths_below(path: str) -> list[FieldInterval]:
    """Return the intervals of `$_path` that include a path and all paths below it."""
    low, high = point(f"{path}.", None), point(f"{path}/", None)
    return [point(path, None), FieldInterval(low.low, True, high.low, False, low.low_end, high.low_end)]


def _all_paths() -> list[FieldInterval]:
    """Return the intervals of `$_path` that include all paths, and the entries of documents without any path."""
    low, high = point("", None), point({}, None)
    return [point(MinKey(), None), FieldInterval(low.low, True, high.low[:1], False, low.low_end, high.low_end)]


@dataclass
class WildcardScan(IndexedScan):
    """A scan of a wildcard index within the bounds of an expanded index."""

    def stored(self) -> tuple[Index, list[tuple[bytes, bytes]], list[str]]:
        """Return the wildcard index, the ranges of keys to read, and the indexed paths without `$_path`, as specified by
        `IndexedScan.stored`.

        The ranges end before the keys that record paths with arrays, which sort after all other entries.
        """
        index = self.index
        assert isinstance(index, ExpandedIndex), "the planner chose an expanded index"
        intervals = [(low, min(high, MARK)) for low, high in self.bounds.intervals]
        return index.base, intervals, [path for path, _ in index.parts if path != PATH]

    def entries(self) -> PlanStage:
        """Return the IXSCAN stage."""
        return self._expanded(super().entries())

    def counted(self) -> PlanStage:
        """Return the stage for a count of index entries."""
        return self._expanded(super().counted())

    def _expanded(self, stage: PlanStage) -> PlanStage:
        """Correct the fields of a stage that explain shows differently for a wildcard index, and return the stage."""
        index = self.index
        assert isinstance(index, ExpandedIndex), "the planner chose an expanded index"
        if "isMultiKey" in stage.shape:
            arrays = {path: index.array_paths if path == index.path else [] for path, _ in index.parts}
            stage.shape.update({"isMultiKey": bool(index.array_paths), "multiKeyPaths": arrays, "isSparse": True})
        return stage


def scan_of(
    collection: Collection, candidate: Candidate, match: Any, key_filter: Any = None, *, reverse: bool = False, covered: bool = False
) -> IndexedScan:
    """Return the plan node that scans a candidate's index.

    Arguments:
        (as in IndexedScan)
    """
    kind = WildcardScan if isinstance(candidate.index, ExpandedIndex) else IndexedScan
    return kind(collection, candidate.index, candidate.bounds, match, key_filter, reverse, covered)
