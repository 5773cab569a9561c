"""Parses integer arguments. Invalid arguments raise errors with MongoDB's messages."""

from __future__ import annotations

import math
from typing import Any

from secantus_server.bson import is_number
from secantus_server.bson.numbers import INT64_MAX, INT64_MIN, is_finite, python_number
from secantus_server.errors import CommandError
from secantus_server.mql.describe import describe_element


def parse_whole(name: str, value: Any, *, code: int, prefix: str = "", bits: int = 64) -> int:
    """Check that a number is whole and fits into the given width, and return it as an int.

    Arguments:
        name: the name of the operator or field, for the error message.
        value: the argument.
        code, prefix: the code of the error, and the start of its message.
        bits: the width into which the number must fit, 32 or 64.

    Raises:
        CommandError: `code` if the value is not a number, has a fraction or is too large.
    """
    if not is_number(value):
        raise _error(code, prefix, "Expected a number in", name, value)
    if not is_finite(value):
        is_nan = python_number(value) != python_number(value)
        why = "Expected an integer, but found NaN in" if is_nan else f"Cannot represent as a {bits}-bit integer"
        raise _error(code, prefix, why, name, value)
    exact = python_number(value)
    if not -(2 ** (bits - 1)) <= exact <= 2 ** (bits - 1) - 1:
        raise _error(code, prefix, f"Cannot represent as a {bits}-bit integer", name, value)
    number = int(exact)
    if number != exact:
        raise _error(code, prefix, "Expected an integer", name, value)
    return number


def parse_size(name: str, value: Any, *, code: int, prefix: str = "", bits: int = 64) -> int:
    """Check that a number is whole and not negative, and return it as an int. The arguments are the same as for `parse_whole`.

    Raises:
        CommandError: `code` in the cases of `parse_whole` and for a negative number.
    """
    number = parse_whole(name, value, code=code, prefix=prefix, bits=bits)
    if number < 0:
        raise _error(code, prefix, "Expected a non-negative number in", name, value)
    return number


def truncate(value: Any, what: str) -> int:
    """Truncate a number to a 64-bit integer.

    Arguments:
        value: the number.
        what: the start of the error message.

    Raises:
        CommandError: 2 for NaN, infinities and numbers that do not fit into 64 bits.
    """
    if not is_finite(value):
        raise CommandError(2, f"{what} :: caused by :: Unable to coerce NaN/Inf to integral type")
    number: int = math.trunc(python_number(value))
    if not INT64_MIN <= number <= INT64_MAX:
        raise CommandError(2, f"{what} :: caused by :: Out of bounds coercing to integral value")
    return number


def _error(code: int, prefix: str, why: str, name: str, value: Any) -> CommandError:
    return CommandError(code, f"{prefix}{why}: {describe_element(name, value)}")
