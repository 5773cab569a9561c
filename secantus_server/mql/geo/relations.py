"""Relations between geometries on the sphere: containment, intersection and distance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from secantus_server.mql.geo.coordinates import Position
from secantus_server.mql.geo.planar import INSIDE
from secantus_server.mql.geo.shapes import Geometry, Line, Part, Point, Polygon
from secantus_server.mql.geo.sphere import (
    SAME,
    Vector,
    added,
    angle,
    edge_distance,
    edges_cross,
    edges_touch,
    is_on_edge,
    is_same,
    scaled,
    to_vector,
    unit,
)


@dataclass(frozen=True)
class Cap:
    """A spherical cap (`$centerSphere`), which consists of all points of the sphere within a distance of a centre.

    Arguments:
        center: the longitude and latitude of the centre.
        radius: the radius in radians.
    """

    center: Position
    radius: float

    @cached_property
    def vector(self) -> Vector:
        """Return the centre as a unit vector."""
        return to_vector(self.center)

    def contains(self, part: Part) -> bool:
        """Return whether the cap completely contains a point, line or polygon."""
        if isinstance(part, Point):
            return self._contains_point(part.vector)
        corners = part.vectors if isinstance(part, Line) else part.corners()
        if not all(self._contains_point(corner) for corner in corners):
            return False
        # A cap of at most a hemisphere that contains the corners also contains the edges. A larger cap does not contain the points around
        # the point opposite its centre.
        return self.radius <= math.pi / 2 or self._covers_edges_and_inside(part)

    def _contains_point(self, point: Vector) -> bool:
        return angle(point, self.vector) <= self.radius + SAME

    def _covers_edges_and_inside(self, part: Line | Polygon) -> bool:
        opposite = scaled(self.vector, -1)
        if isinstance(part, Polygon) and part.contains(opposite):
            return self.radius >= math.pi
        return all(edge_distance(opposite, a, b) >= math.pi - self.radius - SAME for a, b in part.edges())


def within(geometry: Geometry, region: Geometry | Cap) -> bool:
    """Return whether a region contains a geometry. Each part of the geometry must be inside the cap or inside one polygon of the region."""
    if isinstance(region, Cap):
        return all(region.contains(part) for part in geometry.parts)
    polygons = [part for part in region.parts if isinstance(part, Polygon)]
    return all(any(_is_within(part, polygon) for polygon in polygons) for part in geometry.parts)


def _is_within(part: Part, polygon: Polygon) -> bool:
    if isinstance(part, Point):
        return polygon.contains(part.vector)
    corners = part.vectors if isinstance(part, Line) else part.corners()
    if not all(polygon.contains(corner) for corner in corners):
        return False
    if _any_edges_cross(part, polygon) or not all(polygon.contains(unit(added(a, b))) for a, b in part.edges()):
        return False
    if isinstance(part, Line):
        return True
    # The part could still enclose a hole of the region, or everything outside the region.
    return all(polygon.contains(point) for point in part.inner_points()) and not any(part.locate(c) == INSIDE for c in polygon.corners())


def _any_edges_cross(a: Line | Polygon, b: Line | Polygon) -> bool:
    return any(edges_cross(*first, *second) for first in a.edges() for second in b.edges())


def intersects(a: Geometry, b: Geometry) -> bool:
    """Return whether two geometries share a point. Two polygons must have more in common than an edge."""
    return any(_parts_intersect(first, second) for first in a.parts for second in b.parts)


def _parts_intersect(a: Part, b: Part) -> bool:
    if isinstance(a, Point):
        return _meets_point(b, a.vector)
    if isinstance(b, Point):
        return _meets_point(a, b.vector)
    if isinstance(a, Polygon) and isinstance(b, Polygon):
        return _polygons_intersect(a, b)
    if isinstance(a, Polygon):
        a, b = b, a
    if isinstance(b, Polygon) and any(b.contains(corner) for corner in (a.vectors if isinstance(a, Line) else [])):
        return True
    return any(edges_touch(*first, *second) for first in a.edges() for second in b.edges())


def _meets_point(part: Part, point: Vector) -> bool:
    if isinstance(part, Point):
        return is_same(part.vector, point)
    if isinstance(part, Polygon):
        return part.contains(point)
    return any(is_on_edge(point, a, b) for a, b in part.edges())


def _polygons_intersect(a: Polygon, b: Polygon) -> bool:
    if _any_edges_cross(a, b):
        return True
    if any(b.locate(corner) == INSIDE for corner in a.corners()) or any(a.locate(corner) == INSIDE for corner in b.corners()):
        return True
    return any(b.locate(point) == INSIDE for point in a.inner_points()) or any(a.locate(point) == INSIDE for point in b.inner_points())


def distance(geometry: Geometry, point: Vector) -> float:
    """Return the distance in radians from a point to the nearest part of a geometry."""
    return min(_part_distance(part, point) for part in geometry.parts)


def _part_distance(part: Part, point: Vector) -> float:
    if isinstance(part, Point):
        return angle(part.vector, point)
    if isinstance(part, Polygon) and part.contains(point):
        return 0.0
    return min(edge_distance(point, a, b) for a, b in part.edges())
