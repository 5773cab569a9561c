"""The operators `$strLenBytes`, `$strLenCP` and `$strcasecmp`. The module `_text` contains `$concat`, `$toUpper`, `$toLower` and
`$substrCP`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/strLenCP/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.registry import operator
from secantus_server.mql.expressions.strings._text import to_upper
from secantus_server.mql.expressions.strings.coercion import utf8


@operator("$strLenBytes", arguments=1)
def str_len_bytes(value: Any) -> int:
    """Return the number of bytes in a string's UTF-8 encoding.

    Raises:
        CommandError: 34473 for a value that is not a string.
    """
    if type(value) is not str:
        raise CommandError(34473, f"$strLenBytes requires a string argument, found: {type_name(value)}")
    return len(value) if value.isascii() else len(utf8(value))


@operator("$strLenCP", arguments=1)
def str_len_cp(value: Any) -> int:
    """Return the number of code points in a string.

    Raises:
        CommandError: 34471 for a value that is not a string.
    """
    if type(value) is not str:
        raise CommandError(34471, f"$strLenCP requires a string argument, found: {type_name(value)}")
    return len(value)


@operator("$strcasecmp", arguments=2)
def strcasecmp(first: Any, second: Any) -> int:
    """Compare two strings and return -1, 0 or 1. The case of ASCII letters is ignored."""
    a, b = utf8(to_upper(first)), utf8(to_upper(second))
    return (a > b) - (a < b)
