"""`$round` and `$trunc`."""

from __future__ import annotations

import math
from typing import Any

import pytest
from bson import Decimal128, Int64

from tests.mql.expressions.evaluation import evaluate, parse_error_of, same


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"$round": 2.5}, 2.0),
        ({"$round": 3.5}, 4.0),
        ({"$round": -0.5}, -0.0),
        ({"$round": [1.005, 2]}, 1.0),
        ({"$round": [15, -1]}, 20),
        ({"$round": [25, -1]}, 20),
        ({"$round": [-4995, -3]}, -5000),
        ({"$round": [2147483647, -1]}, Int64(2147483650)),
        ({"$round": [Int64(5), 3]}, Int64(5)),
        ({"$round": [Decimal128("2.015"), 2]}, Decimal128("2.02")),
        ({"$round": [Decimal128("23.298"), -1]}, Decimal128("2E+1")),
        ({"$round": Decimal128("Infinity")}, Decimal128("Infinity")),
        ({"$round": [1.2345, Decimal128("2")]}, 1.23),
        ({"$round": [None, 101]}, None),
        ({"$round": [5.7, None]}, None),
        ({"$trunc": -99.99}, -99.0),
        ({"$trunc": [0.29, 2]}, 0.28),
        ({"$trunc": [Decimal128("1.1"), 3]}, Decimal128("1.100")),
        ({"$trunc": [-1234.5678, -20]}, -0.0),
        ({"$trunc": math.inf}, math.inf),
    ],
)
def test_values(spec: Any, expected: Any) -> None:
    assert same(evaluate(spec), expected)


@pytest.mark.parametrize(
    ("spec", "code", "message"),
    [
        ({"$round": "a"}, 51081, "$round only supports numeric types, not string"),
        ({"$trunc": [1, "2"]}, 16004, "can't convert from BSON type string to long"),
        ({"$round": [1, math.nan]}, 31109, "Can't coerce out of range value nan to long"),
        ({"$round": [1, 0.5]}, 51082, "precision argument to  $round must be a integral value"),
        ({"$round": [1, 101]}, 51083, "cannot apply $round with precision value 101 value must be in [-20, 100]"),
        ({"$round": []}, 28667, "Expression $round takes at least 1 arguments, and at most 2, but 0 were passed in."),
    ],
)
def test_errors(spec: Any, code: int, message: str) -> None:
    assert parse_error_of(spec) == (code, message)


def test_a_long_that_overflows() -> None:
    assert parse_error_of({"$round": [Int64(2**63 - 2), -1]})[0] == 51080
