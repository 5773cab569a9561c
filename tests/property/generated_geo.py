"""Random geometries, and documents and filters with them: on the sphere, in the plane, at the poles and across the antimeridian."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

# Few values, so that points, corners and edges coincide.
LONGITUDES = st.sampled_from([-180, -179.5, -90, -45, -1, 0, 0.5, 1, 2, 45, 90, 135, 179.5, 180]) | st.floats(-180, 180)
LATITUDES = st.sampled_from([-90, -89.5, -45, -1, 0, 0.5, 1, 2, 45, 60, 89.5, 90]) | st.floats(-90, 90)
POSITIONS = st.tuples(LONGITUDES, LATITUDES).map(list)
PLANE = st.sampled_from([-180, -90, -2, -1, 0, 0.25, 1, 2, 3, 45, 90, 179.9]) | st.floats(-180, 179.99)
PAIRS = st.tuples(PLANE, PLANE).map(list)
RADII = st.sampled_from([0, 1e-9, 0.001, 0.02, 0.5, 1.6, 3, 3.2]) | st.floats(0, 3.2)


def geojson(kind: str, coordinates: Any) -> dict[str, Any]:
    """Return a GeoJSON object."""
    return {"type": kind, "coordinates": coordinates}


@st.composite
def rings(draw: Any) -> list[list[float]]:
    """Generate a closed ring around a position. It may be invalid at the poles and the antimeridian."""
    x, y = draw(POSITIONS)
    size = draw(st.sampled_from([0.001, 0.5, 2, 20, 50]))
    corners = draw(st.integers(3, 7))
    turns = [2 * math.pi * n / corners for n in range(corners)]
    around = [[x + size * math.cos(turn), max(-90.0, min(90.0, y + size * math.sin(turn)))] for turn in turns]
    around = [[(longitude + 180) % 360 - 180, latitude] for longitude, latitude in around]
    return [*around, around[0]]


@st.composite
def squares(draw: Any) -> list[list[list[float]]]:
    """Generate the rings of a square, sometimes with a hole."""
    x, y = draw(st.sampled_from([(0, 0), (45, 45), (178, 10), (-100, -60)]))
    size = draw(st.sampled_from([1, 3, 10]))

    def square(half: float) -> list[list[float]]:
        sides = [[x - half, y - half], [x + half, y - half], [x + half, y + half], [x - half, y + half], [x - half, y - half]]
        return [[(longitude + 180) % 360 - 180, latitude] for longitude, latitude in sides]

    return [square(size), square(size / 2)] if draw(st.booleans()) else [square(size)]


POLYGONS = rings().map(lambda ring: [ring]) | squares()
POINTS = POSITIONS.map(lambda position: geojson("Point", position))
SHAPES = st.one_of(
    POINTS,
    st.lists(POSITIONS, min_size=1, max_size=3).map(lambda found: geojson("MultiPoint", found)),
    st.lists(POSITIONS, min_size=2, max_size=4).map(lambda found: geojson("LineString", found)),
    st.lists(st.lists(POSITIONS, min_size=2, max_size=3), min_size=1, max_size=2).map(lambda found: geojson("MultiLineString", found)),
    POLYGONS.map(lambda found: geojson("Polygon", found)),
    st.lists(POLYGONS, min_size=1, max_size=2).map(lambda found: geojson("MultiPolygon", found)),
)
COLLECTIONS = st.lists(SHAPES, min_size=1, max_size=2).map(lambda found: {"type": "GeometryCollection", "geometries": found})
GEOMETRIES = SHAPES | COLLECTIONS
SPHERE_VALUES = st.one_of(
    GEOMETRIES,
    POSITIONS,
    POSITIONS.map(lambda pair: {"lng": pair[0], "lat": pair[1]}),
    st.tuples(POSITIONS, POSITIONS).map(lambda two: {"lng": two[0][0], "lat": two[0][1], "coordinates": two[1]}),
    st.none(),
)
PLANE_VALUES = st.one_of(
    PAIRS,
    PAIRS.map(lambda pair: {"x": pair[0], "y": pair[1]}),
    st.lists(PAIRS, max_size=3),
    st.tuples(PAIRS, PAIRS, st.sampled_from([1, 300])).map(lambda two: [*two[0], [two[1][0] * two[2], two[1][1]]]),
    st.tuples(PAIRS, POINTS).map(lambda two: [*two[0], two[1]]),
    st.none(),
)
OTHERS = st.sampled_from([None, 1, 2, 3, "a", "A", [1, 2], [3], []])


def documents(values: Any) -> Any:
    """Generate documents with a geometry, a nested geometry, and another field."""
    inner = st.lists(values.map(lambda value: {"p": value}), max_size=2) | values.map(lambda value: {"p": value})
    dense = st.fixed_dictionaries({"loc": values, "a": OTHERS, "in": inner})
    return st.lists(dense | st.fixed_dictionaries({}, optional={"loc": values, "a": OTHERS, "in": inner}), min_size=1, max_size=16)


def _within(region: Any) -> dict[str, Any]:
    return {"$geoWithin": region}


BIG = POLYGONS.map(
    lambda found: {
        **geojson("Polygon", [found[0][::-1]]),
        "crs": {"type": "name", "properties": {"name": "urn:x-mongodb:crs:strictwinding:EPSG:4326"}},
    }
)
SPHERE_REGIONS = st.one_of(
    POLYGONS.map(lambda found: _within({"$geometry": geojson("Polygon", found)})),
    BIG.map(lambda found: _within({"$geometry": found})),
    BIG.map(lambda found: {"$geoIntersects": {"$geometry": found}}),
    GEOMETRIES.map(lambda found: {"$geoIntersects": {"$geometry": found}}),
    st.tuples(POSITIONS, RADII).map(lambda cap: _within({"$centerSphere": list(cap)})),
)
PLANE_REGIONS = st.one_of(
    st.tuples(PAIRS, PAIRS).map(lambda corners: _within({"$box": list(corners)})),
    st.tuples(PAIRS, st.sampled_from([0, 0.5, 2, 100, 400])).map(lambda circle: _within({"$center": list(circle)})),
    st.lists(PAIRS, min_size=3, max_size=5).map(lambda corners: _within({"$polygon": corners})),
    st.tuples(POSITIONS, RADII).map(lambda cap: _within({"$centerSphere": list(cap)})),
)
LIMITS = st.fixed_dictionaries(
    {}, optional={"$minDistance": st.sampled_from([0, 0.01, 1]), "$maxDistance": st.sampled_from([0, 0.02, 1, 3])}
)
SPHERE_NEAR = st.one_of(
    st.tuples(POINTS, LIMITS).map(
        lambda found: {"$near": {"$geometry": found[0], **{name: limit * 6378100 for name, limit in found[1].items()}}}
    ),
    st.tuples(POSITIONS, LIMITS).map(lambda found: {"$nearSphere": found[0], **found[1]}),
)
PLANE_NEAR = st.one_of(
    st.tuples(PAIRS, LIMITS).map(lambda found: {"$near": found[0], **{name: limit * 60 for name, limit in found[1].items()}}),
    st.tuples(POSITIONS, LIMITS).map(lambda found: {"$nearSphere": found[0], **found[1]}),
)
ORDINARY = st.sampled_from(
    [{}, {}, {"a": 1}, {"a": {"$gt": 1}}, {"a": {"$in": [1, "a"]}}, {"a": None}, {"a": {"$gte": 1, "$lt": 3}}, {"a": "A"}]
)
