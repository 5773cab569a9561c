"""Checks numeric operands and determines the type of integer results.

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
    """Return an integer result as an int, or as a long if it does not fit into an int or if any operand is a long."""
    if INT32_MIN <= result <= INT32_MAX and not any(type(number) is Int64 for number in numbers):
        return int(result)
    return Int64(result)


def check_numeric(name: str, value: Any) -> None:
    """Check that an operand is a number.

    Raises:
        CommandError: 28765 if it is not.
    """
    if not is_number(value):
        raise CommandError(28765, f"{name} only supports numeric types, not {type_name(value)}")


def number_text(value: float | decimal.Decimal) -> str:
    """Format a number as in MongoDB's error messages. Whole numbers have no fraction."""
    return f"{value:g}" if isinstance(value, float) else str(value)
