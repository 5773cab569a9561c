"""Arithmetic of window functions: in doubles, or in decimals once a decimal is among the numbers."""

from __future__ import annotations

import decimal
from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson import to_decimal
from secantus_server.bson.numbers import DECIMAL_CONTEXT


def has_decimal(values: list[Any]) -> bool:
    """Whether one of the numbers is a decimal."""
    return any(type(value) is Decimal128 for value in values)


def numeric(value: Any, decimals: bool) -> Any:
    """A number for arithmetic.

    Arguments:
        value: an int, long, double or decimal.
        decimals: as a decimal, else as a double.
    """
    return to_decimal(value) if decimals else float(value)


def divided(dividend: Any, divisor: Any) -> Any:
    """A quotient in the numbers' own arithmetic. A count divides a decimal as a double does, with 15 digits."""
    if type(dividend) is decimal.Decimal:
        return DECIMAL_CONTEXT.divide(dividend, to_decimal(float(divisor)) if type(divisor) is int else divisor)
    return dividend / divisor


def as_value(number: Any) -> Any:
    """The result of arithmetic as a BSON value."""
    if type(number) is decimal.Decimal:
        return Decimal128(DECIMAL_CONTEXT.plus(number))
    return number
