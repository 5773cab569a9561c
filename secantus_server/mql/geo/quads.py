"""The grid of a 2d index, which converts positions to hashes and covers regions in the plane with squares.

https://www.mongodb.com/docs/manual/core/indexes/index-types/geospatial/2d/internals/

The area within the index's limits is divided into four squares, each of which is again divided into four squares, up to 32 levels deep. A
hash contains two bits per level, starting with the highest bits, which are the number of the square at that level.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from secantus_server.mql.geo._cells import plane_hash
from secantus_server.mql.geo.coordinates import Position
from secantus_server.mql.geo.covering import Range, merged
from secantus_server.mql.geo.planar import INSIDE, OUTSIDE, Box, Circle, FlatPolygon
from secantus_server.mql.geo.relations import Cap

PARTLY = 1

# A square: its first hash, its level, and its lower corner.
_Square = tuple[int, int, float, float]
MAX_BITS = 32
# A margin in degrees. It is greater than the rounding errors of distances on the sphere.
_DEGREES_MARGIN = 1e-5
# A distance in degrees. It is less than _DEGREES_MARGIN, and greater than the amount by which squares are enlarged if the limits are the
# usual ones.
_OFF = 1e-6
# Products of coordinates that are greater than this may be infinite.
_HUGE = 1e150


@dataclass(frozen=True)
class Rectangle:
    """A rectangle, including its sides."""

    x0: float
    y0: float
    x1: float
    y1: float

    def meets(self, other: Rectangle) -> bool:
        """Return whether two rectangles share a point."""
        return self.x0 <= other.x1 and other.x0 <= self.x1 and self.y0 <= other.y1 and other.y0 <= self.y1

    def holds(self, other: Rectangle) -> bool:
        """Return whether this rectangle contains another rectangle."""
        return self.x0 <= other.x0 and other.x1 <= self.x1 and self.y0 <= other.y0 and other.y1 <= self.y1


class Region:
    """The base class of regions in the plane, which can be compared with the squares of a grid."""

    def overlap(self, square: Rectangle) -> int:
        """Return the position of a square relative to the region: `OUTSIDE`, `PARTLY` or `INSIDE`.

        An implementation may also return `PARTLY` for some squares that are inside or outside.
        """
        raise NotImplementedError


class Rectangles(Region):
    """A region that consists of several rectangles."""

    def __init__(self, rectangles: list[Rectangle]) -> None:
        self._rectangles = rectangles

    def overlap(self, square: Rectangle) -> int:
        """Return the position of a square relative to the region: `OUTSIDE`, `PARTLY` or `INSIDE`."""
        if any(rectangle.holds(square) for rectangle in self._rectangles):
            return INSIDE
        return PARTLY if any(rectangle.meets(square) for rectangle in self._rectangles) else OUTSIDE


class Ring(Region):
    """The region between a minimum and a maximum distance from a centre."""

    def __init__(self, center: Position, inner: float, outer: float) -> None:
        self._center = center
        self._inner = inner
        self._outer = outer

    def overlap(self, square: Rectangle) -> int:
        """Return the position of a square relative to the region: `OUTSIDE`, `PARTLY` or `INSIDE`."""
        x, y = self._center
        nearest = math.hypot(max(square.x0 - x, 0.0, x - square.x1), max(square.y0 - y, 0.0, y - square.y1))
        farthest = math.hypot(max(x - square.x0, square.x1 - x), max(y - square.y0, square.y1 - y))
        if nearest > self._outer or farthest < self._inner:
            return OUTSIDE
        return INSIDE if farthest <= self._outer and nearest >= self._inner else PARTLY


class Outline(Region):
    """The region of a polygon, including its edges."""

    def __init__(self, polygon: FlatPolygon) -> None:
        self._polygon = polygon
        corners = polygon.corners
        self._edges = list(zip(corners, [*corners[1:], corners[0]], strict=True))
        self._is_huge = any(abs(coordinate) > _HUGE for corner in corners for coordinate in corner)

    def overlap(self, square: Rectangle) -> int:
        """Return the position of a square relative to the region: `OUTSIDE`, `PARTLY` or `INSIDE`."""
        if self._is_huge or any(_passes(a, b, square) for a, b in self._edges):
            return PARTLY
        middle = (square.x0 + square.x1) / 2, (square.y0 + square.y1) / 2
        return INSIDE if self._polygon.contains(middle) else OUTSIDE


def _passes(a: Position, b: Position, square: Rectangle) -> bool:
    """Return whether the line segment between two positions intersects a rectangle."""
    first, last = 0.0, 1.0
    for start, way, low, high in ((a[0], b[0] - a[0], square.x0, square.x1), (a[1], b[1] - a[1], square.y0, square.y1)):
        if way == 0:
            if not low <= start <= high:
                return False
            continue
        enters, leaves = sorted(((low - start) / way, (high - start) / way))
        first, last = max(first, enters), min(last, leaves)
    return first <= last


@dataclass(frozen=True)
class Grid:
    """The grid of squares that a 2d index uses.

    Arguments:
        low, high: the limits of both coordinates.
        bits: the number of bits per coordinate in a hash.
    """

    low: float
    high: float
    bits: int

    def holds(self, position: Position) -> bool:
        """Return whether a position is within the grid's limits."""
        return self.low <= position[0] < self.high and self.low <= position[1] < self.high

    def hash_of(self, position: Position) -> int:
        """Return the hash of a position, which is the number of its smallest square."""
        return plane_hash(*position, self.low, self.high, self.bits)

    def around(self, position: Position, level: int) -> tuple[Range, float]:
        """Return the square at a given level that contains a position.

        The result is the range of the square's hashes, and the distance from the square's center to its corners.
        """
        size = 1 << 2 * (MAX_BITS - level)
        first = self.hash_of(position) & -size
        return (first, first + size - 1), math.sqrt(0.5) * (self.high - self.low) / (1 << level)

    def cover(self, region: Region, most: int) -> list[Range]:
        """Return the hashes of squares that cover a region, as ascending ranges.

        Arguments:
            region: the region.
            most: the maximum number of squares.
        """
        if not math.isfinite(self.high - self.low):
            return [_squares(0, 0)]
        done: list[Range] = []
        waiting = deque([(0, 0, self.low, self.low)])
        while waiting:
            start, level, x, y = waiting.popleft()
            if level == self.bits:
                done.append(_squares(start, level))
                continue
            side = (self.high - self.low) / (2 << level)
            whole: list[_Square] = []
            parts: list[_Square] = []
            for turn in range(4):
                child = start | turn << 2 * (MAX_BITS - 1 - level), level + 1, x + (turn >> 1) * side, y + (turn & 1) * side
                overlap = region.overlap(self._rectangle(child[2], child[3], side))
                if overlap != OUTSIDE:
                    (whole if overlap == INSIDE else parts).append(child)
            if level and len(whole) + len(parts) > 1 and len(done) + len(waiting) + len(whole) + len(parts) > most:
                done.append(_squares(start, level))
            else:
                done += [_squares(child[0], child[1]) for child in whole]
                waiting += parts
        return merged(sorted(done))

    def _rectangle(self, x: float, y: float, side: float) -> Rectangle:
        """Return the rectangle of a square, enlarged to compensate for rounding errors."""
        margin = 1e-9 * max(1.0, abs(self.low), abs(self.high))
        return Rectangle(x - margin, y - margin, x + side + margin, y + side + margin)


def _squares(start: int, level: int) -> Range:
    return start, start + (1 << 2 * (MAX_BITS - level)) - 1


def region_of(shape: Box | Circle | FlatPolygon | Cap) -> Region:
    """Convert a shape of `$geoWithin` to a region in the plane that contains all positions within the shape."""
    if isinstance(shape, Box):
        (x0, x1), (y0, y1) = (sorted((shape.first[axis], shape.second[axis])) for axis in (0, 1))
        return Rectangles([Rectangle(x0, y0, x1, y1)])
    if isinstance(shape, Circle):
        return Ring(shape.center, 0.0, shape.radius)
    return Outline(shape) if isinstance(shape, FlatPolygon) else Rectangles(cap_rectangles(shape.center, shape.radius))


def cap_rectangles(center: Position, radius: float) -> list[Rectangle]:
    """Return rectangles, in degrees of longitude and latitude, that contain a spherical cap.

    Arguments:
        center: the longitude and latitude of the centre.
        radius: the radius in radians.
    """
    longitude, latitude = center
    reach = math.degrees(min(radius, math.pi)) + _DEGREES_MARGIN
    south, north = latitude - reach, latitude + reach
    if south <= -90 or north >= 90:
        return [Rectangle(-180.0, south, 180.0, north)]
    ratio = math.sin(math.radians(reach)) / math.cos(math.radians(latitude))
    half = math.degrees(math.asin(min(1.0, ratio))) + _DEGREES_MARGIN if reach < 90 else 180.0
    return [Rectangle(longitude - half + turn, south, longitude + half + turn, north) for turn in (-360.0, 0.0, 360.0)]


def off_the_sphere() -> list[Rectangle]:
    """Return rectangles that contain all positions that are not valid longitudes and latitudes.

    They omit positions very close to the valid range, because the rectangles of `cap_rectangles` include these positions.
    """
    far, east, north = math.inf, 180.0 + _OFF, 90.0 + _OFF
    return [
        Rectangle(-far, north, far, far),
        Rectangle(-far, -far, far, -north),
        Rectangle(-far, -far, -east, far),
        Rectangle(east, -far, far, far),
    ]
