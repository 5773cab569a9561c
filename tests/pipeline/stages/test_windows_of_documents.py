"""`$limit`, `$skip`, `$count`, `$sample`, `$sort`, `$match`."""

from __future__ import annotations

from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from tests.pipeline.memory import error, run

FIVE = [{"_id": number, "v": 5 - number} for number in range(5)]


def ids(documents: list[dict[str, Any]]) -> list[Any]:
    return [document["_id"] for document in documents]


@pytest.mark.parametrize("limit", [2, Int64(2), 2.0, Decimal128("2")])
def test_limit(limit: Any) -> None:
    assert ids(run([{"$limit": limit}], FIVE)) == [0, 1]


@pytest.mark.parametrize(
    ("limit", "code", "text"),
    [
        (0, 15958, "the limit must be positive"),
        (-1, 5107201, "invalid argument to $limit stage: Expected a non-negative number in: $limit: -1"),
        ("x", 5107201, 'invalid argument to $limit stage: Expected a number in: $limit: "x"'),
        (None, 5107201, "invalid argument to $limit stage: Expected a number in: $limit: null"),
        (1.5, 5107201, "invalid argument to $limit stage: Expected an integer: $limit: 1.5"),
        (1e19, 5107201, "invalid argument to $limit stage: Cannot represent as a 64-bit integer: $limit: 1e+19"),
        (float("nan"), 5107201, "invalid argument to $limit stage: Expected an integer, but found NaN or infinity in: $limit: nan"),
    ],
)
def test_limit_errors(limit: Any, code: int, text: str) -> None:
    found = error([{"$limit": limit}])
    assert (found.code, found.message) == (code, text)


@pytest.mark.parametrize(("skip", "expected"), [(0, [0, 1, 2, 3, 4]), (3, [3, 4]), (Int64(2**63 - 1), [])])
def test_skip(skip: Any, expected: list[int]) -> None:
    assert ids(run([{"$skip": skip}], FIVE)) == expected


@pytest.mark.parametrize("skip", [-1, "1", None, 0.5, True])
def test_skip_errors(skip: Any) -> None:
    assert error([{"$skip": skip}]).code == 5107200


def test_count() -> None:
    assert run([{"$count": "n"}], FIVE) == [{"n": 5}]
    assert run([{"$count": "n"}], []) == []


@pytest.mark.parametrize(("name", "code"), [(1, 40156), ("", 40157), ("$a", 40158), ("a\0b", 40159), ("a.b", 40160), ("_id", 9039800)])
def test_count_errors(name: Any, code: int) -> None:
    assert error([{"$count": name}]).code == code


@pytest.mark.parametrize(("size", "count"), [(3, 3), (50, 5), (Decimal128("1.5"), 2), (1.9, 1)])
def test_sample_draws_each_document_once(size: Any, count: int) -> None:
    drawn = ids(run([{"$sample": {"size": size}}], FIVE))
    assert len(drawn) == count
    assert len(set(drawn)) == count


@pytest.mark.parametrize(
    ("spec", "code"), [(5, 28745), ({"size": "1"}, 28746), ({"size": 0}, 28747), ({"size": -1, "x": 1}, 28748), ({}, 28749)]
)
def test_sample_errors(spec: Any, code: int) -> None:
    assert error([{"$sample": spec}]).code == code


def test_sort() -> None:
    assert ids(run([{"$sort": {"v": 1}}], FIVE)) == [4, 3, 2, 1, 0]
    assert ids(run([{"$sort": {"v": 1}}, {"$skip": 1}, {"$limit": 2}], FIVE)) == [3, 2]


@pytest.mark.parametrize(("spec", "code"), [([], 15973), ({}, 15976), ({"a": "x"}, 15974), ({"a": 2}, 15975), ({"": 1}, 40352)])
def test_sort_errors(spec: Any, code: int) -> None:
    assert error([{"$sort": spec}]).code == code


def test_match() -> None:
    assert ids(run([{"$match": {"v": {"$gt": 3}}}], FIVE)) == [0, 1]


@pytest.mark.parametrize(
    ("spec", "code"), [(5, 15959), ({"a": {"$near": [0, 0]}}, 5626500), ({"$or": [{"$where": "1"}]}, 2), ({"$nothing": 1}, 2)]
)
def test_match_errors(spec: Any, code: int) -> None:
    assert error([{"$match": spec}]).code == code
