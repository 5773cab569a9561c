"""The shapes of queries: which queries have the same hash."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.query.shapes import filter_shape, projection_shape, shape_hash


def hashes(filter: dict[str, Any]) -> tuple[str, str]:
    """Return the hashes of the plan cache shape and of the query shape."""
    return shape_hash(filter_shape(filter, cached=True)), shape_hash(filter_shape(filter, cached=False))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"a": 1}, {"a": {"$eq": 2.5}}, (True, True)),
        ({"a": 1, "b": 2}, {"$and": [{"a": 1}, {"b": 2}]}, (True, True)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, (True, False)),
        ({"$or": [{"a": 1}, {"b": 1}]}, {"$or": [{"b": 1}, {"a": 1}]}, (True, False)),
        ({"$expr": {"$gt": ["$a", "$b"]}}, {"$expr": {"$lt": ["$a", "$b"]}}, (True, False)),
        ({"$expr": {"$gt": ["$a", 1]}}, {"$expr": {"$gt": ["$a", 2]}}, (True, True)),
        ({"a": {"$in": [1]}}, {"a": {"$in": [1, 2]}}, (False, True)),
        ({"a": {"$in": [1, 2]}}, {"a": {"$in": [2, 1]}}, (True, True)),
        ({"a": {"$type": "int"}}, {"a": {"$type": "string"}}, (True, False)),
        ({"a": {"$type": "int"}}, {"a": {"$type": ["int"]}}, (True, True)),
        ({"a": {"$not": {"$gt": 1}}}, {"a": {"$not": {"$gt": 2}}}, (True, True)),
        ({"a": {"$elemMatch": {"$gt": 1}}}, {"a": {"$elemMatch": {"$gt": 2}}}, (True, True)),
        ({"a": {"$regex": "a"}}, {"a": {"$regex": "b"}}, (True, True)),
        ({"a": {"$gt": 1}}, {"a": {"$lt": 1}}, (False, False)),
        ({"a": {"$exists": True}}, {"a": {"$exists": False}}, (False, False)),
        ({"a": {"$all": [1]}}, {"a": {"$all": [1, 2]}}, (False, False)),
        ({"a": {"$elemMatch": {"b": 1}}}, {"a": {"$elemMatch": {"c": 1}}}, (False, False)),
        ({"$jsonSchema": {"required": ["a"]}}, {"$jsonSchema": {"required": ["b"]}}, (False, False)),
        ({"$and": [{"a": 1}, {"b": 1}]}, {"$or": [{"a": 1}, {"b": 1}]}, (False, False)),
        ({"a": 1}, {"b": 1}, (False, False)),
    ],
    ids=str,
)
def test_filters(first: dict[str, Any], second: dict[str, Any], expected: tuple[bool, bool]) -> None:
    pairs = zip(hashes(first), hashes(second), strict=True)
    assert tuple(one == other for one, other in pairs) == expected


def test_projections() -> None:
    assert projection_shape({"a": 1, "b": 1}, cached=True) == projection_shape({"b": True, "a": 1.0}, cached=True)
    assert projection_shape({"a": 1, "b": 1}, cached=False) != projection_shape({"b": 1, "a": 1}, cached=False)
    assert projection_shape({"a": 1}, cached=True) != projection_shape({"a": 0}, cached=True)
    assert projection_shape({}, cached=True) is None


def test_a_deep_array_has_a_short_shape() -> None:
    deep: list[object] = []
    for _ in range(80):
        deep = [deep]
    assert len(str(filter_shape({"a": deep}, cached=False))) < 10_000
