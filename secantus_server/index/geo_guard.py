"""What a geo index demands of the documents of its collection.

Geo indexes keep no entries yet, but they refuse what cannot be indexed, as MongoDB's do.
https://www.mongodb.com/docs/manual/core/indexes/index-types/index-geospatial/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from secantus_server.bson import decode
from secantus_server.bson.shell import document_text
from secantus_server.errors import CommandError
from secantus_server.mql.geo import GeometryError, parse_geometry, parse_position
from secantus_server.mql.geo.geojson import STRICT
from secantus_server.mql.walk import values_at

DEFAULT_BOUND = 180.0

Guard = Callable[[bytes], None]


def geo_guard(spec: dict[str, Any]) -> Guard | None:
    """A function that refuses documents which an index cannot hold; None for an index that holds all.

    Arguments:
        spec: the index's definition.
    """
    sphere = [path.split(".") for path, kind in spec["key"].items() if kind == "2dsphere"]
    plane = [path.split(".") for path, kind in spec["key"].items() if kind == "2d"]
    if sphere:
        return lambda document: _check_sphere(decode(document), sphere)
    if plane:
        low, high = float(spec.get("min", -DEFAULT_BOUND)), float(spec.get("max", DEFAULT_BOUND))
        return lambda document: _check_plane(decode(document), plane, low, high)
    return None


def _check_sphere(document: dict[str, Any], paths: list[list[str]]) -> None:
    for path in paths:
        for value in _indexed_values(document, path):
            try:
                parse_geometry(value)
                if type(value) is dict and _is_big(value):
                    raise GeometryError("big polygons cannot be indexed")
            except GeometryError as error:
                raise CommandError(16755, f"Can't extract geo keys: {document_text(document)}  {error}") from None


def _is_big(geometry: dict[str, Any]) -> bool:
    """Whether the order of a polygon's corners says which side is inside; parsed before, so that the fields are there."""
    return "crs" in geometry and geometry["crs"]["properties"]["name"] == STRICT


def _check_plane(document: dict[str, Any], paths: list[list[str]], low: float, high: float) -> None:
    for path in paths:
        for value in _indexed_values(document, path):
            for pair in _pairs(value):
                try:
                    position = parse_position(pair)
                except GeometryError:
                    raise CommandError(16804, "location object expected, location array not in correct format") from None
                if not all(low <= coordinate < high for coordinate in position):
                    raise CommandError(13027, f"point not in interval of [ {low:g}, {high:g} ] :: caused by :: {document_text(document)}")


def _pairs(value: Any) -> list[Any]:
    """A 2d index takes one pair, or an array of pairs."""
    if type(value) is list and value and type(value[0]) in (list, dict):
        return value
    return [] if value == [] else [value]


def _indexed_values(document: dict[str, Any], path: list[str]) -> Iterator[Any]:
    """The values at a path; missing and null are not indexed."""
    return (value for value in values_at(document, path) if value is not None)
