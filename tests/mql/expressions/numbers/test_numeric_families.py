"""Trigonometry, bits, `$rand`, `$meta`, `$toHashedIndexKey`, and accumulators as expressions."""

from __future__ import annotations

import math
import random
from decimal import Decimal
from typing import Any

import pytest
from bson import Decimal128, Int64
from hypothesis import given
from hypothesis import strategies as st

from secantus_server.mql.context import ParseContext
from tests.mql.expressions.evaluation import evaluate, parse_error_of, same


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"$sin": 0}, 0.0),
        ({"$cos": 0}, 1.0),
        ({"$tan": math.nan}, math.nan),
        ({"$acos": 1}, 0.0),
        ({"$atan2": [1, 1]}, math.pi / 4),
        ({"$atanh": -1}, -math.inf),
        ({"$acosh": math.inf}, math.inf),
        ({"$sinh": -1000}, -math.inf),
        ({"$cosh": -1000}, math.inf),
        ({"$sin": Decimal128("0.5")}, Decimal128("0.4794255386042030002732879352155714")),
        ({"$atan": Decimal128("Infinity")}, Decimal128("1.570796326794896619231321691639751")),
        ({"$atan2": [Decimal128("0"), -1]}, Decimal128("3.141592653589793238462643383279503")),
        ({"$acos": Decimal128("1")}, Decimal128("0")),
        ({"$tanh": Decimal128("NaN")}, Decimal128("NaN")),
        ({"$toHashedIndexKey": "hello"}, Int64(5347277839332858538)),
        ({"$toHashedIndexKey": 1.9}, Int64(5902408780260971510)),
        ({"$eq": [{"$toHashedIndexKey": math.inf}, {"$toHashedIndexKey": Int64(2**63 - 1)}]}, True),
        ({"$type": {"$meta": "searchScore"}}, "missing"),
        ({"$degreesToRadians": 180}, math.pi),
        ({"$radiansToDegrees": Decimal128("0")}, Decimal128("0E-32")),
        ({"$sin": None}, None),
        ({"$bitAnd": [6, 3]}, 2),
        ({"$bitAnd": []}, -1),
        ({"$bitOr": [6, Int64(1)]}, Int64(7)),
        ({"$bitXor": [6, 3]}, 5),
        ({"$bitXor": [6, None]}, None),
        ({"$bitNot": 0}, -1),
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
        ({"$sin": "a"}, 28765),
        ({"$sin": math.inf}, 50989),
        ({"$acos": 2}, 50989),
        ({"$sin": Decimal128("1E+100")}, 238),
        ({"$acos": Decimal128("1.1")}, 50989),
        ({"$atan2": ["a", 1]}, 51044),
        ({"$bitAnd": [1.0]}, 14),
        ({"$bitNot": "a"}, 14),
        ({"$toHashedIndexKey": [[]]}, 238),
        ({"$rand": 1}, 10065),
        ({"$rand": {"a": 1}}, 3040501),
        ({"$meta": 1}, 17307),
        ({"$meta": "nothing"}, 17308),
        ({"$meta": "textScore"}, 40218),
        ({"$meta": "indexKey"}, 238),
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


def test_text_outside_the_domain() -> None:
    assert parse_error_of({"$acos": 2}) == (50989, "cannot apply $acos to 2, value must be in [-1,1]")


def test_rand_draws_from_the_contexts_randomness() -> None:
    expected = random.Random(7)
    ctx = ParseContext(random=random.Random(7))
    assert evaluate([{"$rand": {}}, {"$rand": []}], {}, ctx) == [expected.random(), expected.random()]


@given(st.decimals(-1, 1, places=12))
def test_decimals_give_what_doubles_give(number: Decimal) -> None:
    for name in ("$sin", "$cos", "$tan", "$asin", "$acos", "$atan", "$sinh", "$cosh", "$tanh", "$asinh"):
        of_decimal = evaluate({name: Decimal128(number)}).to_decimal()
        assert math.isclose(of_decimal, evaluate({name: float(number)}), rel_tol=1e-9, abs_tol=1e-9)
