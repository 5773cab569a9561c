"""The parser of geometries, which are GeoJSON objects of all types or legacy coordinate pairs.

https://www.mongodb.com/docs/manual/reference/geojson/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_server.mql.geo.coordinates import GeometryError, Position, parse_position, parse_sphere_position
from secantus_server.mql.geo.planar import OUTSIDE
from secantus_server.mql.geo.shapes import Geometry, Line, Part, Point, Polygon
from secantus_server.mql.geo.sphere import Ring, edges_cross, is_on_edge, is_same, to_vector

STRICT = "urn:x-mongodb:crs:strictwinding:EPSG:4326"
SYSTEMS = ("urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326", STRICT)


def parse_geometry(value: Any) -> Geometry:
    """Parse the `$geometry` of a query, which is GeoJSON or a legacy pair of exactly two numbers on the sphere.

    Raises:
        GeometryError: if the value is not a valid geometry.
    """
    if type(value) is dict and ("type" in value or "coordinates" in value or "geometries" in value):
        return _parse_geojson(value)
    position = parse_position(value, exact=True)
    return Geometry("Point", (Point(parse_sphere_position(list(position))),), is_legacy=True)


def parse_stored(value: Any) -> Geometry | None:
    """Parse the value of a document's field as a geometry. Return None if it is not a geometry.

    A legacy pair may be beyond the limits of longitude and latitude.
    """
    try:
        if type(value) is dict and type(value.get("type")) is str:
            return _parse_geojson(value)
        return Geometry("Point", (Point(parse_position(value)),), is_legacy=True)
    except GeometryError:
        return None


def _parse_geojson(value: dict[str, Any]) -> Geometry:
    # MongoDB treats coordinates without a type as a Point.
    kind = value.get("type", "Point")
    if kind == "GeometryCollection":
        return Geometry(kind, _parse_collection(value))
    parser = PARSERS.get(kind) if type(kind) is str else None
    if parser is None:
        raise GeometryError(f"Unknown GeoJSON type: {kind}")
    strict = _parse_crs(value)
    if strict and kind != "Polygon":
        raise GeometryError("Strict winding order is only supported by polygon")
    if "coordinates" not in value:
        raise GeometryError("GeoJSON coordinates must be an array")
    return Geometry(kind, parser(value["coordinates"], strict))


def _parse_crs(value: dict[str, Any]) -> bool:
    """Parse the coordinate reference system of a GeoJSON object, and return whether it has strict winding.

    With strict winding, the order of a ring's corners determines which side is inside.
    """
    if "crs" not in value:
        return False
    crs = value["crs"]
    if type(crs) is not dict or crs.get("type") != "name":
        raise GeometryError('GeoJSON CRS must have field "type": "name"')
    properties = crs.get("properties")
    name = properties.get("name") if type(properties) is dict else None
    if name not in SYSTEMS:
        raise GeometryError(f"Unknown CRS name: {name}")
    return bool(name == STRICT)


def _parse_collection(value: dict[str, Any]) -> tuple[Part, ...]:
    geometries = value.get("geometries")
    if type(geometries) is not list or not geometries:
        raise GeometryError("GeometryCollection geometries must be a non-empty array")
    parts: list[Part] = []
    for geometry in geometries:
        if type(geometry) is not dict or geometry.get("type") == "GeometryCollection":
            raise GeometryError("GeometryCollections cannot be nested and must contain documents")
        parts.extend(_parse_geojson(geometry).parts)
    return tuple(parts)


def _items(value: Any, what: str, least: int) -> list[Any]:
    if type(value) is not list or len(value) < least:
        raise GeometryError(f"{what} coordinates must be an array with at least {least} elements")
    return value


def _parse_point(value: Any, _strict: bool) -> tuple[Part, ...]:
    return (Point(parse_sphere_position(value)),)


def _parse_multi_point(value: Any, _strict: bool) -> tuple[Part, ...]:
    return tuple(Point(parse_sphere_position(item)) for item in _items(value, "MultiPoint", 1))


def _parse_line(value: Any) -> Line:
    positions = _without_repeats([parse_sphere_position(item) for item in _items(value, "LineString", 2)])
    if len(positions) < 2:
        raise GeometryError("GeoJSON LineString must have at least 2 vertices")
    return Line(tuple(positions))


def _without_repeats(positions: list[Position]) -> list[Position]:
    return [position for index, position in enumerate(positions) if index == 0 or position != positions[index - 1]]


def _parse_line_string(value: Any, _strict: bool) -> tuple[Part, ...]:
    return (_parse_line(value),)


def _parse_multi_line(value: Any, _strict: bool) -> tuple[Part, ...]:
    return tuple(_parse_line(item) for item in _items(value, "MultiLineString", 1))


def _parse_polygon(value: Any, strict: bool) -> tuple[Part, ...]:
    rings = [_parse_ring(item, strict) for item in _items(value, "Polygon", 1)]
    if strict and len(rings) > 1:
        raise GeometryError("Only one simple loop is allowed in a big polygon")
    for hole in rings[1:]:
        _check_hole(rings[0], hole)
    return (Polygon(rings[0], tuple(rings[1:])),)


def _parse_multi_polygon(value: Any, _strict: bool) -> tuple[Part, ...]:
    return tuple(part for item in _items(value, "MultiPolygon", 1) for part in _parse_polygon(item, False))


def _parse_ring(value: Any, strict: bool) -> Ring:
    positions = [parse_sphere_position(item) for item in _items(value, "Polygon", 1)]
    if positions[0] != positions[-1]:
        raise GeometryError("Loop is not closed, first vertex does not equal last vertex")
    # Compare the corners as vectors, because at a pole all longitudes denote the same point.
    corners = [to_vector(position) for position in positions[:-1]]
    positions = [position for index, position in enumerate(positions[:-1]) if not is_same(corners[index], corners[index - 1])]
    if len(positions) < 3:
        raise GeometryError("Loop must have at least 3 different vertices")
    ring = Ring(positions, strict=strict)
    _check_ring(ring)
    return ring


def _check_ring(ring: Ring) -> None:
    edges = ring.edges()
    for i, (a, b) in enumerate(edges):
        for j in range(i + 1, len(edges)):
            if is_same(a, edges[j][0]):
                raise GeometryError(f"Loop is not valid: Duplicate vertices: {i} and {j}")
            if edges_cross(a, b, *edges[j]):
                raise GeometryError(f"Loop is not valid: Edges {i} and {j} cross")


def _check_hole(outer: Ring, hole: Ring) -> None:
    if any(outer.locate(corner) == OUTSIDE for corner in hole.corners):
        raise GeometryError("Secondary loops not contained by first exterior loop - secondary loops must be holes")
    for a, b in hole.edges():
        for c, d in outer.edges():
            if edges_cross(a, b, c, d) or (is_on_edge(a, c, d) and is_on_edge(b, c, d)):
                raise GeometryError("Secondary loops not contained by first exterior loop - secondary loops must be holes")


PARSERS: dict[str, Callable[[Any, bool], tuple[Part, ...]]] = {
    "Point": _parse_point,
    "MultiPoint": _parse_multi_point,
    "LineString": _parse_line_string,
    "MultiLineString": _parse_multi_line,
    "Polygon": _parse_polygon,
    "MultiPolygon": _parse_multi_polygon,
}
