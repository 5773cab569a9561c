"""Points, edges and rings on the sphere."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secantus_server.mql.geo.planar import INSIDE, ON_EDGE, OUTSIDE
from secantus_server.mql.geo.sphere import Ring, angle, edge_distance, edges_cross, edges_touch, to_vector

TRIANGLE = [(0.0, 0.0), (10.0, 0.0), (0.0, 10.0)]
# Larger than a hemisphere, seen from the outside.
BELT = [(-170.0, 80.0), (170.0, 80.0), (170.0, -80.0), (-170.0, -80.0)]


@pytest.mark.parametrize(
    ("a", "b", "degrees"),
    [((0, 0), (90, 0), 90), ((0, 0), (0, 90), 90), ((180, 0), (-180, 0), 0), ((0, 0), (180, 0), 180), ((5, 90), (-80, 90), 0)],
)
def test_angle(a: tuple[float, float], b: tuple[float, float], degrees: float) -> None:
    assert math.degrees(angle(to_vector(a), to_vector(b))) == pytest.approx(degrees, abs=1e-9)


@pytest.mark.parametrize(("point", "degrees"), [((5, 0), 0), ((5, 1), 1), ((-2, 0), 2), ((12, 0), 2), ((5, -3), 3), ((180, 0), 170)])
def test_edge_distance(point: tuple[float, float], degrees: float) -> None:
    assert math.degrees(edge_distance(to_vector(point), to_vector((0, 0)), to_vector((10, 0)))) == pytest.approx(degrees, abs=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "crosses", "touches"),
    [
        (((-1, 0), (1, 0)), ((0, -1), (0, 1)), True, True),
        (((-1, 0), (1, 0)), ((2, -1), (2, 1)), False, False),
        (((-1, 0), (1, 0)), ((1, 0), (2, 1)), False, True),
        (((-1, 0), (1, 0)), ((180, -1), (180, 1)), False, False),
        (((179, 0), (-179, 0)), ((180, -1), (180, 1)), True, True),
    ],
)
def test_edges(
    first: tuple[tuple[float, float], tuple[float, float]],
    second: tuple[tuple[float, float], tuple[float, float]],
    crosses: bool,
    touches: bool,
) -> None:
    ends = [to_vector(position) for position in (*first, *second)]
    assert edges_cross(*ends) is crosses
    assert edges_touch(*ends) is touches


@pytest.mark.parametrize(
    ("point", "expected"), [((1, 1), INSIDE), ((9, 9), OUTSIDE), ((5, 0), ON_EDGE), ((0, 0), ON_EDGE), ((-179, -1), OUTSIDE)]
)
def test_ring(point: tuple[float, float], expected: int) -> None:
    for corners in (TRIANGLE, TRIANGLE[::-1]):
        assert Ring(corners).locate(to_vector(point)) == expected


def test_a_strict_ring_may_be_everything_but_its_corners() -> None:
    ring = Ring(TRIANGLE[::-1], strict=True)
    assert ring.locate(to_vector((1, 1))) == OUTSIDE
    assert ring.locate(to_vector((100, 50))) == INSIDE


def test_a_ring_around_the_poles() -> None:
    ring = Ring(BELT, strict=True)
    assert ring.locate(to_vector((179, 0))) == INSIDE
    assert ring.locate(to_vector((0, 0))) == OUTSIDE


@given(st.floats(-60, 60), st.floats(-60, 60), st.floats(0.5, 20))
def test_small_squares_hold_their_middle(longitude: float, latitude: float, size: float) -> None:
    corners = [(longitude + dx * size, latitude + dy * size) for dx, dy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    ring = Ring(corners)
    assert ring.locate(to_vector((longitude, latitude))) == INSIDE
    assert ring.locate(to_vector((longitude + 3 * size, latitude))) == OUTSIDE
    assert all(ring.locate(point) == INSIDE for point in ring.inner_points())
