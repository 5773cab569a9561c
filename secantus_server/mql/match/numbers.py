"""Whole numbers as arguments of operators, with the messages MongoDB has for what is none."""

from __future__ import annotations

import math
from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson import is_number
from secantus_server.bson.numbers import INT64_MAX, INT64_MIN
from secantus_server.errors import CommandError


def parse_whole(name: str, value: Any, *, code: int, prefix: str = "", bits: int = 64) -> int:
    """The value of a number without a fraction.

    Arguments:
        name: the operator or field, for the message.
        value: the argument.
        code, prefix: the code and the beginning of the message of the error.
        bits: 32 or 64: the size that the number must fit.

    Raises:
        CommandError: `code` for what is no number, has a fraction or is too large.
    """
    if not is_number(value):
        raise _error(code, prefix, "Expected a number in", name, value)
    if not _is_finite(value):
        why = "Expected an integer, but found NaN in" if value != value or str(value) == "NaN" else f"Cannot represent as a {bits}-bit integer"
        raise _error(code, prefix, why, name, value)
    exact = value.to_decimal() if type(value) is Decimal128 else value
    if exact != (math.trunc(exact) if abs(exact) <= 2**70 else exact):
        raise _error(code, prefix, "Expected an integer", name, value)
    if not -(2 ** (bits - 1)) <= exact <= 2 ** (bits - 1) - 1:
        raise _error(code, prefix, f"Cannot represent as a {bits}-bit integer", name, value)
    return int(exact)


def parse_size(name: str, value: Any, *, code: int, prefix: str = "", bits: int = 64) -> int:
    """The value of a whole number that is not negative.

    Raises:
        CommandError: `code`, see `parse_whole`; also for a negative number.
    """
    number = parse_whole(name, value, code=code, prefix=prefix, bits=bits)
    if number < 0:
        raise _error(code, prefix, "Expected a non-negative number in", name, value)
    return number


def truncate(value: Any, what: str) -> int:
    """The value of a number without its fraction, as a 64-bit integer.

    Raises:
        CommandError: 2 for NaN, the infinities and numbers beyond 64 bits.
    """
    if not _is_finite(value):
        raise CommandError(2, f"{what} :: caused by :: Unable to coerce NaN/Inf to integral type")
    number = math.trunc(value.to_decimal() if type(value) is Decimal128 else value)
    if not INT64_MIN <= number <= INT64_MAX:
        raise CommandError(2, f"{what} :: caused by :: Out of bounds coercing to integral value")
    return number


def _is_finite(value: Any) -> bool:
    if type(value) is Decimal128:
        return value.to_decimal().is_finite()
    return math.isfinite(value)


def _error(code: int, prefix: str, why: str, name: str, value: Any) -> CommandError:
    # Imported here because the update language, where the texts of values live, itself needs filters.
    from secantus_server.mql.update.describe import describe_element

    return CommandError(code, f"{prefix}{why}: {describe_element(name, value)}")


def plain_number(value: Any) -> Any:
    """A number as one that Python compares: an int, a float or a Decimal."""
    return value.to_decimal() if type(value) is Decimal128 else value
