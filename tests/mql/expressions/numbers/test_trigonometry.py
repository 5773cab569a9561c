"""Trigonometric and hyperbolic functions, degrees and radians."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from bson import Decimal128
from hypothesis import given
from hypothesis import strategies as st

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
        ({"$sin": Decimal128("sNaN")}, Decimal128("NaN")),
        ({"$sin": Decimal128("0.5")}, Decimal128("0.4794255386042030002732879352155714")),
        ({"$atan": Decimal128("Infinity")}, Decimal128("1.570796326794896619231321691639751")),
        ({"$atan2": [Decimal128("0"), -1]}, Decimal128("3.141592653589793238462643383279503")),
        ({"$acos": Decimal128("1")}, Decimal128("0")),
        ({"$tanh": Decimal128("NaN")}, Decimal128("NaN")),
        ({"$degreesToRadians": 180}, math.pi),
        ({"$radiansToDegrees": Decimal128("0")}, Decimal128("0E-32")),
        ({"$sin": None}, None),
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
    ],
)
def test_errors(spec: Any, code: int) -> None:
    assert parse_error_of(spec)[0] == code


def test_text_outside_the_domain() -> None:
    assert parse_error_of({"$acos": 2}) == (50989, "cannot apply $acos to 2, value must be in [-1,1]")


@given(st.decimals(-1, 1, places=12))
def test_decimals_agree_with_doubles(number: Decimal) -> None:
    for name in ("$sin", "$cos", "$tan", "$asin", "$acos", "$atan", "$sinh", "$cosh", "$tanh", "$asinh"):
        of_decimal = evaluate({name: Decimal128(number)}).to_decimal()
        assert math.isclose(of_decimal, evaluate({name: float(number)}), rel_tol=1e-9, abs_tol=1e-9)
