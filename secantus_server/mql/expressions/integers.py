"""Which numbers stand for a whole number, for arguments such as an index, a length or an amount."""

from __future__ import annotations

import math
from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson import is_number
from secantus_server.bson.numbers import INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN


def to_int32(value: Any) -> int | None:
    """The whole number a value of any numeric type is, if 32 bits hold it; else None."""
    return _within(value, INT32_MIN, INT32_MAX)


def to_int64(value: Any) -> int | None:
    """The whole number a value of any numeric type is, if 64 bits hold it; else None."""
    return _within(value, INT64_MIN, INT64_MAX)


def _within(value: Any, lowest: int, highest: int) -> int | None:
    number = _whole(value)
    return number if number is not None and lowest <= number <= highest else None


def _whole(value: Any) -> int | None:
    if not is_number(value):
        return None
    if type(value) is float:
        return int(value) if math.isfinite(value) and value.is_integer() else None
    if type(value) is not Decimal128:
        return int(value)
    number = value.to_decimal()
    # The exponent is checked first: 1E+6144 is a whole number that nobody wants to write out.
    if not number.is_finite() or number.adjusted() > 20 or number != number.to_integral_value():
        return None
    return int(number)
