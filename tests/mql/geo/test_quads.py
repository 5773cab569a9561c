"""The grid of 2d indexes: hashes, and coverings of regions."""

from __future__ import annotations

import random
from typing import Any

import pytest

from secantus_server.mql.geo import Box, Cap, Circle, FlatPolygon
from secantus_server.mql.geo.quads import Grid, Rectangles, Ring, cap_rectangles, off_the_sphere, region_of
from secantus_server.mql.geo.sphere import angle, to_vector

SEED = 6
GRID = Grid(-180.0, 180.0, 26)


@pytest.mark.parametrize(
    ("grid", "position", "expected"),
    [
        (GRID, (0, 0), 0xC000000000000000),
        (GRID, (-180, -180), 0),
        (GRID, (0, -180), 0x8000000000000000),
        (GRID, (-180, 0), 0x4000000000000000),
        (Grid(0.0, 8.0, 3), (5, 3), 0b100111 << 58),
        (Grid(0.0, 8.0, 3), (5.9, 3.9), 0b100111 << 58),
        (Grid(0.0, 1.0, 32), (2, 2), 0xFFFFFFFFFFFFFFFF),
    ],
)
def test_hashes(grid: Grid, position: tuple[float, float], expected: int) -> None:
    assert grid.hash_of(position) == expected


def covers(grid: Grid, region: Any, position: tuple[float, float]) -> bool:
    return any(low <= grid.hash_of(position) <= high for low, high in grid.cover(region, 40))


@pytest.mark.parametrize("grid", [GRID, Grid(-200.0, 600.0, 32), Grid(-180.0, 180.0, 4)])
@pytest.mark.parametrize(
    "shape",
    [
        Box((10, 20), (-5, 3)),
        Box((0, 0), (0, 0)),
        Circle((100, -100), 30),
        Circle((0, 0), 0),
        FlatPolygon(((0, 0), (50, 0), (0, 90))),
        FlatPolygon(((0, 0), (50, 50), (50, 0), (0, 50))),
    ],
)
def test_a_shape_is_covered(grid: Grid, shape: Any) -> None:
    source = random.Random(SEED)
    ranges = grid.cover(region_of(shape), 40)
    for _ in range(2000):
        position = source.uniform(-20, 110), source.uniform(-130, 100)
        if shape.contains(position):
            assert any(low <= grid.hash_of(position) <= high for low, high in ranges), position
    assert len(ranges) < 60


@pytest.mark.parametrize(("center", "radius"), [((0, 0), 0.1), ((179, 10), 0.2), ((10, 85), 0.3), ((-100, -40), 2.0), ((0, 0), 3.2)])
def test_a_cap_is_covered(center: tuple[float, float], radius: float) -> None:
    source = random.Random(SEED)
    ranges = GRID.cover(region_of(Cap(center, radius)), 40)
    for _ in range(2000):
        position = source.uniform(-180, 179.9), source.uniform(-90, 90)
        if angle(to_vector(position), to_vector(center)) <= radius:
            assert any(low <= GRID.hash_of(position) <= high for low, high in ranges), position


def test_a_polygon_too_large_to_compute_with() -> None:
    huge = FlatPolygon(((-1e308, -1e308), (1e308, -1e308), (0, 1e308)))
    assert sum(high - low + 1 for low, high in GRID.cover(region_of(huge), 40)) == 2**64


def test_limits_too_far_apart_to_compute_with() -> None:
    assert Grid(-1e308, 1e308, 26).cover(region_of(Box((0, 0), (1, 1))), 40) == [(0, 2**64 - 1)]


def test_a_ring_leaves_its_middle_out() -> None:
    ranges = GRID.cover(Ring((0, 0), 50, 60), 40)
    assert covers(GRID, Ring((0, 0), 50, 60), (55, 0))
    assert not any(low <= GRID.hash_of((1, 1)) <= high for low, high in ranges)


def test_positions_off_the_sphere() -> None:
    region = Rectangles([*cap_rectangles((0, 0), 0.01), *off_the_sphere()])
    assert covers(GRID, region, (0, 120))
    assert not covers(GRID, region, (90, 45))
    assert sum(high - low for low, high in GRID.cover(region, 40)) < 0.52 * 2**64
    assert covers(Grid(-1000.0, 1000.0, 26), region, (370, 0))
