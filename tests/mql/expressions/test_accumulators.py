"""Accumulators as expressions: sums, averages, extremes, deviations, percentiles."""

from __future__ import annotations

import math
from typing import Any

import pytest
from bson import Decimal128, Int64

from tests.mql.expressions.evaluation import evaluate, parse_error_of, same


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"$sum": [1, "a", 2.5, None]}, 3.5),
        ({"$sum": "$v"}, 6),
        ({"$sum": ["$v", 1]}, 1),
        ({"$sum": []}, 0),
        ({"$sum": [0.1, 0.2, 0.3]}, 0.6),
        ({"$sum": [1e15, 1.0, -1e15]}, 1.0),
        ({"$sum": [2**31 - 1, 1]}, Int64(2**31)),
        ({"$sum": [Int64(2**63 - 1), Int64(2**63 - 1), -1]}, 2.0**64),
        ({"$sum": [Int64(2**63 - 1), 1, -1]}, Int64(2**63 - 1)),
        ({"$sum": [1, Decimal128("0.5"), 0.25]}, Decimal128("1.75")),
        ({"$sum": [math.inf, Decimal128("-Infinity")]}, Decimal128("NaN")),
        ({"$avg": [1, 2]}, 1.5),
        ({"$avg": [1, Decimal128("2")]}, Decimal128("1.5")),
        ({"$avg": ["a"]}, None),
        ({"$min": [3, None, "$missing", 1.0, "a"]}, 1.0),
        ({"$max": [3, "a", 5]}, "a"),
        ({"$max": [5.0, Int64(5)]}, 5.0),
        ({"$max": "$v"}, 3),
        ({"$min": None}, None),
        ({"$stdDevPop": [1, 3]}, 1.0),
        ({"$stdDevSamp": [10, 20, 30]}, 10.0),
        ({"$stdDevSamp": 1}, None),
        ({"$median": {"input": "$v", "method": "approximate"}}, 2.0),
        ({"$median": {"input": [1, 2], "method": "continuous"}}, 1.5),
        ({"$percentile": {"input": "$v", "p": [0, 0.9, 1], "method": "discrete"}}, [1.0, 3.0, 3.0]),
        ({"$percentile": {"input": "a", "p": [0.5], "method": "approximate"}}, [None]),
    ],
)
def test_values(spec: Any, expected: Any) -> None:
    assert same(evaluate(spec, {"v": [1, 2, 3]}), expected)


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"$median": 1}, 7436200),
        ({"$median": {"input": 1}}, 40414),
        ({"$median": {"input": 1, "method": "approximate", "p": 1}}, 40415),
        ({"$median": {"input": 1, "method": "exact"}}, 2),
        ({"$percentile": {"input": 1, "p": "$v", "method": "approximate"}}, 7750300),
        ({"$percentile": {"input": 1, "p": [], "method": "approximate"}}, 7750301),
        ({"$percentile": {"input": 1, "p": ["a"], "method": "approximate"}}, 7750302),
        ({"$percentile": {"input": 1, "p": [2], "method": "approximate"}}, 7750303),
    ],
)
def test_errors(spec: Any, code: int) -> None:
    assert parse_error_of(spec)[0] == code
