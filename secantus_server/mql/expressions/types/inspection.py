"""The operators `$type`, `$subtype` and `$isNumber`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/type/
"""

from __future__ import annotations

from typing import Any

from bson.binary import Binary

from secantus_server.bson import is_number, type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.registry import operator


@operator("$type", arguments=1)
def type_(value: Any) -> str:
    """Return the alias of a value's type, or "missing" for a missing value."""
    return type_name(value)


@operator("$subtype", arguments=1, since="8.3")
def subtype(value: Any) -> int | None:
    """Return the subtype of binary data, or null for a null or missing value.

    Raises:
        CommandError: 14 for any other type.
    """
    if is_nullish(value):
        return None
    if type(value) is not Binary:
        raise CommandError(14, f"$subtype requires binData, found: {type_name(value)}")
    return int(value.subtype)


@operator("$isNumber", arguments=1)
def is_number_(value: Any) -> bool:
    """Return whether a value is an int, long, double or decimal."""
    return is_number(value)
