"""Conversion of single values to mongosh syntax. `_shell_text` converts documents, arrays and values of the commonest types.

https://www.mongodb.com/docs/mongodb-shell/reference/data-types/
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson.values import Date, DBPointer, JavaScript, Regex, Symbol, Undefined

Text = Callable[[Any], str]

HIDDEN = "?"
#: The maximum length of texts and arrays. Longer ones are truncated to keep the log readable.
MAX_STRING = 200
MAX_ITEMS = 20
# Fields whose constants are part of a command's shape, such as a sort order or a projection.
STRUCTURE = frozenset(["$sort", "$project", "$unset", "$count", "$natural"])
# Stages whose strings are names of collections and fields.
NAMING = frozenset(["$lookup", "$graphLookup", "$unwind", "$unionWith", "$out", "$merge"])
_FIRST, _LAST = -62135596800000, 253402300799999  # the milliseconds of the years 1 and 9999
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def rare_value(value: Any, typed: Text) -> str:
    """Return a value of one of the less common types in mongosh syntax. `typed` converts a value of any type."""
    kind = type(value)
    if kind is float:
        return _double(value)
    if kind is Int64:
        return f"Long('{int(value)}')"
    if kind is ObjectId:
        return f"ObjectId('{value}')"
    if kind is Date:
        return _date(value.ms)
    if kind in (Binary, bytes):
        return _binary(value)
    if kind is Decimal128:
        return f"Decimal128('{value}')"
    if kind is Timestamp:
        return f"Timestamp({{ t: {value.time}, i: {value.inc} }})"
    if kind is Regex:
        return f"/{value.pattern.replace('/', chr(92) + '/')}/{value.options}"
    if kind in (MinKey, MaxKey):
        return f"{kind.__name__}()"
    if kind is JavaScript:
        return f"Code({json.dumps(value.code)}{'' if value.scope is None else f', {typed(value.scope)}'})"
    return _deprecated(value)


def _deprecated(value: Any) -> str:
    """Return a value of a deprecated type in mongosh syntax. The syntax for a dbPointer is that of a DBRef, because mongosh has none."""
    if type(value) is Symbol:
        return f"BSONSymbol({json.dumps(value.value, ensure_ascii=False)})"
    if type(value) is DBPointer:
        return f"DBRef({json.dumps(value.namespace)}, ObjectId('{value.id}'))"
    return "undefined" if type(value) is Undefined else f"/* {type(value).__name__} */ null"


def _double(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return repr(number)


def _date(ms: int) -> str:
    if not _FIRST <= ms <= _LAST:
        return f"new Date({ms})"
    moment = _EPOCH + timedelta(milliseconds=ms)
    return f"ISODate('{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z')"


def _binary(value: bytes) -> str:
    subtype = value.subtype if type(value) is Binary else 0
    data = bytes(value)
    if subtype == 4 and len(data) == 16:
        text = data.hex()
        return f"UUID('{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}')"
    shown = base64.b64encode(data[:MAX_STRING]).decode()
    return f"BinData({subtype}, '{shown}')" + (f" /* {len(data)} bytes */" if len(data) > MAX_STRING else "")
