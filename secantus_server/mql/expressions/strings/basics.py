"""`$concat`, `$strLenBytes`, `$strLenCP`, `$toUpper`, `$toLower`, `$strcasecmp`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/concat/
"""

from __future__ import annotations

import string
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.numbers import is_nullish
from secantus_server.mql.expressions.registry import operator
from secantus_server.mql.expressions.strings.coercion import to_text, utf8

# Only ASCII letters have a case for these operators.
UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@operator("$concat", arguments=(0, None))
def concat(*values: Any) -> str | None:
    """All strings in a row; null at the first null.

    Raises:
        CommandError: 16702 for a value that is no string.
    """
    for value in values:
        if is_nullish(value):
            return None
        if type(value) is not str:
            raise CommandError(16702, f"$concat only supports strings, not {type_name(value)}")
    return "".join(values)


@operator("$strLenBytes", arguments=1)
def str_len_bytes(value: Any) -> int:
    """The number of UTF-8 bytes.

    Raises:
        CommandError: 34473 for a value that is no string.
    """
    if type(value) is not str:
        raise CommandError(34473, f"$strLenBytes requires a string argument, found: {type_name(value)}")
    return len(value) if value.isascii() else len(utf8(value))


@operator("$strLenCP", arguments=1)
def str_len_cp(value: Any) -> int:
    """The number of code points.

    Raises:
        CommandError: 34471 for a value that is no string.
    """
    if type(value) is not str:
        raise CommandError(34471, f"$strLenCP requires a string argument, found: {type_name(value)}")
    return len(value)


@operator("$toUpper", arguments=1)
def to_upper(value: Any) -> str:
    """The string with its ASCII letters in upper case."""
    text = to_text(value)
    return text.upper() if text.isascii() else text.translate(UPPER)


@operator("$toLower", arguments=1)
def to_lower(value: Any) -> str:
    """The string with its ASCII letters in lower case."""
    text = to_text(value)
    return text.lower() if text.isascii() else text.translate(LOWER)


@operator("$strcasecmp", arguments=2)
def strcasecmp(first: Any, second: Any) -> int:
    """-1, 0 or 1, without regard to the case of ASCII letters."""
    a, b = utf8(to_upper(first)), utf8(to_upper(second))
    return (a > b) - (a < b)
