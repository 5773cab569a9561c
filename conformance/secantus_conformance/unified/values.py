"""Helpers for BSON values in matchers: type aliases, and an equality that distinguishes types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument


class _Absent:
    """The class of `ABSENT`, which represents the value of a missing field."""

    def __repr__(self) -> str:
        return "(nothing)"

    def __reduce__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()

_INT32 = range(-(2**31), 2**31)
_ALIASES: dict[type, str] = {
    bool: "bool",
    Int64: "long",
    float: "double",
    str: "string",
    ObjectId: "objectId",
    datetime: "date",
    DatetimeMS: "date",
    Decimal128: "decimal",
    bytes: "binData",
    Binary: "binData",
    Regex: "regex",
    Timestamp: "timestamp",
    MinKey: "minKey",
    MaxKey: "maxKey",
    type(None): "null",
    list: "array",
    tuple: "array",
}
ALIASES = frozenset(_ALIASES.values()) | {
    "int",
    "object",
    "javascript",
    "javascriptWithScope",
    "symbol",
    "dbPointer",
    "undefined",
    "number",
}
_NUMBERS = frozenset({"int", "long", "double"})


def type_alias(value: Any) -> str:
    """Return MongoDB's alias for the BSON type to which pymongo encodes a value. Without an alias, return the name of the Python type."""
    if type(value) is int:
        return "int" if value in _INT32 else "long"
    if isinstance(value, (Mapping, DBRef, RawBSONDocument)):
        return "object"
    if isinstance(value, Code):
        return "javascript" if value.scope is None else "javascriptWithScope"
    for base in type(value).__mro__:
        if base in _ALIASES:
            return _ALIASES[base]
    return type(value).__name__


def is_number(value: Any) -> bool:
    """Return whether a value is an int, long or double. The format compares these types by value, but not Decimal128."""
    return type_alias(value) in _NUMBERS


def plain(value: Any) -> Any:
    """Return the value with the driver's document classes (DBRef, RawBSONDocument) converted to plain documents."""
    if isinstance(value, DBRef):
        return plain(dict(value.as_doc()))
    if isinstance(value, RawBSONDocument):
        return {key: plain(item) for key, item in value.items()}
    return value


def numbers_equal(left: Any, right: Any) -> bool:
    """Return whether two numbers are equal. NaN counts as equal to NaN."""
    both_nan = isinstance(left, float) and isinstance(right, float) and math.isnan(left) and math.isnan(right)
    return both_nan or bool(left == right)


def scalars_equal(expected: Any, actual: Any) -> bool:
    """Return whether two values that are neither documents nor arrays are equal. Numbers are compared by value, and other values also by
    type.
    """
    if is_number(expected) and is_number(actual):
        return numbers_equal(expected, actual)
    if type_alias(expected) != type_alias(actual):
        return False
    if type_alias(expected) == "binData":
        return _subtype(expected) == _subtype(actual) and bytes(expected) == bytes(actual)
    if type_alias(expected) == "decimal":
        return bool(expected.bid == actual.bid)
    return bool(expected == actual)


def _subtype(value: bytes) -> int:
    return value.subtype if isinstance(value, Binary) else 0


def identical(expected: Any, actual: Any) -> bool:
    """Return whether two values, such as documents of an outcome, are equal including their BSON types. Ignore key order."""
    expected, actual = plain(expected), plain(actual)
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return expected.keys() == actual.keys() and all(identical(expected[key], actual[key]) for key in expected)
    if type_alias(expected) == "array" and type_alias(actual) == "array":
        return len(expected) == len(actual) and all(map(identical, expected, actual))
    return type_alias(expected) == type_alias(actual) and scalars_equal(expected, actual)
