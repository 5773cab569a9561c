"""What the numeric operators share: nullish arguments, decimals of 34 digits, numbers that must be whole.

https://www.mongodb.com/docs/manual/reference/bson-types/#decimal128
"""

from __future__ import annotations

import decimal
from typing import Any

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson.numbers import DECIMAL_CONTEXT, INT32_MAX, INT32_MIN
from secantus_server.bson.values import MISSING, UNDEFINED, is_number, type_name
from secantus_server.errors import CommandError

# Intermediate results carry more digits, so that the last of the 34 is right.
WIDE_CONTEXT = DECIMAL_CONTEXT.copy()
WIDE_CONTEXT.prec = 50


def is_nullish(value: Any) -> bool:
    """Null, undefined or no value at all: most operators answer null to them."""
    return value is None or value is MISSING or value is UNDEFINED


def to_decimal128(number: decimal.Decimal) -> Decimal128:
    """The decimal128 nearest to a decimal: 34 digits, half to even."""
    return Decimal128(DECIMAL_CONTEXT.plus(number))


def full_precision(number: decimal.Decimal) -> Decimal128:
    """A decimal128 written with all its 34 digits, as inexact functions give it."""
    rounded = DECIMAL_CONTEXT.plus(number)
    if not rounded.is_finite():
        return Decimal128(rounded)
    if rounded.is_zero():
        return Decimal128("0E-6176")
    padded = DECIMAL_CONTEXT.quantize(rounded, decimal.Decimal((0, (1,), max(rounded.adjusted() - 33, -6176))))
    return Decimal128(padded if padded.is_finite() else rounded)


def exact_decimal(number: float) -> decimal.Decimal:
    """A double as a decimal of up to 34 digits, not rounded to 15 as in arithmetic."""
    return DECIMAL_CONTEXT.create_decimal(number)


def same_width(result: int, *numbers: Any) -> int | Int64:
    """A whole number as an int if all the numbers were ints and it fits, else as a long."""
    if INT32_MIN <= result <= INT32_MAX and not any(type(number) is Int64 for number in numbers):
        return int(result)
    return Int64(result)


def check_numeric(name: str, value: Any) -> None:
    """Refuses what is not a number.

    Raises:
        CommandError: 28765.
    """
    if not is_number(value):
        raise CommandError(28765, f"{name} only supports numeric types, not {type_name(value)}")


def number_text(value: float | decimal.Decimal) -> str:
    """A number as MongoDB's messages write it: no fraction where there is none."""
    return f"{value:g}" if isinstance(value, float) else str(value)
