"""The arithmetic of window functions. It uses decimals if any input is a decimal, and doubles otherwise."""

from __future__ import annotations

import decimal
from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson import to_decimal
from secantus_server.bson.numbers import DECIMAL_CONTEXT


def has_decimal(values: list[Any]) -> bool:
    """Return whether any value is a decimal."""
    return any(type(value) is Decimal128 for value in values)


def numeric(value: Any, decimals: bool) -> Any:
    """Convert a number to the type in which window functions compute.

    Arguments:
        value: an int, long, double or decimal.
        decimals: whether to compute with decimals instead of doubles.
    """
    return to_decimal(value) if decimals else float(value)


def difference(minuend: Any, subtrahend: Any) -> Any:
    """Return the difference of two numbers. If only one number is a decimal, the other number is converted to a decimal first."""
    decimals = type(minuend) is decimal.Decimal or type(subtrahend) is decimal.Decimal
    return _converted(minuend) - _converted(subtrahend) if decimals else minuend - subtrahend


def product(first: Any, second: Any) -> Any:
    """Return the product of two numbers. If only one number is a decimal, the other number is converted to a decimal first."""
    decimals = type(first) is decimal.Decimal or type(second) is decimal.Decimal
    return _converted(first) * _converted(second) if decimals else first * second


def _converted(number: Any) -> decimal.Decimal:
    return number if type(number) is decimal.Decimal else to_decimal(number)


def divided(dividend: Any, divisor: Any) -> Any:
    """Return the quotient of two doubles or two decimals. An int that divides a decimal is rounded to 15 digits first, as in MongoDB."""
    if type(dividend) is decimal.Decimal:
        return DECIMAL_CONTEXT.divide(dividend, to_decimal(float(divisor)) if type(divisor) is int else divisor)
    return dividend / divisor


def as_value(number: Any) -> Any:
    """Convert a computed double or decimal to a BSON value."""
    if type(number) is decimal.Decimal:
        return Decimal128(DECIMAL_CONTEXT.plus(number))
    return number
