"""Conversion of values to mongosh syntax, either with their constants or, for the shapes of commands, with `?` in place of each constant.

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

from secantus_server.bson import RawArray, RawDocument, decode
from secantus_server.bson.values import Date, DBPointer, JavaScript, Regex, Symbol, Undefined

Text = Callable[[Any], str]

HIDDEN = "?"
#: The maximum length of texts and arrays. Longer ones are truncated to keep the log readable.
MAX_STRING = 200
MAX_ITEMS = 20
# Fields whose constants are part of a command's shape, such as a sort order or a projection.
_STRUCTURE = frozenset(["$sort", "$project", "$unset", "$count", "$natural"])
# Stages whose strings are names of collections and fields.
_NAMING = frozenset(["$lookup", "$graphLookup", "$unwind", "$unionWith", "$out", "$merge"])
_FIRST, _LAST = -62135596800000, 253402300799999  # the milliseconds of the years 1 and 9999
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def plain(value: Any) -> Any:
    """Return a value after decoding it if it is a raw document or a raw array."""
    if type(value) is RawDocument:
        return decode(value.data)
    if type(value) is RawArray:
        return [decode(document) for document in value.documents]
    return value


def typed(value: Any) -> str:
    """Return a value in mongosh syntax, with long texts and arrays truncated."""
    value = plain(value)
    if type(value) is dict:
        return _document(value, typed)
    if type(value) is list:
        more = [f"/* {len(value) - MAX_ITEMS} more */"] if len(value) > MAX_ITEMS else []
        return f"[{', '.join([*map(typed, value[:MAX_ITEMS]), *more])}]"
    if type(value) is str:
        return json.dumps(value if len(value) <= MAX_STRING else f"{value[:MAX_STRING]}...", ensure_ascii=False)
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    return "null" if value is None else _rare(value)


def hidden(value: Any) -> str:
    """Return a value in mongosh syntax with `?` in place of each constant. Field names, operators and paths such as `$total` remain
    visible.
    """
    value = plain(value)
    if type(value) is dict:
        return _document(value, hidden)
    if type(value) is list:
        return f"[{', '.join(dict.fromkeys(map(hidden, value)))}]"
    return json.dumps(value) if type(value) is str and value.startswith("$") else HIDDEN


def _hidden_but_names(value: Any) -> str:
    if type(value) is dict:
        return _document(value, _hidden_but_names)
    return typed(value) if type(value) is str else hidden(value)


def _document(document: dict[str, Any], text: Text) -> str:
    inner = ", ".join([f"{field_name(name)}: {_text_of(name, text)(value)}" for name, value in document.items()])
    return f"{{ {inner} }}" if inner else "{}"


def _text_of(name: str, text: Text) -> Text:
    """Return the function that converts the value of the field `name` to text."""
    if text is typed or not name.startswith("$"):
        return text
    return typed if name in _STRUCTURE else _hidden_but_names if name in _NAMING else text


def field_name(name: str) -> str:
    """Return a field's name in mongosh syntax, with quotes unless it is an identifier."""
    return name if name.removeprefix("$").isidentifier() else json.dumps(name, ensure_ascii=False)


def _rare(value: Any) -> str:
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
