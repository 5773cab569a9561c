"""The operators `$near` and `$nearSphere`, with `$minDistance` and `$maxDistance`.

https://www.mongodb.com/docs/manual/reference/operator/query/near/

A filter may contain only one of these operators, and every result must satisfy it. Therefore the operator is not allowed inside `$or`,
`$nor`, `$not` or `$elemMatch`. The query requires a geospatial index, and its results are sorted by distance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from secantus_server.bson import is_number
from secantus_server.bson.numbers import to_float
from secantus_server.errors import CommandError
from secantus_server.mql.describe import describe_document, describe_element
from secantus_server.mql.geo import Geometry, GeometryError, Position, distance, parse_geometry, parse_position, parse_stored
from secantus_server.mql.geo.coordinates import check_sphere
from secantus_server.mql.geo.sphere import to_vector
from secantus_server.mql.match._geo import GeoNear
from secantus_server.mql.match._nodes import MatchExpression
from secantus_server.mql.match.registry import Clause

EARTH_RADIUS = 6378100.0

NEAR = ("$near", "$nearSphere", "$geoNear")
LIMITS = ("$minDistance", "$maxDistance")


@dataclass(frozen=True)
class Codes:
    """The error codes for an invalid distance. GeoJSON and legacy coordinates have different codes.

    Arguments:
        wrong_type: the code for a distance that is not a number.
        negative: the code for a negative distance.
    """

    wrong_type: int
    negative: int


GEOJSON_CODES = {"$minDistance": Codes(2, 2), "$maxDistance": Codes(2, 2)}
LEGACY_CODES = {"$minDistance": Codes(16893, 16894), "$maxDistance": Codes(16895, 16896)}


def parse_near(clause: Clause) -> MatchExpression:
    """Parse `$near` or `$nearSphere`, which measure distances from a GeoJSON point or from legacy coordinates.

    A GeoJSON point is either specified as `$near: {$geometry: ...}`, or directly in place of legacy coordinates. In the second form, the
    limits of the distance are specified next to the operator. Distances from a GeoJSON point are in metres.
    """
    _check_place(clause)
    argument = clause.argument
    try:
        if type(argument) is dict and "$geometry" in argument:
            return _parse_geojson_near(clause)
        return _parse_legacy_near(clause)
    except GeometryError as error:
        raise CommandError(2, f"invalid point in geo near query {describe_element(clause.name, argument)}: {error}") from error


def _check_place(clause: Clause) -> None:
    if not clause.scope.conjunctive:
        raise CommandError(2, "geo $near must be top-level expr")
    if "$text" in clause.scope.near:
        raise CommandError(2, "text and geoNear not allowed in same query")
    if clause.scope.near:
        raise CommandError(2, "Too many geoNear expressions")
    clause.scope.near.append(clause.name)
    metadata = clause.scope.ctx.metadata
    if metadata is not None:
        metadata.available |= {"geoNearDistance", "geoNearPoint"}
    if sum(name in NEAR for name in clause.siblings) > 1 or "$geoIntersects" in clause.siblings or "$geoWithin" in clause.siblings:
        raise CommandError(2, f"can't parse extra field: {describe_document(clause.siblings)}")


def _parse_geojson_near(clause: Clause) -> MatchExpression:
    for name in clause.siblings:
        if name != clause.name:
            raise CommandError(34413, f"geo near accepts just one argument when querying for a GeoJSON point. Extra field found: {name}")
    for name, value in clause.argument.items():
        if name not in ("$geometry", *LIMITS):
            raise CommandError(2, f"invalid argument in geo near query: {describe_element(name, value)}")
    return _geojson_near(clause, clause.argument["$geometry"], clause.argument, GEOJSON_CODES)


def _geojson_near(clause: Clause, point: Any, limits: dict[str, Any], codes: dict[str, Codes]) -> MatchExpression:
    """Return the node for a `$near` with a GeoJSON point. The node's distances are in metres on the sphere."""
    geometry = parse_geometry(point)
    if geometry.kind != "Point":
        raise GeometryError("the point must be a GeoJSON Point")
    low, high = (_parse_limit(name, limits, codes) for name in LIMITS)
    position = geometry.position
    return GeoNear(clause.path, position, True, low, high, _measure_sphere(position, EARTH_RADIUS), clause.siblings)


def is_geojson(argument: Any) -> bool:
    """Return whether the argument of `$near` or `$nearSphere` is a GeoJSON point, either in `$geometry` or directly.

    A document whose first value is a number is a pair of legacy coordinates, regardless of its field names.
    """
    if type(argument) is not dict or not argument or is_number(next(iter(argument.values()))):
        return False
    return "$geometry" in argument or "type" in argument or "coordinates" in argument


def _parse_legacy_near(clause: Clause) -> MatchExpression:
    for name, value in clause.siblings.items():
        if name not in (clause.name, *LIMITS, "$uniqueDocs"):
            raise CommandError(34413, f"invalid argument in geo near query: {describe_element(name, value)}")
    limits = clause.siblings if type(clause.argument) is not dict else {**clause.argument, **clause.siblings}
    if is_geojson(clause.argument):
        return _geojson_near(clause, clause.argument, limits, LEGACY_CODES)
    low, high = (_parse_limit(name, limits, LEGACY_CODES) for name in LIMITS)
    position = parse_position(clause.argument)
    if clause.name == "$nearSphere":
        return GeoNear(clause.path, check_sphere(position), True, low, high, _measure_sphere(position, 1.0), clause.siblings)
    return GeoNear(clause.path, position, False, low, high, _measure_plane(position), clause.siblings)


def parse_limit(clause: Clause) -> MatchExpression | None:
    """Check that `$minDistance` or `$maxDistance` is specified next to `$near` or `$nearSphere`, whose parser handles the value."""
    if not any(name in NEAR for name in clause.siblings):
        raise CommandError(2, f"{clause.name} must follow $near or $nearSphere")
    return None


def _parse_limit(name: str, spec: dict[str, Any], codes: dict[str, Codes]) -> float:
    if name not in spec:
        return 0.0 if name == "$minDistance" else math.inf
    if not is_number(spec[name]):
        raise CommandError(codes[name].wrong_type, f"{name} must be a number")
    number = to_float(spec[name])
    if not number >= 0 or (math.isinf(number) and (codes is GEOJSON_CODES or type(spec[name]) is not float)):
        raise CommandError(codes[name].negative, f"{name} must be non-negative")
    return number


def _measure_sphere(position: Position, radius: float) -> Callable[[Any], float | None]:
    point = to_vector(position)

    def measure(value: Any) -> float | None:
        geometry = parse_stored(value)
        return None if geometry is None else distance(geometry, point) * radius

    return measure


def _measure_plane(position: Position) -> Callable[[Any], float | None]:
    def measure(value: Any) -> float | None:
        geometry: Geometry | None = parse_stored(value)
        if geometry is None or geometry.kind != "Point":
            return None
        return math.dist(position, geometry.position)

    return measure
