"""The 2dsphere index on geometries on the sphere.

https://www.mongodb.com/docs/manual/core/indexes/index-types/geospatial/2dsphere/
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from secantus_server.bson.numbers import python_number
from secantus_server.differences import SPHERE_INDEX_VERSION
from secantus_server.errors import CommandError
from secantus_server.index.kinds.geo import CellKeys, GeoKind, Nearby, cell_key
from secantus_server.index.kinds.geo_errors import key_error
from secantus_server.index.kinds.kind import register
from secantus_server.index.kinds.wildcard import check_wildcard_fields
from secantus_server.mql.geo import Cap, Geometry, GeometryError, parse_geometry, parse_position, parse_stored
from secantus_server.mql.geo._cells import cap_of, leaf_of, leaf_of_position, parent_of, range_of
from secantus_server.mql.geo.covering import Range, document_cells, ranges_of, region_cells, ring_cells
from secantus_server.mql.geo.geojson import STRICT
from secantus_server.mql.geo.sphere import to_vector
from secantus_server.mql.match import GeoMatch, GeoNear, MatchExpression
from secantus_server.version import Release

LATEST_VERSION = 4
# The levels of the cells that are used to estimate the density of the entries. The cells of the first level measure about 10 m, those of
# each later level four times as much.
_LEVELS = range(20, -1, -2)


class Sphere(GeoKind):
    """The index kind of indexes with one or more fields that contain geometries on the sphere."""

    name = "2dsphere"
    options = MappingProxyType({"2dsphereIndexVersion": "number"})
    may_expire = True
    near_stage: str | None = "GEO_NEAR_2DSPHERE"

    def check(self, spec: dict[str, Any]) -> None:
        """Reject a definition with a wildcard.

        Raises:
            CommandError: 67 CannotCreateIndex.
        """
        check_wildcard_fields(spec["key"])

    def complete(self, spec: dict[str, Any], release: Release) -> dict[str, Any]:
        """Return the definition with `2dsphereIndexVersion` set.

        Raises:
            CommandError: 67 CannotCreateIndex for an unknown version.
        """
        latest = LATEST_VERSION if release.has(SPHERE_INDEX_VERSION) else LATEST_VERSION - 1
        version = spec.get("2dsphereIndexVersion", latest)
        if not 1 <= python_number(version) <= latest:
            known = ",".join(map(str, range(1, latest + 1)))
            raise CommandError(67, f"unsupported geo index version {{ 2dsphereIndexVersion: {version} }}, only support versions: [{known}]")
        return {**spec, "2dsphereIndexVersion": version}

    def membership(self, spec: dict[str, Any]) -> MatchExpression | None:
        """Return a filter for the documents that the index contains, or None if it contains all documents.

        Only a version 1 index that is not sparse contains all documents.
        """
        is_full = python_number(spec.get("2dsphereIndexVersion", LATEST_VERSION)) < 2 and not spec.get("sparse")
        return None if is_full else super().membership(spec)

    def cell_keys(self, spec: dict[str, Any]) -> CellKeys:
        """Return a function that maps a geometry to the keys of the cells that cover it.

        The function raises CommandError for a value that is not a geometry.
        """
        return _keys

    def serves_near(self, *, spherical: bool, geojson: bool) -> bool:
        """Return whether distances are measured on the sphere."""
        return spherical or geojson

    def cover(self, spec: dict[str, Any], node: GeoMatch) -> list[Range] | None:
        """Return the cells that cover a region, or None for a shape in the plane, which this index cannot serve."""
        region = node.region
        return ranges_of(region_cells(region)) if isinstance(region, Geometry | Cap) else None

    def ring(self, spec: dict[str, Any], near: GeoNear, inner: float, outer: float) -> list[Range]:
        """Return the cells that may contain geometries between two distances from a point. The distances are in radians."""
        return ranges_of(ring_cells(to_vector(near.point), inner, outer))

    def farthest(self, spec: dict[str, Any], near: GeoNear) -> float:
        """Return the greatest possible distance on the sphere."""
        return math.pi

    def nearby(self, spec: dict[str, Any], near: GeoNear) -> Iterator[Nearby]:
        """Yield samples of increasingly large cells around a point, for an estimate of the entries' density."""
        leaf = leaf_of(to_vector(near.point))
        for level in _LEVELS:
            cell = parent_of(leaf, level)
            yield Nearby([range_of(cell)], cap_of(cell)[1])


def _keys(value: Any, document: dict[str, Any], path: str) -> list[bytes]:
    try:
        return geometry_keys(value)
    except GeometryError as error:
        raise key_error(document, path, value, error) from None


def geometry_keys(value: Any) -> list[bytes]:
    """Return the keys of the cells that cover a geometry.

    Raises:
        GeometryError: if the value cannot be indexed.
    """
    leaf = _leaf_of_plain_point(value)
    if leaf is not None:
        return [cell_key(leaf)]
    if type(value) is dict and "coordinates" in value and "type" not in value:
        # Only queries accept `coordinates` without `type` as a point. Without `type`, an indexed value must be a legacy pair.
        parse_position(value)
    geometry = parse_geometry(value)
    if type(value) is dict and _is_big(value):
        raise GeometryError("big polygons cannot be indexed")
    cells = document_cells(geometry)
    if type(value) is dict and type(value.get("type")) is not str:
        # The value is also covered as a pair of coordinates, because predicates may interpret its first two fields as one.
        other = parse_stored(value)
        cells |= document_cells(other) if other is not None else set()
    return [cell_key(cell) for cell in cells]


def _leaf_of_plain_point(value: Any) -> int | None:
    """Return the smallest cell that contains a point of the common form `{type: "Point", coordinates: [x, y]}`.

    Return None for any other value, even if it is a valid geometry.
    """
    if type(value) is not dict or len(value) != 2 or value.get("type") != "Point":
        return None
    pair = value.get("coordinates")
    if type(pair) is not list or len(pair) != 2:
        return None
    x, y = pair
    numbers = type(x) in (float, int) and type(y) in (float, int)
    # The comparisons are false for NaN.
    return leaf_of_position(x, y) if numbers and -180 <= x <= 180 and -90 <= y <= 90 else None


def _is_big(geometry: dict[str, Any]) -> bool:
    """Return whether a parsed geometry is a big polygon, whose interior is determined by the order of its corners."""
    return "crs" in geometry and geometry["crs"]["properties"]["name"] == STRICT


register(Sphere())
