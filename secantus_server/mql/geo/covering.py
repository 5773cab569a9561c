"""Covers geometries and regions on the sphere with cells. The entries and the bounds of 2dsphere indexes consist of these cells.

https://s2geometry.io/devguide/s2cell_hierarchy
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from secantus_server.mql.geo._cells import Cover, leaf_of, parents_of, range_of
from secantus_server.mql.geo.relations import Cap
from secantus_server.mql.geo.shapes import Geometry, Line, Part, Point, Polygon
from secantus_server.mql.geo.sphere import Vector, added, angle, unit

# A range of cell ids or hashes: the first and the last one.
Range = tuple[int, int]

# The maximum number of cells for a document's line or polygon, for a query's region, and for a ring. More cells cover a shape more exactly.
MOST_OF_PART = 20
MOST_OF_REGION = 64
MOST_OF_RING = 32
FACES = [face << 61 | 1 << 60 for face in range(6)]
_POLE: Vector = (0.0, 0.0, 1.0)


def document_cells(geometry: Geometry) -> set[int]:
    """Return the cells that cover a document's geometry. A point is covered by its smallest cell, a line or polygon by several cells."""
    found: set[int] = set()
    for part in geometry.parts:
        if isinstance(part, Point):
            found.add(leaf_of(part.vector))
        else:
            found.update(_cover(part, MOST_OF_PART))
    return found


def region_cells(region: Geometry | Cap) -> list[int]:
    """Return the cells that cover the region of a query."""
    if isinstance(region, Cap):
        return Cover(region.vector, region.radius, 0.0, [], []).cells(MOST_OF_REGION)
    return [cell for part in region.parts for cell in _cover(part, MOST_OF_REGION)]


def ring_cells(center: Vector, inner: float, outer: float) -> list[int]:
    """Return the cells that cover a ring around a centre.

    Arguments:
        center: the centre as a unit vector.
        inner, outer: the minimum and maximum distance from the centre, in radians.
    """
    return Cover(center, outer, inner, [], []).cells(MOST_OF_RING)


def ranges_of(cells: Iterable[int]) -> list[Range]:
    """Return the ids of all cells that intersect the given cells, as ascending ranges.

    These are the given cells, all cells inside them, and all cells that contain them.
    """
    cells = set(cells)
    ranges = sorted([range_of(cell) for cell in cells] + [(parent, parent) for parent in {p for cell in cells for p in parents_of(cell)}])
    return merged(ranges)


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Merge adjacent and overlapping ranges. The ranges must be in ascending order."""
    found: list[Range] = []
    for low, high in ranges:
        if found and low <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], high)
        else:
            found.append((low, high))
    return found


def _cover(part: Part, most: int) -> list[int]:
    if isinstance(part, Point):
        return Cover(part.vector, 0.0, 0.0, [part.vector], []).cells(most)
    center, radius = _bounding_cap(part)
    if isinstance(part, Line):
        return Cover(center, radius, 0.0, [], part.edges()).cells(most)
    if not all(ring.fits_hemisphere for ring in (part.outer, *part.holes)):
        return FACES
    return Cover(center, radius, 0.0, [], part.edges(), part.outer.pole, part.outer.is_complement).cells(most)


def _bounding_cap(part: Line | Polygon) -> tuple[Vector, float]:
    """Return the centre and the radius of a spherical cap that contains a line or polygon."""
    if isinstance(part, Polygon):
        if part.outer.is_complement:
            return _POLE, math.pi
        corners, center = part.outer.corners, part.outer.pole
    else:
        corners = part.vectors
        total = (0.0, 0.0, 0.0)
        for corner in corners:
            total = added(total, corner)
        center = unit(total)
    radius = max(angle(corner, center) for corner in corners)
    # If a cap that is smaller than a hemisphere contains the corners, it also contains the edges.
    return (center, radius) if radius < math.pi / 2 - 1e-6 and center != (0.0, 0.0, 0.0) else (_POLE, math.pi)
