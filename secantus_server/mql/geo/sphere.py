"""Points, edges and rings on the unit sphere. An edge is the shorter arc of a great circle between two points.

Points are represented by unit vectors. A ring within a hemisphere is projected from the sphere's centre onto a plane. This gnomonic
projection maps great circles to straight lines. For a larger ring, a point is located by counting how often an arc from a known point to
this point crosses the ring.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from secantus_server.mql.geo.coordinates import Position
from secantus_server.mql.geo.planar import INSIDE, ON_EDGE, OUTSIDE, locate

Vector = tuple[float, float, float]

# Points that are closer together than this (about a hundredth of a millimetre on the earth) count as equal.
SAME = 1e-12


def to_vector(position: Position) -> Vector:
    """Convert a longitude and latitude to a unit vector."""
    longitude, latitude = math.radians(position[0]), math.radians(position[1])
    across = math.cos(latitude)
    return across * math.cos(longitude), across * math.sin(longitude), math.sin(latitude)


def dot(a: Vector, b: Vector) -> float:
    """Return the dot product of two vectors."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vector, b: Vector) -> Vector:
    """Return the cross product of two vectors."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def norm(a: Vector) -> float:
    """Return the length of a vector."""
    return math.sqrt(dot(a, a))


def scaled(a: Vector, factor: float) -> Vector:
    """Multiply a vector by a factor."""
    return a[0] * factor, a[1] * factor, a[2] * factor


def added(a: Vector, b: Vector) -> Vector:
    """Return the sum of two vectors."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def unit(a: Vector) -> Vector:
    """Normalise a vector to length 1. The zero vector is returned unchanged."""
    length = norm(a)
    return scaled(a, 1 / length) if length > 0 else a


def angle(a: Vector, b: Vector) -> float:
    """Return the angle between two points. On the unit sphere, it is their distance in radians."""
    return math.atan2(norm(cross(a, b)), dot(a, b))


def is_same(a: Vector, b: Vector) -> bool:
    """Return whether two points are equal within the tolerance `SAME`."""
    return angle(a, b) <= SAME


def edge_distance(point: Vector, a: Vector, b: Vector) -> float:
    """Return the distance from a point to an edge, in radians."""
    normal = unit(cross(a, b))
    to_ends = min(angle(point, a), angle(point, b))
    if norm(normal) == 0:
        return to_ends
    # The foot of the perpendicular is on the edge if the point is between the planes through the end points of the edge.
    if dot(cross(normal, a), point) > 0 > dot(cross(normal, b), point):
        height = dot(normal, point)
        foot = added(point, scaled(normal, -height))
        # As in MongoDB, the distance is measured to the foot of the perpendicular. For a point close to the pole of the edge's great
        # circle, that would be inaccurate, so the distance is computed from the height.
        return angle(point, unit(foot)) if norm(foot) > 1e-6 else math.asin(min(1.0, abs(height)))
    return to_ends


def is_on_edge(point: Vector, a: Vector, b: Vector) -> bool:
    """Return whether a point is on an edge, within the tolerance `SAME`."""
    return edge_distance(point, a, b) <= SAME


def edges_cross(a: Vector, b: Vector, c: Vector, d: Vector) -> bool:
    """Return whether two edges cross at a point that is not an endpoint of either edge."""
    first, second = cross(a, b), cross(c, d)
    sides = dot(first, c), dot(first, d), dot(second, a), dot(second, b)
    if any(abs(side) <= SAME for side in sides):
        return False
    if (sides[0] > 0) == (sides[1] > 0) or (sides[2] > 0) == (sides[3] > 0):
        return False
    # The great circles of the two edges meet at two opposite points. The edges cross if both contain the same one of these points.
    meeting = cross(first, second)
    middle = dot(added(a, b), meeting), dot(added(c, d), meeting)
    return (middle[0] > 0) == (middle[1] > 0)


def edges_touch(a: Vector, b: Vector, c: Vector, d: Vector) -> bool:
    """Return whether two edges share a point."""
    if edges_cross(a, b, c, d):
        return True
    return is_on_edge(a, c, d) or is_on_edge(b, c, d) or is_on_edge(c, a, b) or is_on_edge(d, a, b)


class Ring:
    """A closed line on the sphere that does not cross itself. Its inside is the smaller side or, if `strict`, the side on its left.

    Arguments:
        positions: the corners; the first corner is not repeated at the end.
        strict: whether the order of the corners determines which side is inside.
    """

    def __init__(self, positions: Sequence[Position], *, strict: bool = False) -> None:
        self.corners = [to_vector(position) for position in positions]
        self._edges = list(zip(self.corners, [*self.corners[1:], self.corners[0]], strict=True))
        self._normals = [unit(cross(a, b)) for a, b in self._edges]
        area = (0.0, 0.0, 0.0)
        for a, b in self.edges():
            area = added(area, cross(a, b))
        center = (0.0, 0.0, 0.0)
        for corner in self.corners:
            center = added(center, corner)
        is_left_handed = dot(area, center) < 0
        self.is_complement = strict and is_left_handed
        self.pole = unit(scaled(area, -1 if is_left_handed else 1)) if norm(area) > SAME else unit(center)
        if any(dot(corner, self.pole) <= SAME for corner in self.corners):
            self.pole = unit(center)
        self.fits_hemisphere = all(dot(corner, self.pole) > SAME for corner in self.corners)
        self.flat = [self._project(corner) for corner in self.corners] if self.fits_hemisphere else []

    def edges(self) -> list[tuple[Vector, Vector]]:
        """Return the edges of the ring, in order."""
        return self._edges

    def _project(self, point: Vector) -> Position:
        """Project a point from the sphere's centre onto the plane that touches the sphere at the ring's pole."""
        axis = (1.0, 0.0, 0.0) if abs(self.pole[0]) < 0.9 else (0.0, 1.0, 0.0)
        right = unit(cross(axis, self.pole))
        up = cross(self.pole, right)
        depth = dot(point, self.pole)
        return dot(point, right) / depth, dot(point, up) / depth

    def locate(self, point: Vector) -> int:
        """Return the position of a point relative to the ring: `INSIDE`, `ON_EDGE` or `OUTSIDE`."""
        for normal, (a, b) in zip(self._normals, self._edges, strict=True):
            # Check first whether the point is on the edge's great circle. If not, it is not on the edge.
            if abs(dot(normal, point)) <= 2 * SAME and is_on_edge(point, a, b):
                return ON_EDGE
        found = self._locate_on_smaller_side(point)
        return found if not self.is_complement else INSIDE if found == OUTSIDE else OUTSIDE

    def _locate_on_smaller_side(self, point: Vector) -> int:
        if not self.fits_hemisphere:
            return self._locate_by_crossings(point)
        if dot(point, self.pole) <= SAME:
            return OUTSIDE
        return locate(self.flat, self._project(point))

    def _locate_by_crossings(self, point: Vector) -> int:
        """Return the position of a point relative to a ring that does not fit into a hemisphere.

        The method counts the edges that an arc from a known point to the given point crosses. The known point is just left of the first
        edge, which is inside if the ring runs counterclockwise.
        """
        a, b = self.edges()[0]
        start = unit(added(unit(added(a, b)), scaled(unit(cross(a, b)), 1e-9)))
        if angle(start, point) > math.pi - 1e-6:
            return OUTSIDE
        crossings = sum(edges_cross(start, point, c, d) for c, d in self.edges())
        return INSIDE if crossings % 2 == 0 else OUTSIDE

    def inner_points(self) -> list[Vector]:
        """Return sample points just inside the ring, next to the middle of each edge."""
        found: list[Vector] = []
        for a, b in self.edges():
            middle = unit(added(a, b))
            aside = scaled(unit(cross(a, b)), min(1e-6, angle(a, b) / 1000))
            found += [unit(added(middle, aside)), unit(added(middle, scaled(aside, -1)))]
        return [point for point in found if self.locate(point) == INSIDE]
