"""Converts BSON values to JSON for JavaScript, and results back to BSON. Types that JSON does not have become tagged arrays.

`runtime.js` contains the JavaScript side of the conversions. Null, booleans, strings and finite doubles are passed unchanged, and a
document becomes an object.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from typing import Any

from bson.binary import Binary
from bson.decimal128 import Decimal128, create_decimal128_context
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson.values import UNDEFINED, Date, DBPointer, JavaScript, Missing, Regex, Symbol, Undefined

# The value that MongoDB stores for an invalid date.
_INVALID_DATE_MS = -(2**63)
# The latest date that JavaScript can represent.
_MAX_DATE_MS = 8_640_000_000_000_000

# This context rounds to the 34 digits of decimal128.
_DECIMAL = create_decimal128_context()
_DECIMAL.traps = dict.fromkeys(_DECIMAL.traps, False)

_to_json = json.JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False).encode


def to_text(value: Any) -> str:
    """Return a BSON value as JSON text for JavaScript."""
    return _to_json(_outgoing(value))


def join_texts(texts: list[str]) -> str:
    """Return the JSON text of a list, from the JSON texts of its items. JavaScript receives a plain array."""
    return f"[{','.join(texts)}]"


def from_parsed(value: Any) -> Any:
    """Convert parsed JSON from JavaScript to a BSON value. Numbers become doubles."""
    kind = type(value)
    if kind is list:
        return _INCOMING[value[0]](value)
    if kind is dict:
        return {name: from_parsed(item) for name, item in value.items()}
    return float(value) if kind is int else value


def _outgoing(value: Any) -> Any:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int:
        return ("i", value)
    if kind is dict:
        items = {name: _outgoing(item) for name, item in value.items()}
        # JavaScript moves fields whose names are numbers to the front, so pass the names and the values as arrays.
        return ("k", list(items), list(items.values())) if any(map(str.isdigit, items)) else items
    if kind is list:
        return ("a", [_outgoing(item) for item in value])
    if kind is float:
        return value if math.isfinite(value) else ("f", _special(value))
    return _OUTGOING[kind](value)


def _special(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


_OUTGOING: dict[type, Callable[[Any], Any]] = {
    Int64: lambda value: ("l", str(int(value))),
    ObjectId: lambda value: ("o", str(value)),
    Date: lambda value: ("t", value.ms if abs(value.ms) <= _MAX_DATE_MS else str(value.ms)),
    Decimal128: lambda value: ("d", str(value)),
    Binary: lambda value: ("b", value.subtype, base64.b64encode(value).decode()),
    Regex: lambda value: ("r", value.pattern, value.options),
    Timestamp: lambda value: ("T", value.time, value.inc),
    MinKey: lambda _value: ("m",),
    MaxKey: lambda _value: ("M",),
    Undefined: lambda _value: ("u",),
    Missing: lambda _value: ("u",),
    JavaScript: lambda value: ("c", value.code, None if value.scope is None else _outgoing(value.scope)),
    Symbol: lambda value: value.value,
    DBPointer: lambda value: ("p", value.namespace, str(value.id)),
}


def _date(item: list[Any]) -> Date:
    return Date(_INVALID_DATE_MS if item[1] is None else int(item[1]))


_INCOMING: dict[str, Callable[[list[Any]], Any]] = {
    "i": lambda item: item[1],
    "a": lambda item: [from_parsed(one) for one in item[1]],
    "k": lambda item: {name: from_parsed(one) for name, one in zip(item[1], item[2], strict=True)},
    "f": lambda item: float(item[1]),
    "o": lambda item: ObjectId(item[1]),
    "t": _date,
    "l": lambda item: Int64(item[1]),
    "d": lambda item: Decimal128(_DECIMAL.copy().create_decimal(item[1])),
    "b": lambda item: Binary(base64.b64decode(item[2]), item[1]),
    "r": lambda item: Regex(item[1], item[2]),
    "T": lambda item: Timestamp(item[1], item[2]),
    "m": lambda _item: MinKey(),
    "M": lambda _item: MaxKey(),
    "u": lambda _item: UNDEFINED,
    "c": lambda item: JavaScript(item[1], None if item[2] is None else from_parsed(item[2])),
    "p": lambda item: DBPointer(item[1], ObjectId(item[2])),
}
