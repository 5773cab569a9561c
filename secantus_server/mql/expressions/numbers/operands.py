"""Checks numeric operands, and determines the type of an integer result.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#arithmetic-expression-operators
"""

from __future__ import annotations

import decimal
from typing import Any

from bson.int64 import Int64

from secantus_server.bson.numbers import INT32_MAX, INT32_MIN
from secantus_server.bson.values import is_number, type_name
from secantus_server.errors import CommandError


def same_width(result: int, *numbers: Any) -> int | Int64:
    """Return an integer result as an int if it fits and no operand is a long, otherwise as a long."""
    if INT32_MIN <= result <= INT32_MAX and not any(type(number) is Int64 for number in numbers):
        return int(result)
    return Int64(result)


def check_numeric(name: str, value: Any) -> None:
    """Raise an error if a value is not a number.

    Raises:
        CommandError: 28765.
    """
    if not is_number(value):
        raise CommandError(28765, f"{name} only supports numeric types, not {type_name(value)}")


def number_text(value: float | decimal.Decimal) -> str:
    """Format a number as MongoDB's messages do: whole numbers without a fraction."""
    return f"{value:g}" if isinstance(value, float) else str(value)
