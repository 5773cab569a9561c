"""`$geoNear`."""

from __future__ import annotations

import math
from typing import Any

import pytest
from bson.decimal128 import Decimal128

from secantus_server.errors import CommandError
from tests.pipeline.memory import MemoryHost, context, error, run

POINT = {"type": "Point", "coordinates": [0, 0]}
DEGREE = 111318.84502145034


def place(longitude: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [longitude, 0]}


PLACES = [{"_id": 3, "loc": place(3)}, {"_id": 1, "loc": place(1)}, {"_id": 2, "loc": place(2), "a": 5}, {"_id": 9}]


def near(options: dict[str, Any], documents: list[Any], *kinds: str) -> list[dict[str, Any]]:
    server = MemoryHost()
    server.fill("test", "source", [])
    server.indexes["test", "source"] = [{"name": kind, "key": {"loc": kind}} for kind in kinds or ("2dsphere",)]
    return run([{"$geoNear": {"near": POINT, "distanceField": "d", **options}}], documents, server=server)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [(1, DEGREE), (2, 2 * DEGREE), (3, 3 * DEGREE)]),
        ({"maxDistance": DEGREE}, [(1, DEGREE)]),
        ({"minDistance": {"$add": [DEGREE, 1]}}, [(2, 2 * DEGREE), (3, 3 * DEGREE)]),
        ({"query": {"a": 5}}, [(2, 2 * DEGREE)]),
        ({"distanceMultiplier": 0.5, "maxDistance": DEGREE}, [(1, DEGREE / 2)]),
    ],
)
def test_distances_on_the_sphere(options: dict[str, Any], expected: list[tuple[int, float]]) -> None:
    found = near(options, PLACES)
    assert [document["_id"] for document in found] == [id_ for id_, _ in expected]
    assert [document["d"] for document in found] == pytest.approx([distance for _, distance in expected])


def test_distances_in_the_plane() -> None:
    documents = [{"_id": 1, "loc": [3, 4]}, {"_id": 2, "loc": [1, 0]}]
    assert [document["d"] for document in near({"near": [0, 0]}, documents, "2d")] == [1.0, 5.0]
    found = near({"near": [0, 0], "spherical": True}, documents, "2d")
    assert found[0]["d"] == pytest.approx(math.radians(1))


def test_where_location_and_distance_go() -> None:
    [document] = near({"distanceField": "a.b", "includeLocs": "a.c"}, [{"loc": place(1), "a": 1}])
    assert document["a"]["c"] == place(1)
    [document] = near({"near": [0, 0], "includeLocs": "at"}, [{"loc": [[5, 5], [0, 1]]}], "2d")
    assert document["at"] == [0, 1]


@pytest.mark.parametrize(
    ("options", "kinds", "code"),
    [
        ({}, ("1",), 27),
        ({}, ("2d",), 291),
        ({"near": [0, 0]}, ("2dsphere",), 291),
        ({"key": "other"}, ("2dsphere",), 291),
        ({"near": [0, 91], "spherical": True}, ("2dsphere",), 2),
        ({"near": [181, 0]}, ("2d",), 16433),
    ],
)
def test_what_cannot_be_searched(options: dict[str, Any], kinds: tuple[str, ...], code: int) -> None:
    with pytest.raises(CommandError) as caught:
        near(options, PLACES, *kinds)
    assert caught.value.code == code


def test_a_collection_must_be_there() -> None:
    with pytest.raises(CommandError) as caught:
        list(MemoryHost().documents("test", "source", _parsed({"near": POINT})))
    assert caught.value.code == 26


def _parsed(spec: dict[str, Any]) -> Any:
    from secantus_server.pipeline import parse_pipeline

    return parse_pipeline([{"$geoNear": spec}], context())


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (None, 10065),
        ([], 5860400),
        ({}, 5860400),
        ({"near": 5}, 5860401),
        ({"near": "$loc"}, 5860402),
        ({"near": POINT, "maxDistance": "$a"}, 7555702),
        ({"near": POINT, "minDistance": "$a"}, 7555701),
        ({"near": POINT, "maxDistance": "1"}, 14),
        ({"near": POINT, "minDistance": -1}, 2),
        ({"near": POINT, "distanceMultiplier": -1}, 2),
        ({"near": POINT, "distanceMultiplier": float("nan")}, 2),
        ({"near": POINT, "distanceMultiplier": Decimal128("NaN")}, 2),
        ({"near": POINT, "distanceField": 1}, 16606),
        ({"near": POINT, "includeLocs": 1}, 16607),
        ({"near": POINT, "key": ""}, 2),
        ({"near": POINT, "key": 1}, 14),
        ({"near": POINT, "query": 1}, 14),
        ({"near": POINT, "query": {"a": {"$near": [0, 0]}}}, 5626500),
        ({"near": POINT, "limit": 1}, 50858),
        ({"near": POINT, "other": 1}, 2),
    ],
)
def test_errors(spec: Any, code: int) -> None:
    assert error([{"$geoNear": spec}]).code == code


def test_an_empty_filter_in_front_is_left_out() -> None:
    from secantus_server.pipeline import parse_pipeline

    assert [stage.name for stage in parse_pipeline([{"$match": {}}, {"$geoNear": {"near": POINT}}], context()).stages] == ["$geoNear"]
    assert error([{"$match": {"a": 1}}, {"$geoNear": {"near": POINT}}]).code == 40603
