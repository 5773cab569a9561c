"""Parses pairs of numbers, which are positions in the plane or longitude and latitude."""

from __future__ import annotations

import math
from typing import Any

from secantus_server.bson import is_number
from secantus_server.bson.numbers import to_float

Position = tuple[float, float]


class GeometryError(Exception):
    """Raised if a value is not the expected geometry. The message contains the reason."""


def parse_position(value: Any, *, exact: bool = False) -> Position:
    """Parse `[x, y]` or a document whose first two fields are x and y.

    Arguments:
        value: the pair.
        exact: whether additional elements after the pair are an error.

    Raises:
        GeometryError: if the value is not a pair of finite numbers.
    """
    if type(value) is dict:
        items = list(value.values())
    elif type(value) is list:
        items = value
    else:
        raise GeometryError("Point must be an array or object")
    if len(items) < 2 or not all(is_number(item) for item in items[:2]):
        raise GeometryError("Point must only contain numeric elements")
    if exact and len(items) > 2:
        raise GeometryError("Point must only contain two numeric elements")
    x, y = to_float(items[0]), to_float(items[1])
    if not (math.isfinite(x) and math.isfinite(y)):
        raise GeometryError("Point coordinates must be finite numbers")
    return x, y


def check_sphere(position: Position) -> Position:
    """Check that a position is a valid longitude and latitude, and return it.

    Raises:
        GeometryError: if the position is out of bounds.
    """
    longitude, latitude = position
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise GeometryError(f"longitude/latitude is out of bounds, lng: {longitude:g} lat: {latitude:g}")
    return position


def parse_sphere_position(value: Any) -> Position:
    """Parse a position and check that it is a valid longitude and latitude.

    Raises:
        GeometryError: see `parse_position` and `check_sphere`.
    """
    return check_sphere(parse_position(value))
