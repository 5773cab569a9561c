"""Shapes in the plane, which are the boxes, circles and polygons that `$geoWithin` uses with legacy coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from secantus_server.mql.geo.coordinates import Position

OUTSIDE, ON_EDGE, INSIDE = 0, 1, 2


def locate(corners: Sequence[Position], point: Position) -> int:
    """Return the position of a point relative to a polygon: `INSIDE`, `ON_EDGE` or `OUTSIDE`."""
    inside = False
    for a, b in zip(corners, [*corners[1:], corners[0]], strict=True):
        if _is_on_edge(a, b, point):
            return ON_EDGE
        if (a[1] > point[1]) != (b[1] > point[1]) and point[0] < (b[0] - a[0]) * (point[1] - a[1]) / (b[1] - a[1]) + a[0]:
            inside = not inside
    return INSIDE if inside else OUTSIDE


def _is_on_edge(a: Position, b: Position, point: Position) -> bool:
    area = (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
    if area != 0:
        return False
    return min(a[0], b[0]) <= point[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= point[1] <= max(a[1], b[1])


@dataclass(frozen=True)
class Box:
    """A rectangle, given by two opposite corners. It includes its edges."""

    first: Position
    second: Position

    def contains(self, point: Position) -> bool:
        """Return whether the box contains a point."""
        low_x, high_x = sorted((self.first[0], self.second[0]))
        low_y, high_y = sorted((self.first[1], self.second[1]))
        return low_x <= point[0] <= high_x and low_y <= point[1] <= high_y


@dataclass(frozen=True)
class Circle:
    """A circle, including its edge."""

    center: Position
    radius: float

    def contains(self, point: Position) -> bool:
        """Return whether the circle contains a point."""
        return math.dist(self.center, point) <= self.radius


@dataclass(frozen=True)
class FlatPolygon:
    """A polygon in the plane.

    It includes its corners, its horizontal and vertical edges, and those slanted edges that bound it on the right.
    """

    corners: tuple[Position, ...]

    def contains(self, point: Position) -> bool:
        """Return whether the polygon contains a point."""
        x, y = point
        inside = False
        for a, b in zip(self.corners, [*self.corners[1:], self.corners[0]], strict=True):
            if point == a or ((a[0] == b[0] or a[1] == b[1]) and _is_on_edge(a, b, point)):
                return True
            if min(a[1], b[1]) < y <= max(a[1], b[1]) and x <= (y - a[1]) * (b[0] - a[0]) / (b[1] - a[1]) + a[0]:
                inside = not inside
        return inside
