"""Geometries on the sphere and their parts, which are points, lines and polygons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from secantus_server.mql.geo.coordinates import Position
from secantus_server.mql.geo.planar import INSIDE, ON_EDGE, OUTSIDE
from secantus_server.mql.geo.sphere import Ring, Vector, to_vector


@dataclass(frozen=True)
class Point:
    """A single position, as a part of a geometry."""

    position: Position

    @cached_property
    def vector(self) -> Vector:
        """Return the point as a unit vector."""
        return to_vector(self.position)


@dataclass(frozen=True)
class Line:
    """A line, as a part of a geometry. It consists of positions connected by edges."""

    positions: tuple[Position, ...]

    @cached_property
    def vectors(self) -> list[Vector]:
        """Return the positions as unit vectors."""
        return [to_vector(position) for position in self.positions]

    def edges(self) -> list[tuple[Vector, Vector]]:
        """Return the edges of the line, in order."""
        return list(zip(self.vectors, self.vectors[1:], strict=False))


@dataclass(frozen=True)
class Polygon:
    """A polygon, as a part of a geometry. It is the inside of an outer ring, except for the insides of the rings in `holes`."""

    outer: Ring
    holes: tuple[Ring, ...] = ()

    def edges(self) -> list[tuple[Vector, Vector]]:
        """Return the edges of all rings."""
        return [edge for ring in (self.outer, *self.holes) for edge in ring.edges()]

    def corners(self) -> list[Vector]:
        """Return the corners of all rings."""
        return [corner for ring in (self.outer, *self.holes) for corner in ring.corners]

    def locate(self, point: Vector) -> int:
        """Return the position of a point relative to the polygon: `INSIDE`, `ON_EDGE` or `OUTSIDE`."""
        found = self.outer.locate(point)
        if found != INSIDE:
            return found
        for hole in self.holes:
            in_hole = hole.locate(point)
            if in_hole != OUTSIDE:
                return ON_EDGE if in_hole == ON_EDGE else OUTSIDE
        return INSIDE

    def contains(self, point: Vector) -> bool:
        """Return whether a point is inside the polygon or on an edge."""
        return self.locate(point) != OUTSIDE

    def inner_points(self) -> list[Vector]:
        """Return sample points inside the polygon that are close to its edges."""
        points = [point for ring in (self.outer, *self.holes) for point in ring.inner_points()]
        return [point for point in points if self.locate(point) == INSIDE]


Part = Point | Line | Polygon


@dataclass(frozen=True)
class Geometry:
    """A geometry on the sphere, which consists of one or more parts.

    Arguments:
        kind: the GeoJSON type; `Point` for legacy coordinates.
        parts: the points, lines and polygons.
        is_legacy: whether the geometry was given as a coordinate pair instead of GeoJSON.
    """

    kind: str
    parts: tuple[Part, ...]
    is_legacy: bool = False

    @property
    def position(self) -> Position:
        """Return the position of a geometry that consists of a single point."""
        [point] = self.parts
        assert isinstance(point, Point)
        return point.position
