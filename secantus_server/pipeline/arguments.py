"""Checks of stage arguments, shared by many stages: documents with typed fields, whole numbers and field paths.

https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson import is_number, type_name
from secantus_server.bson.numbers import python_number
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.paths import validate_path
from secantus_server.mql.expressions.value_text import value_text

NUMBERS = ("long", "int", "decimal", "double")
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def named_fields(stage: str, spec: dict[str, Any], known: Mapping[str, tuple[str, ...]], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Check the names and types of the fields of a stage's argument and return the fields that are not null.

    Arguments:
        stage: the stage's name, for error messages.
        spec: the stage's argument.
        known: the accepted types of each field. An empty tuple accepts any value, including null, which is then returned, too.
        required: the mandatory fields.

    Raises:
        CommandError: 40415 for an unknown field, 14 for a wrong type, 40414 for a missing field.
    """
    for name, value in spec.items():
        if name not in known:
            raise CommandError(40415, f"BSON field '{stage}.{name}' is an unknown field.")
        if known[name] and value is not None:
            check_type(f"{stage}.{name}", value, known[name])
    found = {name: value for name, value in spec.items() if value is not None or not known[name]}
    for name in required:
        if name not in found:
            raise CommandError(40414, f"BSON field '{stage}.{name}' is missing but a required field")
    return found


def check_type(path: str, value: Any, types: tuple[str, ...]) -> None:
    """Raise if a field has a type that is not in `types`.

    Raises:
        CommandError: 14 for a wrong type.
    """
    found = type_name(value)
    if found in types:
        return
    if len(types) == 1:
        raise CommandError(14, f"BSON field '{path}' is the wrong type '{found}', expected type '{types[0]}'")
    raise CommandError(14, f"BSON field '{path}' is the wrong type '{found}', expected types '[{', '.join(types)}]'")


def whole_number(value: Any, code: int, subject: str, *, text: str = "") -> int:
    """Return a number of any numeric type as an int, if it is integral and fits into 64 bits.

    Arguments:
        value: the value to convert.
        code: the error code.
        subject: the beginning of the error messages.
        text: the value as shown in error messages; defaults to `value`.

    Raises:
        CommandError: `code` if the value is not a number, is not integral, or does not fit into 64 bits.
    """
    shown = text or value_text(value)
    if not is_number(value):
        raise CommandError(code, f"{subject}Expected a number in: {shown}")
    number = python_number(value)
    if type(value) is not int and type(value) is not Int64 and not _is_finite(number):
        raise CommandError(code, f"{subject}Expected an integer, but found NaN or infinity in: {shown}")
    if number != int(number):
        raise CommandError(code, f"{subject}Expected an integer: {shown}")
    if not INT64_MIN <= number <= INT64_MAX:
        raise CommandError(code, f"{subject}Cannot represent as a 64-bit integer: {shown}")
    return int(number)


def truncated(value: Any) -> int:
    """Return a number as an integer, clamped to 64 bits.

    A double is truncated toward zero. A decimal is rounded half to even. NaN becomes 0.

    Arguments:
        value: an int, long, double or decimal.
    """
    number = python_number(value)
    if number != number:
        return 0
    if number >= INT64_MAX:
        return INT64_MAX
    if not _is_finite(number):
        return INT64_MIN
    return max(round(number) if type(value) is Decimal128 else int(number), INT64_MIN)


def _is_finite(number: Any) -> bool:
    return bool(number.is_finite()) if hasattr(number, "is_finite") else math.isfinite(number)


def check_path(path: str) -> tuple[str, ...]:
    """Validate a dotted path that a stage reads or writes, and return its components.

    The fields of a DBRef may start with `$`.

    Arguments:
        path: the path without `$`.

    Raises:
        CommandError: 40352, 40353, 15998, 16410, 16411 or 15 for an invalid path.
    """
    if path == "":
        raise CommandError(40352, "FieldPath cannot be constructed with empty string")
    validate_path(path)
    return tuple(path.split("."))


def show(stage: str, value: Any) -> str:
    """Return a stage as text for error messages, for example `$limit: 5`."""
    return f"{stage}: {value_text(value)}"
