"""`$bitAnd`, `$bitOr`, `$bitXor`, `$bitNot`."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Int64

from tests.mql.expressions.evaluation import evaluate, parse_error_of, same


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"$bitAnd": [6, 3]}, 2),
        ({"$bitAnd": []}, -1),
        ({"$bitOr": [6, Int64(1)]}, Int64(7)),
        ({"$bitXor": [6, 3]}, 5),
        ({"$bitXor": [6, None]}, None),
        ({"$bitNot": 0}, -1),
    ],
)
def test_values(spec: Any, expected: Any) -> None:
    assert same(evaluate(spec, {"v": [1, 2, 3]}), expected)


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"$bitAnd": [1.0]}, 14),
        ({"$bitNot": "a"}, 14),
    ],
)
def test_errors(spec: Any, code: int) -> None:
    assert parse_error_of(spec)[0] == code
