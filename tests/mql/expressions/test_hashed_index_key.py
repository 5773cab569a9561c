"""`$toHashedIndexKey`."""

from __future__ import annotations

import math
from typing import Any

import pytest
from bson import Int64

from tests.mql.expressions.evaluation import evaluate, parse_error_of, same


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"$toHashedIndexKey": "hello"}, Int64(5347277839332858538)),
        ({"$toHashedIndexKey": 1.9}, Int64(5902408780260971510)),
        ({"$toHashedIndexKey": None}, Int64(2338878944348059895)),
        ({"$toHashedIndexKey": "$missing"}, Int64(2338878944348059895)),
        ({"$eq": [{"$toHashedIndexKey": math.inf}, {"$toHashedIndexKey": Int64(2**63 - 1)}]}, True),
    ],
)
def test_values(spec: Any, expected: Any) -> None:
    assert same(evaluate(spec, {"v": [1, 2, 3]}), expected)


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"$toHashedIndexKey": [[]]}, 238),
    ],
)
def test_errors(spec: Any, code: int) -> None:
    assert parse_error_of(spec)[0] == code
