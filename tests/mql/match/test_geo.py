"""`$geoWithin`, `$geoIntersects`, `$near` and `$nearSphere`."""

from __future__ import annotations

from typing import Any

import pytest
from bson.decimal128 import Decimal128

from secantus_server.bson import encode
from secantus_server.mql.match import GeoNear
from tests.mql.match.matching import failure, matches, parse

SQUARE = {"type": "Polygon", "coordinates": [[[-10, -10], [10, -10], [10, 10], [-10, 10], [-10, -10]]]}
HOLED = {"type": "Polygon", "coordinates": [*SQUARE["coordinates"], [[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]]}
STRICT = {"type": "name", "properties": {"name": "urn:x-mongodb:crs:strictwinding:EPSG:4326"}}


def point(x: Any, y: Any) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [x, y]}


def line(*positions: Any) -> dict[str, Any]:
    return {"type": "LineString", "coordinates": [list(position) for position in positions]}


@pytest.mark.parametrize(
    ("region", "stored", "expected"),
    [
        (SQUARE, point(0, 0), True),
        (SQUARE, point(50, 50), False),
        (SQUARE, [1, 1], True),
        (SQUARE, {"x": 1, "y": 1}, True),
        (SQUARE, point(Decimal128("1.5"), 1), True),
        (SQUARE, "x", False),
        (SQUARE, [500, 500], False),
        (SQUARE, line((0, 0), (5, 5)), True),
        (SQUARE, line((0, 0), (50, 50)), False),
        (SQUARE, {"type": "MultiPoint", "coordinates": [[0, 0], [50, 50]]}, False),
        (SQUARE, SQUARE, True),
        (HOLED, point(0, 0), False),
        (HOLED, point(5, 5), True),
        (HOLED, {"type": "Polygon", "coordinates": [[[-5, -5], [5, -5], [5, 5], [-5, 5], [-5, -5]]]}, False),
        ({**SQUARE, "crs": STRICT}, point(0, 0), True),
        ({"type": "Polygon", "coordinates": [SQUARE["coordinates"][0][::-1]], "crs": STRICT}, point(0, 0), False),
        ({"type": "Polygon", "coordinates": [SQUARE["coordinates"][0][::-1]], "crs": STRICT}, point(50, 50), True),
        ({"type": "Polygon", "coordinates": [SQUARE["coordinates"][0][::-1]]}, point(0, 0), True),
        ({"type": "Polygon", "coordinates": [[[178, -2], [-178, -2], [-178, 2], [178, 2], [178, -2]]]}, point(-179, 0), True),
        ({"type": "Polygon", "coordinates": [[[178, -2], [-178, -2], [-178, 2], [178, 2], [178, -2]]]}, point(0, 0), False),
    ],
)
def test_geo_within_polygon(region: dict[str, Any], stored: Any, expected: bool) -> None:
    assert matches({"loc": {"$geoWithin": {"$geometry": region}}}, {"loc": stored}) is expected
    assert not matches({"loc": {"$geoWithin": {"$geometry": region}}}, {})


@pytest.mark.parametrize(
    ("region", "stored", "expected"),
    [
        ({"$box": [[0, 0], [10, 10]]}, [10, 10], True),
        ({"$box": [[10, 0], [0, 10]]}, [5, 5], True),
        ({"$box": [[0, 0], [10, 10]]}, [10.001, 5], False),
        ({"$box": [[0, 0], [600, 600]]}, [500, 500], True),
        ({"$box": [[0, 0], [10, 10]]}, line((1, 1), (2, 2)), False),
        ({"$center": [[0, 0], 1]}, [1, 0], True),
        ({"$center": [[0, 0], 1]}, [1, 1], False),
        ({"$polygon": [[0, 0], [10, 0], [5, 10]]}, [5, 5], True),
        ({"$polygon": [[0, 0], [10, 0], [5, 10]]}, [0, 5], False),
        ({"$polygon": [[0, 0], [0, 10], [10, 10], [10, 0]]}, [5, 0], True),
        ({"$centerSphere": [[0, 0], 0.017453292519943295]}, point(1, 0), True),
        ({"$centerSphere": [[0, 0], 0.017453292519943295]}, point(0.9, 0.9), False),
        ({"$centerSphere": [[179, 0], 0.05]}, point(-179, 0), True),
        ({"$centerSphere": [[0, 0], float("inf")]}, point(180, 0), True),
        ({"$centerSphere": [[0, 0], 1]}, line((0, 0), (100, 0)), False),
    ],
)
def test_geo_within_legacy_shapes(region: dict[str, Any], stored: Any, expected: bool) -> None:
    assert matches({"loc": {"$geoWithin": region}}, {"loc": stored}) is expected
    assert matches({"loc": {"$geoWithin": region}}, {"loc": [stored, None]}) is expected
    assert matches({"loc": {"$not": {"$geoWithin": region}}}, {"loc": stored}) is not expected


@pytest.mark.parametrize(
    ("geometry", "stored", "expected"),
    [
        (point(0, 0), point(0, 0), True),
        (point(0, 90), point(90, 90), True),
        ([0, 0], point(0, 0), True),
        ({"x": 0, "y": 0}, point(0, 0), True),
        (line((-1, 0), (1, 0)), point(0, 0), True),
        (line((-1, 0), (1, 0)), point(0, 1), False),
        (line((0, 0), (1, 0)), line((1, 0), (2, 1)), True),
        (line((0, 0), (1, 0)), line((0, 2), (1, 2)), False),
        (line((-20, 0), (20, 0)), SQUARE, True),
        (SQUARE, {"type": "Polygon", "coordinates": [[[5, 5], [20, 5], [20, 20], [5, 20], [5, 5]]]}, True),
        (SQUARE, {"type": "Polygon", "coordinates": [[[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]]}, True),
        (SQUARE, {"type": "Polygon", "coordinates": [[[10, -10], [20, -10], [20, 10], [10, 10], [10, -10]]]}, False),
        (SQUARE, SQUARE, True),
        (HOLED, point(0, 0), False),
        ({"type": "GeometryCollection", "geometries": [point(40, 40), line((0, 0), (1, 1))]}, point(0, 0), True),
        (SQUARE, {"type": "Polygon", "coordinates": []}, False),
    ],
)
def test_geo_intersects(geometry: Any, stored: Any, expected: bool) -> None:
    assert matches({"loc": {"$geoIntersects": {"$geometry": geometry}}}, {"loc": stored}) is expected


@pytest.mark.parametrize(
    ("spec", "stored", "expected"),
    [
        ({"$near": {"$geometry": point(0, 0)}}, point(0, 1), 111318.8),
        ({"$nearSphere": {"$geometry": point(0, 0)}}, [0, 1], 111318.8),
        ({"$nearSphere": [0, 0]}, [0, 1], 0.01745),
        ({"$near": [0, 0]}, [3, 4], 5.0),
        ({"$near": {"$geometry": point(0, 0)}}, line((-1, 0), (1, 0)), 0.0),
        ({"$near": {"$geometry": point(0, 0)}}, SQUARE, 0.0),
        ({"$near": {"$geometry": point(0, 0)}}, [point(5, 5), point(0, 1)], 111318.8),
        ({"$near": point(0, 0)}, point(0, 1), 111318.8),
        ({"$nearSphere": point(0, 0), "$maxDistance": 111319}, point(0, 1), 111318.8),
        ({"$near": point(0, 0), "$maxDistance": 5}, point(0, 1), None),
        ({"$nearSphere": {"type": 0, "coordinates": 0}}, [0, 1], 0.01745),
        ({"$near": [0, 0], "$maxDistance": 4}, [3, 4], None),
        ({"$near": [0, 0], "$minDistance": 6}, [3, 4], None),
        ({"$near": {"$geometry": point(0, 0), "$maxDistance": 5}}, point(0, 1), None),
        ({"$near": [0, 0]}, "x", None),
    ],
)
def test_near(spec: dict[str, Any], stored: Any, expected: float | None) -> None:
    node = parse({"loc": spec})
    assert isinstance(node, GeoNear)
    found = node.distance(encode({"loc": stored}))
    assert found == (None if expected is None else pytest.approx(expected, abs=0.1 if expected > 1 else 1e-5))
    assert node.matches(encode({"loc": stored})) is (expected is not None)


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"loc": {"$geoWithin": 1}}, 2),
        ({"loc": {"$geoWithin": {}}}, 2),
        ({"loc": {"$geoWithin": {"$geometry": point(0, 0)}}}, 2),
        ({"loc": {"$geoWithin": {"$nothing": 1}}}, 2),
        ({"loc": {"$geoWithin": {"$box": [[0, 0], [1, 1]]}, "$exists": True}}, 2),
        ({"loc": {"$geoWithin": {"$center": [[0, 0], -1]}}}, 2),
        ({"loc": {"$geoWithin": {"$centerSphere": [[181, 0], 1]}}}, 2),
        ({"loc": {"$geoWithin": {"$centerSphere": [point(0, 0), 1]}}}, 2),
        ({"loc": {"$geoWithin": {"$center": [point(0, 0), 1]}}}, 2),
        ({"loc": {"$geoWithin": {"$box": [point(0, 0), point(1, 1)]}}}, 2),
        ({"loc": {"$near": line((0, 0), (1, 1))}}, 2),
        ({"loc": {"$near": {"type": "Point"}}}, 2),
        ({"loc": {"$near": point(0, 91)}}, 2),
        ({"loc": {"$nearSphere": point(0, 0), "$maxDistance": -1}}, 16896),
        ({"loc": {"$geoWithin": {"$polygon": [[0, 0], [1, 1]]}}}, 2),
        ({"loc": {"$geoIntersects": {"$box": [[0, 0], [1, 1]]}}}, 2),
        ({"loc": {"$geoIntersects": {"$geometry": point(0, 91)}}}, 2),
        ({"loc": {"$geoIntersects": {"$geometry": line((0, 0))}}}, 2),
        ({"loc": {"$geoIntersects": {"$geometry": {"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}}}}, 2),
        ({"loc": {"$geoIntersects": {"$geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}}}}, 2),
        ({"loc": {"$geoIntersects": {"$geometry": {**point(0, 0), "crs": STRICT}}}}, 2),
        ({"loc": {"$near": {}}}, 2),
        ({"loc": {"$near": {"$geometry": line((0, 0), (1, 1))}}}, 2),
        ({"loc": {"$near": {"$geometry": point(0, 0)}, "$eq": 1}}, 34413),
        ({"loc": {"$near": {"$geometry": point(0, 0), "$maxDistance": "x"}}}, 2),
        ({"loc": {"$near": {"$geometry": point(0, 0), "$maxDistance": float("inf")}}}, 2),
        ({"loc": {"$near": {"$geometry": point(0, 0), "$minDistance": float("inf")}}}, 2),
        ({"loc": {"$near": [0, 0], "$maxDistance": "x"}}, 16895),
        ({"loc": {"$near": [0, 0], "$maxDistance": -1}}, 16896),
        ({"loc": {"$near": [0, 0], "$minDistance": "x"}}, 16893),
        ({"loc": {"$near": [0, 0], "$minDistance": -1}}, 16894),
        ({"loc": {"$maxDistance": 1}}, 2),
        ({"$or": [{"loc": {"$near": [0, 0]}}, {"a": 1}]}, 2),
        ({"a": {"$elemMatch": {"loc": {"$near": [0, 0]}}}}, 2),
        ({"a": {"$near": [0, 0]}, "b": {"$near": [0, 0]}}, 2),
    ],
)
def test_errors(spec: dict[str, Any], code: int) -> None:
    assert failure(spec)[0] == code
