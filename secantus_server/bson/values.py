"""Python types for BSON values that pymongo's `bson` cannot represent without loss, and the names of all types.

A server must return exactly the values that it received. In contrast, pymongo decodes dates to datetimes, which have a smaller range. It
converts the options of regular expressions to `re` flags, and symbol, undefined and dbPointer to other types.
"""

from __future__ import annotations

from typing import Any

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.records import NamedTuple


class Date:
    """A BSON date: signed 64-bit milliseconds since the Unix epoch, UTC."""

    __slots__ = ("ms",)

    def __init__(self, ms: int) -> None:
        self.ms = ms

    def __eq__(self, other: object) -> bool:
        return type(other) is Date and other.ms == self.ms

    def __hash__(self) -> int:
        return hash(("Date", self.ms))

    def __repr__(self) -> str:
        return f"Date({self.ms})"


# The last second that a timestamp can represent, in February 2106.
MAX_SECONDS = 2**32 - 1


def stamp_of(time: Timestamp) -> int:
    """Convert a timestamp to a 64-bit number: the seconds in the upper half, the increment in the lower half."""
    return int(time.time) << 32 | int(time.inc)


def timestamp_of(stamp: int) -> Timestamp:
    """Convert a 64-bit number, as returned by `stamp_of`, to a timestamp."""
    return Timestamp(stamp >> 32, stamp & 0xFFFFFFFF)


def timestamp_seconds(ms: int) -> int:
    """Convert milliseconds since the epoch to the seconds of a BSON timestamp, clamped to the range of timestamps."""
    return min(max(ms // 1000, 0), MAX_SECONDS)


class Regex(NamedTuple):
    """A BSON regular expression. `options` are the option letters in stored order."""

    pattern: str
    options: str = ""


class JavaScript(NamedTuple):
    """BSON JavaScript code. `scope` is None for the BSON type "code without scope"."""

    code: str
    scope: dict[str, Any] | None = None


class Symbol(NamedTuple):
    """The deprecated BSON symbol."""

    value: str


class DBPointer(NamedTuple):
    """The deprecated BSON dbPointer."""

    namespace: str
    id: ObjectId


class Undefined:
    """The deprecated BSON type undefined. `UNDEFINED` is its only instance."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNDEFINED"


class Missing:
    """The type of `MISSING`, which is the result of evaluating a path to a field that does not exist."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


UNDEFINED = Undefined()
MISSING = Missing()

# BSON type byte of each Python type. https://bsonspec.org/spec.html
TYPE_CODES: dict[type, int] = {
    float: 1,
    str: 2,
    dict: 3,
    list: 4,
    Binary: 5,
    Undefined: 6,
    ObjectId: 7,
    bool: 8,
    Date: 9,
    type(None): 10,
    Regex: 11,
    DBPointer: 12,
    Symbol: 14,
    int: 16,
    Timestamp: 17,
    Int64: 18,
    Decimal128: 19,
    MinKey: 255,
    MaxKey: 127,
}

TYPE_NAMES: dict[int, str] = {
    1: "double",
    2: "string",
    3: "object",
    4: "array",
    5: "binData",
    6: "undefined",
    7: "objectId",
    8: "bool",
    9: "date",
    10: "null",
    11: "regex",
    12: "dbPointer",
    13: "javascript",
    14: "symbol",
    15: "javascriptWithScope",
    16: "int",
    17: "timestamp",
    18: "long",
    19: "decimal",
    255: "minKey",
    127: "maxKey",
}

# The ranks of types in MongoDB's comparison order. Values whose types have the same rank are compared by value.
# https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/
CANONICAL_TYPES: dict[int, int] = {
    255: 10,  # minKey
    6: 20,  # undefined
    10: 30,  # null
    1: 40,  # the numbers
    16: 40,
    18: 40,
    19: 40,
    2: 50,  # string and symbol
    14: 50,
    3: 60,  # object
    4: 70,  # array
    5: 80,  # binData
    7: 90,  # objectId
    8: 100,  # bool
    9: 110,  # date
    17: 120,  # timestamp
    11: 130,  # regex
    12: 140,  # dbPointer
    13: 150,  # javascript
    15: 160,  # javascriptWithScope
    127: 240,  # maxKey
}
MISSING_CANONICAL_TYPE = 25  # ranks below null and above minKey


def type_code(value: Any) -> int:
    """Return the BSON type byte of a value (255 for minKey).

    Raises:
        KeyError: if the value is MISSING or its type is not in `TYPE_CODES`.
    """
    if type(value) is JavaScript:
        return 13 if value.scope is None else 15
    return TYPE_CODES[type(value)]


def type_name(value: Any) -> str:
    """Return MongoDB's alias for a value's type, or "missing" for MISSING."""
    return "missing" if value is MISSING else TYPE_NAMES[type_code(value)]


def canonical_type(value: Any) -> int:
    """Return the rank of a value's type in MongoDB's comparison order."""
    return MISSING_CANONICAL_TYPE if value is MISSING else CANONICAL_TYPES[type_code(value)]


def is_number(value: Any) -> bool:
    """Return whether a value is an int, long, double or decimal. A bool is not a number."""
    kind = type(value)
    return kind is int or kind is float or kind is Int64 or kind is Decimal128
