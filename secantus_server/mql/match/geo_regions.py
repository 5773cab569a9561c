"""The operators `$geoWithin` and `$geoIntersects`.

https://www.mongodb.com/docs/manual/reference/operator/query-geospatial/
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from secantus_server.bson import is_number
from secantus_server.bson.numbers import to_float
from secantus_server.errors import CommandError
from secantus_server.mql.describe import describe_element, describe_value
from secantus_server.mql.geo import (
    Box,
    Cap,
    Circle,
    FlatPolygon,
    Geometry,
    GeometryError,
    Position,
    intersects,
    parse_geometry,
    parse_position,
    parse_stored,
    within,
)
from secantus_server.mql.geo.coordinates import check_sphere
from secantus_server.mql.match._geo import GeoMatch
from secantus_server.mql.match._nodes import MatchExpression
from secantus_server.mql.match.registry import Clause

FlatRegion = Box | Circle | FlatPolygon
Region = FlatRegion | Cap | Geometry


def parse_region_match(clause: Clause) -> MatchExpression:
    """Parse `$geoWithin` or `$geoIntersects`. The field must not have any other operators."""
    operator = "$geoIntersects" if clause.name == "$geoIntersects" else "$geoWithin"
    others = [name for name in clause.siblings if name != clause.name]
    if others:
        raise CommandError(2, f"can't parse extra field: {describe_element(others[0], clause.siblings[others[0]])}")
    if type(clause.argument) is not dict:
        raise CommandError(2, f"{clause.name} requires an object, but received: {describe_value(clause.argument)}")
    try:
        region = _parse_specifiers(clause.argument)
    except GeometryError as error:
        raise CommandError(2, str(error)) from error
    if region is None or not _is_suitable(operator, region):
        name = "$geoIntersect" if operator == "$geoIntersects" else operator
        raise CommandError(2, f"{name} not supported with provided geometry: {describe_value(clause.argument)}")
    return GeoMatch(clause.path, operator, region, _test(operator, region), clause.argument)


def _parse_specifiers(spec: dict[str, Any]) -> Region | None:
    found: Region | None = None
    for name, argument in spec.items():
        if name == "$uniqueDocs":
            continue
        parser = REGIONS.get(name)
        if parser is None:
            raise GeometryError(f"unknown geo specifier: {describe_element(name, argument)}")
        if found is not None:
            raise GeometryError(f"can't parse extra field: {describe_element(name, argument)}")
        found = parser(argument)
    return found


def _is_suitable(operator: str, region: Region) -> bool:
    if operator == "$geoIntersects":
        return isinstance(region, Geometry)
    return not isinstance(region, Geometry) or region.kind in ("Polygon", "MultiPolygon")


def _test(operator: str, region: Region) -> Callable[[Any], bool]:
    if isinstance(region, (Box, Circle, FlatPolygon)):
        return lambda value: _is_in_plane(value, region)
    relation: Callable[[Geometry, Any], bool] = intersects if operator == "$geoIntersects" else within

    def test(value: Any) -> bool:
        geometry = parse_stored(value)
        return geometry is not None and _is_on_sphere(geometry) and relation(geometry, region)

    return test


def _is_in_plane(value: Any, region: FlatRegion) -> bool:
    """Return whether a region in the plane contains a value. It can only contain legacy pairs and GeoJSON points."""
    if type(value) is list and len(value) == 2 and type(value[0]) is float and type(value[1]) is float:
        # The fast path for most values, which are plain pairs of numbers.
        return math.isfinite(value[0]) and math.isfinite(value[1]) and region.contains((value[0], value[1]))
    geometry = parse_stored(value)
    return geometry is not None and geometry.kind == "Point" and region.contains(geometry.position)


def _is_on_sphere(geometry: Geometry) -> bool:
    """Return whether all positions of a geometry are valid longitudes and latitudes.

    This is always true for GeoJSON. A legacy pair may be out of bounds.
    """
    if not geometry.is_legacy:
        return True
    try:
        check_sphere(geometry.position)
    except GeometryError:
        return False
    return True


# ---------------------------------------------------------------- the regions


def _values(argument: Any, what: str) -> list[Any]:
    if type(argument) is dict:
        return list(argument.values())
    if type(argument) is not list:
        raise GeometryError(f"{what} must be an array or an object")
    return argument


def _parse_box(argument: Any) -> Region:
    corners = _values(argument, "$box")
    if len(corners) < 2:
        raise GeometryError("$box needs two corners")
    return Box(parse_position(corners[0], exact=True), parse_position(corners[1], exact=True))


def _parse_polygon(argument: Any) -> Region:
    corners = tuple(parse_position(corner, exact=True) for corner in _values(argument, "$polygon"))
    if len(corners) < 3:
        raise GeometryError("Polygon must have at least 3 points")
    return FlatPolygon(corners)


def _parse_circle(argument: Any, what: str) -> tuple[Position, float]:
    items = _values(argument, what)
    if len(items) != 2:
        raise GeometryError(f"{what} needs a center and a radius")
    center = parse_position(items[0], exact=True)
    if not is_number(items[1]) or not to_float(items[1]) >= 0:
        raise GeometryError("radius must be a non-negative number")
    return center, to_float(items[1])


def _parse_center(argument: Any) -> Region:
    return Circle(*_parse_circle(argument, "$center"))


def _parse_center_sphere(argument: Any) -> Region:
    center, radius = _parse_circle(argument, "$centerSphere")
    return Cap(check_sphere(center), radius)


REGIONS: dict[str, Callable[[Any], Region]] = {
    "$geometry": parse_geometry,
    "$box": _parse_box,
    "$polygon": _parse_polygon,
    "$center": _parse_center,
    "$centerSphere": _parse_center_sphere,
}
