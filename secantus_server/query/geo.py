"""Candidates for geospatial indexes, which translate `$geoWithin` and `$geoIntersects` to ranges of cells.

https://www.mongodb.com/docs/manual/core/indexes/index-types/geospatial/2dsphere/

The cells cover the whole region, so no match is missed. Because they may also cover points outside, the filter is applied to the
documents again.
"""

from __future__ import annotations

from typing import Any

from secantus_server.index._index import Index
from secantus_server.index.kinds.geo import ELSEWHERE, GeoKind, cell_key
from secantus_server.mql.collation import parse_collation
from secantus_server.mql.geo.covering import Range
from secantus_server.mql.match import GeoMatch
from secantus_server.query.bounds import EVERYTHING, End, FieldInterval, IndexBounds, intersect, is_everything
from secantus_server.query.candidates import Candidate, Conditions, Used, cheap_first, points_first
from secantus_server.query.implication import implies
from secantus_server.query.predicates import has_index_component, mentions_text


class CellEnd(End):
    """An endpoint of a range of cells, with its text for explain."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return self.text


def geo_candidate(index: Index, conditions: Conditions, *, forced: bool) -> Candidate | None:
    """Return the candidate for a geospatial index, or None if the index cannot serve the query. The query must not contain `$near`.

    Arguments:
        forced: whether the index is hinted and must therefore be used even if it misses matches.
    """
    if not forced and not holds_all_matches(index, conditions):
        return None
    fields, is_located = field_intervals(index, conditions)
    if not forced and (not is_located or is_everything(fields[0])):
        return None
    bounds = IndexBounds(index.parts, fields)
    fixed = next((number for number, found in enumerate(fields) if not all(interval.is_point for interval in found)), len(fields))
    bounded = fixed < len(fields) and not is_everything(fields[fixed])
    return Candidate(index, bounds, cheap_first(conditions.query.match), None, fixed, bounded, 0, False)


def is_geospatial(index: Index) -> bool:
    """Return whether an index is geospatial."""
    return isinstance(index.kind, GeoKind)


def holds_all_matches(index: Index, conditions: Conditions) -> bool:
    """Return whether the index contains every document that matches the query. The query must have a geospatial predicate on the index."""
    if index.partial_filter is None:
        return True
    collation = parse_collation(index.spec.get("collation"))
    if not (collation is None and conditions.query.context.collation is None) and any(map(mentions_text, conditions.nodes)):
        return False
    return implies(conditions.nodes, index.partial_filter)


def field_intervals(index: Index, conditions: Conditions) -> tuple[list[list[FieldInterval]], bool]:
    """Return the intervals of each index field, and whether the region of a predicate bounds a geometry field."""
    collation = parse_collation(index.spec.get("collation"))
    by_path = conditions.by_path(collation, collation == conditions.query.context.collation)
    fields: list[list[FieldInterval]] = []
    is_located = False
    for path, _ in index.parts:
        if index.kind.locates(index.spec["key"], path):
            found = _located(index, path, conditions.nodes)
            is_located = is_located or found is not None
            fields.append(found or [EVERYTHING])
        else:
            fields.append(_ordinary(index, by_path.get(path, [])))
    return fields, is_located


def _located(index: Index, path: str, nodes: list[Any]) -> list[FieldInterval] | None:
    """Return the intervals of the cells that cover the region of a predicate on a geometry field. Return None if no predicate has a
    region.
    """
    kind = index.kind
    assert isinstance(kind, GeoKind), "the field holds geometries"
    for node in nodes:
        # A predicate interprets `a.0` as an element of an array, but the index interprets it as the field "0".
        if type(node) is GeoMatch and node.path == path and not has_index_component(path):
            ranges = kind.cover(index.spec, node)
            if ranges is not None:
                return cell_intervals(index, ranges)
    return None


def cell_intervals(index: Index, ranges: list[Range]) -> list[FieldInterval]:
    """Convert ranges of cell numbers to intervals of cell keys."""
    kind = index.kind
    assert isinstance(kind, GeoKind), "the index has cells"
    found = []
    for low, high in ranges:
        start = CellEnd(kind.shown(low))
        found.append(FieldInterval(cell_key(low), True, cell_key(high), True, start, start if low == high else CellEnd(kind.shown(high))))
    if index.multikey and kind.is_flat:
        beyond = CellEnd("beyond the limits")
        found.append(FieldInterval(ELSEWHERE + bytes(8), True, ELSEWHERE + bytes(8), True, beyond, beyond))
    return found


def _ordinary(index: Index, used: Used) -> list[FieldInterval]:
    """Return the intervals of an index field that contains no geometries.

    In a multikey index, only one predicate can bound the field, because different elements of an array may satisfy two predicates. A
    geospatial index is multikey only if a document has several keys, so an array may escape from the bounds of an index that is not.
    """
    used = [one for one in used if not one[0].escapes]
    if index.multikey:
        used = sorted(used, key=points_first)[:1]
    found: list[FieldInterval] = [EVERYTHING]
    for number, (predicate, _) in enumerate(used):
        found = predicate.intervals if number == 0 else intersect(found, predicate.intervals)
    return found
