"""Parsing of `$geoNear`'s argument.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/geoNear/#fields
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from secantus_server.bson import encode, is_number, type_name
from secantus_server.bson.numbers import to_float
from secantus_server.errors import CommandError
from secantus_server.mql.expressions import Expression, parse_expression, truthy
from secantus_server.mql.expressions._nodes import Constant, FieldPath, Root
from secantus_server.pipeline.arguments import NUMBERS, check_path, check_type
from secantus_server.pipeline.context import PipelineContext

OPTIONS = frozenset(
    ["near", "distanceField", "key", "spherical", "minDistance", "maxDistance", "query", "distanceMultiplier", "includeLocs"]
)
REMOVED = {"limit": 50858, "num": 50857, "start": 50856, "uniqueDocs": 2}
EMPTY_DOCUMENT = encode({})
MAX_DEPTH = 199
MAX_KEY_DEPTH = 180
FLAT_BOUND = 180


@dataclass(frozen=True)
class GeoNearSpec:
    """The parsed argument of a `$geoNear`.

    Arguments:
        near: the expression of the point; it may read variables but not fields.
        limits: the minimum and maximum distance, keyed by `$minDistance` and `$maxDistance`.
        spherical: whether distances to legacy coordinates are measured on the sphere.
        key: the path to search, or None.
        query: the additional filter.
        multiplier: the factor by which the returned distances are multiplied.
        distance_field, location_field: the output fields for the distance and the location, or None.
    """

    near: Expression
    limits: dict[str, Expression]
    spherical: bool
    key: str | None
    query: dict[str, Any]
    multiplier: float
    distance_field: str | None
    location_field: str | None

    def point(self) -> Any:
        """Evaluate `near` and return the point. The caller must have bound the variables.

        Raises:
            CommandError: 5860401 for a value that is neither a document nor an array, 16433 for a flat point out of bounds.
        """
        point = self.near.evaluate(EMPTY_DOCUMENT)
        if type(point) not in (dict, list):
            raise CommandError(5860401, f"$geoNear requires near to be of type array or object, but found {type_name(point)}")
        if type(point) is list and len(point) > 3:
            raise CommandError(2, "Point must only contain two numeric elements")
        if not is_geojson(point) and not self.spherical:
            _check_flat(list(point.values()) if type(point) is dict else point)
        return point

    def condition(self, point: Any) -> dict[str, Any]:
        """Return the condition of a filter that finds the documents near the point."""
        # Unlike the query operators, the stage accepts infinite distances.
        distances = {name: _distance(name, expression.evaluate(EMPTY_DOCUMENT)) for name, expression in self.limits.items()}
        limits = {name: min(distance, sys.float_info.max) for name, distance in distances.items()}
        if is_geojson(point):
            return {"$nearSphere": {"$geometry": point, **limits}}
        return {"$nearSphere" if self.spherical else "$near": point, **limits}


def is_geojson(point: Any) -> bool:
    """Return whether a point is a GeoJSON object, as opposed to a pair of legacy coordinates."""
    return type(point) is dict and ("type" in point or "coordinates" in point)


def parse_geo_near(spec: Any, ctx: PipelineContext) -> GeoNearSpec:
    """Parse the argument of `$geoNear`.

    Raises:
        CommandError: 10065 if the argument is not a document, 5860400 if `near` is missing, and the errors of each option.
    """
    if type(spec) is not dict and type(spec) is not list:
        raise CommandError(10065, f"invalid parameter: expected an object ($geoNear), found {type_name(spec)}")
    options = spec if type(spec) is dict else {}
    for name in options:
        if name in REMOVED:
            raise CommandError(REMOVED[name], f"$geoNear no longer supports the '{name}' argument.")
        if name not in OPTIONS:
            raise CommandError(2, f"Unknown argument to $geoNear: {name}")
    if "near" not in options:
        raise CommandError(5860400, "$geoNear requires a 'near' argument")
    limits = {f"${name}": _constant(options[name], name, ctx) for name in ("minDistance", "maxDistance") if name in options}
    return GeoNearSpec(
        _parse_near(options["near"], ctx),
        limits,
        truthy(options.get("spherical", False)),
        _parse_key(options["key"]) if "key" in options else None,
        _parse_query(options.get("query", {})),
        _parse_multiplier(options.get("distanceMultiplier", 1)),
        _parse_field("distanceField", 16606, options["distanceField"]) if "distanceField" in options else None,
        _parse_field("includeLocs", 16607, options["includeLocs"]) if "includeLocs" in options else None,
    )


def _reads_fields(expression: Expression) -> bool:
    return isinstance(expression, (FieldPath, Root)) or any(map(_reads_fields, expression.children()))


def _parse_near(spec: Any, ctx: PipelineContext) -> Expression:
    expression = parse_expression(spec, ctx.parse)
    if _reads_fields(expression):
        raise CommandError(5860402, "$geoNear requires a constant near argument")
    if isinstance(expression, Constant) and type(expression.value) not in (dict, list):
        raise CommandError(5860401, f"$geoNear requires near to be of type array or object, but found {type_name(expression.value)}")
    return expression


def _constant(spec: Any, name: str, ctx: PipelineContext) -> Expression:
    expression = parse_expression(spec, ctx.parse)
    if _reads_fields(expression):
        raise CommandError(7555701 if name == "minDistance" else 7555702, f"$geoNear requires a constant {name} argument")
    if isinstance(expression, Constant):
        _distance(f"${name}", expression.value)
    return expression


def _distance(name: str, value: Any) -> Any:
    check_type(f"$geoNear.{name[1:]}", value, NUMBERS)
    number = to_float(value)
    if not number >= 0:
        raise CommandError(2, f"{name[1:]} must be non-negative")
    return number


def _parse_key(key: Any) -> str:
    if type(key) is not str:
        raise CommandError(14, f"$geoNear parameter 'key' must be of type string but found type: {type_name(key)}")
    if not key:
        raise CommandError(2, "$geoNear parameter 'key' cannot be the empty string")
    if len(check_path(key)) > MAX_KEY_DEPTH:
        raise CommandError(5729100, "$geoNear parameter 'key' is nested too deeply")
    return key


def _parse_query(query: Any) -> dict[str, Any]:
    if type(query) is not dict:
        raise CommandError(14, f"$geoNear parameter 'query' must be an object but found type: {type_name(query)}")
    return query


def _parse_multiplier(value: Any) -> float:
    check_type("$geoNear.distanceMultiplier", value, NUMBERS)
    number = to_float(value)
    if not number >= 0:
        raise CommandError(2, "$geoNear parameter 'distanceMultiplier' must be non-negative")
    return number


def _parse_field(name: str, code: int, path: Any) -> str:
    if type(path) is not str:
        raise CommandError(code, f"$geoNear parameter '{name}' must be of type string but found type: {type_name(path)}")
    if len(check_path(path)) > MAX_DEPTH:
        raise CommandError(5984700, f"$geoNear parameter '{name}' is nested too deeply")
    return path


def _check_flat(point: list[Any]) -> None:
    """Raise if a point of legacy coordinates is outside the bounds of a 2d index."""
    for number in point[:2]:
        if is_number(number) and not -FLAT_BOUND <= to_float(number) <= FLAT_BOUND:
            raise CommandError(16433, f"point not in interval of [ -{FLAT_BOUND}, {FLAT_BOUND} ]")
