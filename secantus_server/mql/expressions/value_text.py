"""The text of values in error messages, and the text of doubles in string operators."""

from __future__ import annotations

from typing import Any

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.timestamp import Timestamp

from secantus_server.bson.values import MISSING, UNDEFINED, Date, DBPointer, JavaScript, Regex, Symbol
from secantus_server.mql.expressions.dates.calendar import iso_text


def value_text(value: Any) -> str:
    """Format a value as in MongoDB's error messages."""
    kind = type(value)
    if kind is str:
        return f'"{value}"'
    if kind is dict:
        return "{" + ", ".join(f"{name}: {value_text(item)}" for name, item in value.items()) + "}"
    if kind is list:
        return "[" + ", ".join(map(value_text, value)) + "]"
    if kind is int or kind is Int64 or kind is Decimal128:
        return str(value)
    if kind is float:
        return double_text(value)
    return _other_text(value)


def double_text(number: float) -> str:
    """Format a double with six significant digits, as in error messages and in the older string operators."""
    return f"{number:g}"


def _other_text(value: Any) -> str:
    kind = type(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is Date:
        return iso_text(value.ms)
    if kind is Timestamp:
        return f"Timestamp({value.time}, {value.inc})"
    if kind is Binary:
        return f'BinData({value.subtype}, "{value.hex().upper()}")'
    if kind is Regex:
        return f"/{value.pattern}/{value.options}"
    return _rare_text(value)


def _rare_text(value: Any) -> str:
    kind = type(value)
    if kind is JavaScript:
        scope = "" if value.scope is None else f", {value_text(value.scope)}"
        return f'Code("{value.code}"{scope})'
    if kind is Symbol:
        return f'Symbol("{value.value}")'
    if kind is DBPointer:
        return f"DBRef({value.namespace}, {value.id})"
    if kind is MinKey or kind is MaxKey:
        return kind.__name__
    if value is MISSING:
        return "MISSING"
    if value is UNDEFINED:
        return "undefined"
    return "null" if value is None else str(value)
