"""The operators `$indexOfBytes` and `$indexOfCP`, which return the position of a substring's first occurrence.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/indexOfBytes/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.numbers.integers import index_bound
from secantus_server.mql.expressions.registry import operator
from secantus_server.mql.expressions.strings.coercion import utf8

# The value of an omitted `end`, which means the end of the string.
TO_THE_END = 2**31 - 1


@operator("$indexOfBytes", arguments=(2, 4))
def index_of_bytes(text: Any, token: Any, start: Any = 0, end: Any = TO_THE_END) -> int | None:
    """Return the byte index of the first occurrence of `token` in `text`, or -1 if it does not occur. Return null if the text is null.

    Raises:
        CommandError: 40091, 40092, 40096 or 40097 for an invalid argument.
    """
    if is_nullish(text):
        return None
    _check_strings("$indexOfBytes", text, token, 40091)
    first, last = _bounds("$indexOfBytes", start, end)
    data = utf8(text)
    if first > len(data) or last < first:
        return -1
    return data.find(utf8(token), first, min(last, len(data)))


@operator("$indexOfCP", arguments=(2, 4))
def index_of_cp(text: Any, token: Any, start: Any = 0, end: Any = TO_THE_END) -> int | None:
    """Return the code point index of the first occurrence of `token` in `text`, or -1 if it does not occur. Return null if the text is
    null.

    Raises:
        CommandError: 40093, 40094, 40096 or 40097 for an invalid argument.
    """
    if is_nullish(text):
        return None
    _check_strings("$indexOfCP", text, token, 40093)
    first, last = _bounds("$indexOfCP", start, end)
    if not text and not token:
        return 0 if first == 0 else -1
    # Unlike in $indexOfBytes, an occurrence need only start before the bound, and even an empty string does not occur at the end of the
    # text.
    found = text.find(token, first)
    return found if found < min(last, len(text)) else -1


def _check_strings(name: str, text: Any, token: Any, code: int) -> None:
    if type(text) is not str:
        raise CommandError(code, f"{name} requires a string as the first argument, found: {type_name(text)}")
    if type(token) is not str:
        raise CommandError(code + 1, f"{name} requires a string as the second argument, found: {type_name(token)}")


def _bounds(name: str, start: Any, end: Any) -> tuple[int, int]:
    return index_bound(name, start, "starting"), index_bound(name, end, "ending")
