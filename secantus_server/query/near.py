"""Plans for `$near` and `$nearSphere`, which require a geospatial index and sort by distance.

https://www.mongodb.com/docs/manual/reference/operator/query/near/

The index is searched in concentric rings around the point, from the inside out. The width of the first ring is estimated from the density
of index entries around the point.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from secantus_server.bson.numbers import INT64_MAX
from secantus_server.catalog.collection import Collection
from secantus_server.errors import CommandError
from secantus_server.exec.nearest import Intervals, Ring
from secantus_server.index._index import Index
from secantus_server.index.kinds.geo import GeoKind
from secantus_server.index.kinds.kind import IndexKind, all_kinds
from secantus_server.mql.match import And
from secantus_server.mql.match.geo_near import EARTH_RADIUS, NEAR, is_geojson
from secantus_server.query.bounds import EVERYTHING, FieldInterval, IndexBounds
from secantus_server.query.candidates import Conditions
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.geo import cell_intervals, field_intervals, holds_all_matches
from secantus_server.query.plan import Near
from secantus_server.query.predicates import conjuncts, has_index_component

NearKind: TypeAlias = IndexKind

# Added to both limits of a ring, in radians; greater than the rounding errors of distances.
_SLACK = 1e-7
# The number of documents that the first ring should contain if the query has no limit.
_FIRST = 100


def plan_near(collection: Collection, query: CanonicalQuery, near: Any, hinted: Index | None) -> Near:
    """Return the plan of a `$near` query. Its documents are sorted by distance unless the query has a sort.

    Raises:
        CommandError: 2 BadValue for the natural order, 291 NoQueryExecutionPlans if no index supports this type of distance.
    """
    if query.natural:
        raise CommandError(2, f"error processing query: ns={collection.namespace}: $near needs an index and cannot run with $natural")
    geojson = is_near_geojson(near)
    conditions = Conditions(query)
    plans = []
    for index in [hinted] if hinted is not None else collection.indexes:
        measures = index.kind.serves_near(spherical=near.spherical, geojson=geojson) and index.kind.locates(index.spec["key"], near.path)
        if measures and not index.hidden and holds_all_matches(index, conditions):
            plans.append(near_plan(collection, query, near, index))
    if plans:
        return next((plan for plan in plans if plan.search is not None), plans[0])
    raise CommandError(
        291,
        f"error processing query: ns={collection.namespace}: planner returned error"
        " :: caused by :: unable to find index for $geoNear query",
    )


def near_plan(collection: Collection, query: CanonicalQuery, near: Any, index: Index) -> Near:
    """Return the plan of a `$near` query that uses the given index. The index must support the query's type of distance."""
    others = [node for node in conjuncts(query.match) if node is not near]
    match = And(others) if len(others) > 1 else others[0] if others else None
    limit = min(query.skip + query.limit, INT64_MAX) if query.limit else 0
    return Near(collection, index, match, near, query.sort is None, limit, _search(index, query, near, limit))


def is_near_geojson(near: Any) -> bool:
    """Return whether the point of a `$near` is a GeoJSON point."""
    return is_geojson(next((value for name, value in near.spec.items() if name in NEAR), None))


def near_kinds() -> list[NearKind]:
    """Return the index kinds that support `$near`, in `$geoNear`'s order of preference."""
    return sorted((kind for kind in all_kinds() if kind.near_stage is not None), key=lambda kind: not kind.is_flat)


def _search(index: Index, query: CanonicalQuery, near: Any, limit: int) -> Callable[[], GrowingRings] | None:
    """Return a function that starts a search in rings, or None if the index cannot be searched in rings.

    A search in rings requires that all fields before the geometry field are bounded to points and that the path contains no array index.
    """
    if has_index_component(near.path):
        return None
    fields, _ = field_intervals(index, Conditions(query))
    place = [path for path, _ in index.parts].index(near.path)
    if not all(interval.is_point for before in fields[:place] for interval in before):
        return None
    return lambda: GrowingRings(index, near, fields, place, 2 * limit or _FIRST)


@dataclass
class GrowingRings:
    """The sequence of rings in a search by distance. The width grows faster while the rings contain few documents.

    Arguments:
        fields: the intervals of the index's fields.
        place: the position of the geometry field in the index.
        wanted: the number of documents that the first ring should contain.
    """

    index: Index
    near: Any
    fields: list[list[FieldInterval]]
    place: int
    wanted: int
    outer: float = field(default=0.0, init=False)
    width: float = field(default=0.0, init=False)

    @property
    def kind(self) -> GeoKind:
        """The kind of index that is searched."""
        assert isinstance(self.index.kind, GeoKind), "the index holds geometries"
        return self.index.kind

    @property
    def scale(self) -> float:
        """The factor that converts the index's unit to the query's unit of distance.

        For a GeoJSON point, it converts the index's radians to metres. Otherwise it is 1.
        """
        return EARTH_RADIUS if is_near_geojson(self.near) else 1.0

    def next(self, count: Callable[[Intervals, int], int], found: int) -> Ring:
        """Return the next ring.

        Arguments:
            count: a function that counts the index entries in some intervals, up to a maximum.
            found: the number of documents that the previous ring contained.
        """
        spec, near, scale = self.index.spec, self.near, self.scale
        slack = _SLACK if near.spherical else 0.0
        if self.width == 0.0:
            self.width = self._first_width(count)
            self.outer = max(0.0, near.min_distance / scale - slack)
        else:
            self.width *= 2 if found > self.wanted // 4 else 4
        inner, self.outer = self.outer, self.outer + self.width
        farthest = self.kind.farthest(spec, near)
        is_last = self.outer >= min(farthest, near.max_distance / scale)
        if is_last:
            self.outer = near.max_distance / scale if near.max_distance / scale < farthest else math.inf
        bounds = self._bounds(self.kind.ring(spec, near, max(0.0, inner - slack), self.outer + slack))
        return Ring(bounds, bounds.intervals, inner * scale, self.outer * scale, is_last)

    def _first_width(self, count: Callable[[Intervals, int], int]) -> float:
        """Estimate the radius of a circle around the point that contains the wanted number of documents.

        The estimate uses the density of entries in the smallest sampled cells that contain at least that number.
        """
        most = 8 * self.wanted
        radius, found = 1.0, self.wanted
        for nearby in self.kind.nearby(self.index.spec, self.near):
            radius, found = nearby.radius, count(self._bounds(nearby.ranges).intervals, most)
            if found >= self.wanted:
                break
        # The area of a square is 2 * radius**2 if `radius` is the distance from its center to its corners.
        return radius * math.sqrt(2 * self.wanted / (math.pi * max(found, self.wanted)))

    def _bounds(self, ranges: list[tuple[int, int]]) -> IndexBounds:
        fields = [*self.fields[: self.place], cell_intervals(self.index, ranges), *([EVERYTHING] for _ in self.fields[self.place + 1 :])]
        return IndexBounds(self.index.parts, fields)
