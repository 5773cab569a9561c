"""Converts numbers of any type to integers, for arguments such as an index, a length or an amount."""

from __future__ import annotations

import math
from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson import is_number, type_name
from secantus_server.bson.numbers import INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, quiet_decimal
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.value_text import value_text


def to_int32(value: Any) -> int | None:
    """Return a number of any type as an int if it is whole and fits into 32 bits, else None."""
    return _within(value, INT32_MIN, INT32_MAX)


def to_int64(value: Any) -> int | None:
    """Return a number of any type as an int if it is whole and fits into 64 bits, else None."""
    return _within(value, INT64_MIN, INT64_MAX)


def index_bound(name: str, value: Any, which: str, codes: tuple[int, int] = (40096, 40097)) -> int:
    """Validate the start or end index of a search, and return it as an int.

    Arguments:
        name: the operator, for error messages.
        value: the evaluated index.
        which: "starting" or "ending", for error messages.
        codes: the error code for an index that is not an int, and the error code for a negative index.

    Raises:
        CommandError: with one of the codes.
    """
    number = to_int32(value)
    if number is None:
        found = f"found a value of type: {type_name(value)}, with value: {value_text(value)}"
        raise CommandError(codes[0], f"{name} requires an integral {which} index, {found}")
    if number < 0:
        raise CommandError(codes[1], f"{name} requires a nonnegative {which} index, found: {number}")
    return number


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
    number = quiet_decimal(value)
    # Check the exponent first, because converting 1E+6144 to an int would be slow.
    if not number.is_finite() or number.adjusted() > 20 or number != number.to_integral_value():
        return None
    return int(number)
