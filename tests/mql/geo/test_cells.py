"""The cells of 2dsphere indexes: ids, ranges and coverings, compared with the S2 library if it is installed."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from typing import Any

import pytest

from secantus_server.mql.geo import Cap, Geometry, parse_geometry
from secantus_server.mql.geo._cells import Cover, cap_of, leaf_of, leaf_of_position, level_of, parent_of, parents_of, range_of
from secantus_server.mql.geo.covering import document_cells, merged, ranges_of, region_cells, ring_cells
from secantus_server.mql.geo.sphere import Vector, angle, to_vector

SEED = 5
CORNERS = [(0, 0), (180, 0), (-180, 0), (0, 90), (0, -90), (45, 45), (90, 0), (-90, 0), (135, -35.264389682754654), (12.5, 51.25)]


def positions(count: int) -> list[tuple[float, float]]:
    source = random.Random(SEED)
    return [*CORNERS, *((source.uniform(-180, 180), math.degrees(math.asin(source.uniform(-1, 1)))) for _ in range(count))]


def geojson(kind: str, coordinates: Any) -> Geometry:
    return parse_geometry({"type": kind, "coordinates": coordinates})


def test_known_ids() -> None:
    assert leaf_of_position(0, 0) == 0x1000000000000001
    assert [leaf_of_position(longitude, 0) >> 61 for longitude in (0, 90, 180, -90)] == [0, 1, 3, 4]
    assert [leaf_of_position(0, latitude) >> 61 for latitude in (90, -90)] == [2, 5]


def test_ids_are_those_of_s2() -> None:
    s2: Any = pytest.importorskip("s2geometry")
    for longitude, latitude in positions(3000):
        theirs = s2.S2CellId(s2.S2LatLng.FromDegrees(latitude, longitude))
        assert leaf_of_position(longitude, latitude) == theirs.id(), (longitude, latitude)
        for level in (0, 7, 30):
            parent = theirs.parent(level)
            mine = parent_of(theirs.id(), level)
            assert (mine, level_of(mine)) == (parent.id(), level)
            assert range_of(mine) == (parent.range_min().id(), parent.range_max().id())


@pytest.mark.parametrize("position", positions(50))
def test_a_cell_is_inside_its_cap(position: tuple[float, float]) -> None:
    point = to_vector(position)
    leaf = leaf_of(point)
    assert leaf == leaf_of_position(*position)
    for cell in [leaf, *parents_of(leaf)]:
        center, radius = cap_of(cell)
        assert angle(center, point) <= radius + 1e-15
        low, high = range_of(cell)
        assert low <= leaf <= high
    assert len(parents_of(leaf)) == 30


def covers(cells: Any, point: Vector) -> bool:
    leaf = leaf_of(point)
    return any(low <= leaf <= high for low, high in ranges_of(cells))


@pytest.mark.parametrize(
    ("center", "inner", "outer"),
    [((0, 0), 0, 0.1), ((180, 80), 0, 0.5), ((10, 90), 0.2, 0.4), ((-60, -30), 0, 2.5), ((5, 5), 1, 1.001), ((5, 5), 0, 1e-8)],
)
def test_a_ring_is_covered(center: tuple[float, float], inner: float, outer: float) -> None:
    cells = ring_cells(to_vector(center), inner, outer)
    found = [position for position in positions(2000) if inner <= angle(to_vector(position), to_vector(center)) <= outer]
    assert all(covers(cells, to_vector(position)) for position in found)
    assert len(cells) < 60


RING = [[20 * math.cos(n / 5 * math.tau), 20 * math.sin(n / 5 * math.tau)] for n in range(6)]
HOLE = [[-3, -3], [3, -3], [3, 3], [-3, 3], [-3, -3]]


@pytest.mark.parametrize(
    "coordinates",
    [
        [[*RING[:5], RING[0]]],
        [[*RING[:5], RING[0]], HOLE],
        [[[0, 60], [120, 60], [-120, 60], [0, 60]]],
        [[[179, -5], [-179, -5], [-179, 5], [179, 5], [179, -5]]],
        [[[0, 0], [0.001, 0], [0.001, 0.001], [0, 0.001], [0, 0]]],
    ],
)
def test_a_polygon_is_covered(coordinates: list[list[list[float]]]) -> None:
    polygon = geojson("Polygon", coordinates)
    cells = region_cells(polygon)
    [part] = polygon.parts
    assert all(covers(cells, point) for point in map(to_vector, positions(2000)) if part.contains(point))  # type: ignore[union-attr]
    assert all(covers(cells, to_vector((x, y))) for ring in coordinates for x, y in ring)
    assert 0 < len(document_cells(polygon)) <= 26


def test_a_line_is_covered() -> None:
    line = geojson("LineString", [[-170, 10], [170, 20], [100, 80]])
    cells = document_cells(line)
    for a, b in line.parts[0].edges():  # type: ignore[union-attr]
        for step in range(101):
            mixed = tuple(p * step / 100 + q * (1 - step / 100) for p, q in zip(a, b, strict=True))
            assert covers(cells, to_vector_of(mixed))


def to_vector_of(point: tuple[float, ...]) -> Vector:
    length = math.hypot(*point)
    x, y, z = (number / length for number in point)
    return x, y, z


def test_the_inside_of_a_large_cap_needs_no_seam() -> None:
    assert region_cells(Cap((0, 0), 4.0)) == [face << 61 | 1 << 60 for face in range(6)]
    assert len(region_cells(Cap((0, 0), 0.0))) >= 1


def test_cells_of_a_covering_are_apart() -> None:
    ranges = [range_of(cell) for cell in Cover(to_vector((10, 20)), 0.3, 0.0, [], []).cells(40)]
    assert all(first[1] < second[0] for first, second in pairwise(ranges))


def test_ranges_are_joined() -> None:
    assert merged([(1, 2), (3, 5), (4, 4), (9, 9)]) == [(1, 5), (9, 9)]
