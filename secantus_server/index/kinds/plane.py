"""The 2d index on pairs of coordinates in the plane.

https://www.mongodb.com/docs/manual/core/indexes/index-types/geospatial/2d/
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from secantus_server.bson.numbers import python_number
from secantus_server.bson.shell import document_text
from secantus_server.errors import CommandError
from secantus_server.index.kinds.geo import ELSEWHERE, CellKeys, GeoKind, Nearby, cell_key
from secantus_server.index.kinds.kind import register
from secantus_server.index.kinds.wildcard import check_wildcard_fields
from secantus_server.mql.geo import Geometry, GeometryError, parse_position, parse_stored
from secantus_server.mql.geo.covering import MOST_OF_REGION, MOST_OF_RING, Range
from secantus_server.mql.geo.quads import Grid, Rectangles, Ring, cap_rectangles, off_the_sphere, region_of
from secantus_server.mql.match import GeoMatch, GeoNear
from secantus_server.version import Release

DEFAULT_BOUND = 180.0
DEFAULT_BITS = 26
MAX_BITS = 32
# The levels of the squares that are used to estimate the density of the entries.
_LEVELS = range(26, -1, -2)
_ELSEWHERE_KEY = ELSEWHERE + bytes(8)


class Plane(GeoKind):
    """The index kind of indexes whose first field contains positions in the plane."""

    name = "2d"
    options = MappingProxyType({"bits": "number", "min": "number", "max": "number", "bucketSize": "number"})
    has_collations = False
    may_expire = True
    near_stage = "GEO_NEAR_2D"
    is_flat = True

    def check(self, spec: dict[str, Any]) -> None:
        """Reject a definition with a wildcard, with `unique`, with a second 2d field, or with a 2d field that is not the first field.

        Raises:
            CommandError: 67 CannotCreateIndex, 16800, 16801.
        """
        check_wildcard_fields(spec["key"])
        located = self.located(spec["key"])
        if located[0] != next(iter(spec["key"])):
            raise CommandError(16801, f"The field of positions must be the first of a 2d index: put '{located[0]}' first")
        if len(located) > 1:
            raise CommandError(16800, f"A 2d index has only one field of positions: leave out '{located[1]}'")
        if spec.get("unique"):
            raise CommandError(67, "Currently 2d indexes cannot guarantee uniqueness. Use a regular index.")

    def check_in_time_series(self, *, is_meta: bool) -> None:
        """Reject a 2d index on a measurement field. Only metadata fields of a time series may have one.

        Raises:
            CommandError: 67 CannotCreateIndex.
        """
        if not is_meta:
            raise CommandError(67, "2d indexes are only supported on the metadata of time-series collections")

    def complete(self, spec: dict[str, Any], release: Release) -> dict[str, Any]:
        """Validate the options `bits`, `min` and `max`, and return the definition unchanged.

        Raises:
            CommandError: 72 InvalidOptions for an invalid number of bits, or if `min` is not less than `max`.
        """
        bits = spec.get("bits", DEFAULT_BITS)
        if not 1 <= python_number(bits) <= MAX_BITS:
            raise CommandError(72, f"bits for 2d index must be > 0 and <= {MAX_BITS}, but {bits} was specified")
        low, high = float(python_number(spec.get("min", -DEFAULT_BOUND))), float(python_number(spec.get("max", DEFAULT_BOUND)))
        if not low < high:
            raise CommandError(72, f"region for 2d index must have an area: min {low:g} must be less than max {high:g}")
        return spec

    def listed(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Return the definition with `min` and `max` converted to doubles."""
        return {option: float(python_number(value)) if option in ("min", "max") else value for option, value in spec.items()}

    def cell_keys(self, spec: dict[str, Any]) -> CellKeys:
        """Return a function that maps a position, or an array of positions, to the keys of the squares that contain the positions.

        The function raises CommandError for a position outside the index's limits.
        """
        grid = grid_of(spec)
        return lambda value, document, _path: _keys(value, document, grid)

    def serves_near(self, *, spherical: bool, geojson: bool) -> bool:
        """Return whether distances are measured from a pair of legacy coordinates. A 2d index supports them both in the plane and on the
        sphere.
        """
        return not geojson

    def cover(self, spec: dict[str, Any], node: GeoMatch) -> list[Range] | None:
        """Return the squares that cover a region, or None for a GeoJSON geometry, which this index cannot serve."""
        return None if isinstance(node.region, Geometry) else grid_of(spec).cover(region_of(node.region), MOST_OF_REGION)

    def ring(self, spec: dict[str, Any], near: GeoNear, inner: float, outer: float) -> list[Range]:
        """Return the squares that may contain positions between two distances from a point."""
        grid = grid_of(spec)
        if near.spherical:
            return grid.cover(Rectangles([*cap_rectangles(near.point, outer), *off_the_sphere()]), MOST_OF_RING)
        return grid.cover(Ring(near.point, inner, outer), MOST_OF_RING)

    def farthest(self, spec: dict[str, Any], near: GeoNear) -> float:
        """Return an upper bound on the distance from the point to any indexed position.

        On the sphere, this is half the circumference. In the plane, it is the distance to the farthest corner of the index's limits.
        """
        if near.spherical:
            return math.pi
        grid = grid_of(spec)
        return max(math.dist(near.point, (x, y)) for x in (grid.low, grid.high) for y in (grid.low, grid.high))

    def nearby(self, spec: dict[str, Any], near: GeoNear) -> Iterator[Nearby]:
        """Yield samples of increasingly large squares around a point, for an estimate of the entries' density."""
        grid = grid_of(spec)
        for level in _LEVELS:
            found, radius = grid.around(near.point, level)
            yield Nearby([found], math.radians(radius) if near.spherical else radius)

    def shown(self, number: int) -> str:
        """Return a square's number in explain's format."""
        return f"BinData(128, {number:016X})"


def grid_of(spec: dict[str, Any]) -> Grid:
    """Return the grid of squares that a 2d index uses.

    Arguments:
        spec: the stored definition.
    """
    low, high = (float(python_number(spec.get(name, bound))) for name, bound in (("min", -DEFAULT_BOUND), ("max", DEFAULT_BOUND)))
    return Grid(low, high, int(python_number(spec.get("bits", DEFAULT_BITS))))


def _keys(value: Any, document: dict[str, Any], grid: Grid) -> list[bytes]:
    if type(value) is list and len(value) == 2 and type(value[0]) in (float, int) and type(value[1]) in (float, int):
        # The fast path for most documents, in which the value is a plain pair of numbers.
        return [cell_key(grid.hash_of(_position(value, document, grid)))]
    found = {cell_key(grid.hash_of(_position(pair, document, grid))) for pair in _pairs(value)}
    # A predicate is also evaluated on the value as a whole and on each element of an array, so these positions need keys even if they are
    # not indexed as a pair.
    for inner in [value, *value] if type(value) is list else [value]:
        if type(inner) in (list, dict):
            found.update(_seen_by_predicates(inner, grid))
    return list(found)


def _position(pair: Any, document: dict[str, Any], grid: Grid) -> tuple[float, float]:
    try:
        position = parse_position(pair)
    except GeometryError:
        raise CommandError(16804, "location object expected, location array not in correct format") from None
    if not grid.holds(position):
        text = f"point not in interval of [ {grid.low:g}, {grid.high:g} ] :: caused by :: {document_text(document)}"
        raise CommandError(13027, text)
    return position


def _seen_by_predicates(value: Any, grid: Grid) -> list[bytes]:
    geometry = parse_stored(value)
    if geometry is None:
        return []
    if geometry.kind == "Point" and grid.holds(geometry.position):
        return [cell_key(grid.hash_of(geometry.position))]
    return [_ELSEWHERE_KEY]


def _pairs(value: Any) -> list[Any]:
    """Return a value's pairs of coordinates. The value is a single pair or an array of pairs."""
    if type(value) is list and value and type(value[0]) in (list, dict):
        return value
    return [] if value == [] else [value]


register(Plane())
