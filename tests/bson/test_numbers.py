"""Numeric types and decimal conversion."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson import int_value, to_decimal
from secantus_server.bson.numbers import is_finite, python_number, to_float

HUGE = Decimal128("1E+6000")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (0, int),
        (2**31 - 1, int),
        (-(2**31), int),
        (2**31, Int64),
        (-(2**31) - 1, Int64),
        (2**63 - 1, Int64),
        (-(2**63), Int64),
        (2**63, float),
        (-(2**63) - 1, float),
        (Int64(5), int),
    ],
)
def test_the_narrowest_width(number: int, kind: type) -> None:
    value = int_value(number)
    assert type(value) is kind
    assert value == number or kind is float


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (3, "3"),
        (Int64(2**63 - 1), "9223372036854775807"),
        (0.1, "0.100000000000000"),
        (1 / 3, "0.333333333333333"),
        (2.0**70, "1.18059162071741E+21"),
        (Decimal128("1.10"), "1.10"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_decimals(number: Any, expected: str) -> None:
    assert to_decimal(number) == Decimal(expected)


def test_not_a_number() -> None:
    assert to_decimal(float("nan")).is_nan()
    assert to_decimal(Decimal128("NaN")).is_nan()


@pytest.mark.parametrize(
    ("number", "expected"), [(1, 1), (Int64(2), 2), (0.5, 0.5), (Decimal128("0.10"), Decimal("0.1")), (HUGE, Decimal("1E+6000"))]
)
def test_a_number_of_each_type_can_be_compared(number: Any, expected: Any) -> None:
    assert python_number(number) == expected


@pytest.mark.parametrize(("number", "expected"), [(1, 1.0), (Int64(2), 2.0), (0.5, 0.5), (Decimal128("0.5"), 0.5), (HUGE, math.inf)])
def test_a_number_of_each_type_is_a_double(number: Any, expected: float) -> None:
    assert to_float(number) == expected


def test_which_numbers_are_finite() -> None:
    finite = [0, Int64(2**63 - 1), 1e308, HUGE]
    others = [math.inf, -math.inf, math.nan, Decimal128("Infinity"), Decimal128("NaN")]
    assert [is_finite(number) for number in [*finite, *others]] == [True] * len(finite) + [False] * len(others)


@pytest.mark.parametrize("number", [Decimal128("NaN"), Decimal128("sNaN"), Decimal128("-sNaN")])
def test_a_decimal_that_is_no_number_raises_no_error(number: Decimal128) -> None:
    assert not 0 < python_number(number) < 1
    assert math.isnan(to_float(number))
    assert to_decimal(number) + 1 != 1
