"""Numeric conversions, which determine the BSON types of arithmetic results."""

from __future__ import annotations

import decimal
import math
from typing import Any

from bson.decimal128 import Decimal128, create_decimal128_context
from bson.int64 import Int64

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

# The arithmetic of decimal128, which has 34 digits and rounds half to even.
DECIMAL_CONTEXT: decimal.Context = create_decimal128_context()
_NAN = decimal.Decimal("NaN")


def int_value(number: int) -> int | Int64 | float:
    """Convert an integer to the narrowest of int, long and double that can represent it."""
    if INT32_MIN <= number <= INT32_MAX:
        return int(number)
    if INT64_MIN <= number <= INT64_MAX:
        return Int64(number)
    return float(number)


def quiet_decimal(number: Decimal128) -> decimal.Decimal:
    """Convert a Decimal128 to a Python decimal for arithmetic. A signaling NaN becomes a quiet NaN, so that Python raises no error."""
    value = number.to_decimal()
    return _NAN if value.is_snan() else value


def to_decimal(number: Any) -> decimal.Decimal:
    """Convert a number to a decimal for arithmetic. Like MongoDB, round a double to 15 significant digits first.

    Arguments:
        number: an int, long, double or decimal value.
    """
    if type(number) is Decimal128:
        return quiet_decimal(number)
    if type(number) is float:
        if number != number or number in (float("inf"), float("-inf")):
            return decimal.Decimal(number)
        return decimal.Decimal(f"{number:.14e}")
    return decimal.Decimal(int(number))


def python_number(number: Any) -> Any:
    """Convert a BSON number to a Python number that supports comparison: an int, a float or a Decimal. NaN becomes a float NaN, because
    comparing a decimal NaN can raise an error.
    """
    if type(number) is not Decimal128:
        return number
    value = number.to_decimal()
    return math.nan if value.is_nan() else value


def is_finite(number: Any) -> bool:
    """Return whether a BSON number is neither infinite nor NaN."""
    return number.to_decimal().is_finite() if type(number) is Decimal128 else math.isfinite(number)


def to_float(number: Any) -> float:
    """Convert a BSON number to a double. A decimal beyond the range of doubles becomes infinite."""
    return float(quiet_decimal(number)) if type(number) is Decimal128 else float(number)
