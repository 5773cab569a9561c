"""The conversion to strings that `$toUpper`, `$substr` and similar operators apply to their arguments. `$toString` converts differently.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/substr/
"""

from __future__ import annotations

from typing import Any

from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.timestamp import Timestamp

from secantus_server.bson import type_name
from secantus_server.bson.values import Date, JavaScript, Symbol
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.dates.calendar import iso_text, split
from secantus_server.mql.expressions.dates.formats import MONTH_NAMES
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.value_text import double_text


def utf8(text: str) -> bytes:
    """Encode a string as UTF-8. The bytes of a stored string that was not valid UTF-8 are restored unchanged."""
    return text.encode("utf-8", "surrogateescape")


def to_text(value: Any) -> str:
    """Convert a value to a string. Null is converted to "".

    Raises:
        CommandError: 16007 for a type that cannot be converted.
    """
    kind = type(value)
    if kind is str:
        return str(value)
    if is_nullish(value):
        return ""
    if kind is int or kind is Int64 or kind is Decimal128:
        return str(value)
    if kind is float:
        return double_text(value)
    if kind is Date:
        return iso_text(value.ms)
    if kind is Timestamp:
        return _timestamp_text(value)
    if kind is Symbol:
        return str(value.value)
    if kind is JavaScript and value.scope is None:
        return str(value.code)
    raise CommandError(16007, f"can't convert from BSON type {type_name(value)} to String")


def _timestamp_text(value: Timestamp) -> str:
    parts = split(value.time * 1000)
    name = MONTH_NAMES[parts.month - 1][:3]
    return f"{name} {parts.day:2d} {parts.hour:02d}:{parts.minute:02d}:{parts.second:02d}:{value.inc}"
