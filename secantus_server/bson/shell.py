"""The text format of values in MongoDB's error messages and in the output of explain, such as `{ a: 1, b: "x" }`."""

from __future__ import annotations

from typing import Any

from bson.binary import UUID_SUBTYPE, Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson.values import Date, DBPointer, JavaScript, Regex, Symbol, Undefined

# MongoDB's limit counts the terminating NUL, so the longest text that is printed in full has 159 bytes.
MAX_TEXT_BYTES = 160
SHORTENED_BYTES = 150
MAX_BINARY_BYTES = 80
SHORTENED_BINARY_BYTES = 70


def shell_text(value: Any) -> str:
    """Format a value for an error message."""
    if type(value) is dict:
        return document_text(value)
    if type(value) is list:
        return f"[ {', '.join(map(shell_text, value))} ]" if value else "[]"
    if type(value) is str:
        return f'"{_escaped(_shortened(value))}"'
    if type(value) is float:
        return _double_text(value)
    if type(value) in (int, Int64):
        return str(int(value))
    if type(value) is bool:
        return "true" if value else "false"
    return "null" if value is None else _rare_text(value)


def document_text(document: dict[str, Any]) -> str:
    """Format a document for an error message."""
    inner = ", ".join([f"{name}: {value if type(value) is int else shell_text(value)}" for name, value in document.items()])
    return f"{{ {inner} }}" if inner else "{}"


def _shortened(text: str) -> str:
    """Truncate a text of 160 or more bytes to 150 bytes.

    As in MongoDB, the cut may split a character. Drivers replace the invalid bytes when they decode a message.
    """
    if len(text) * 4 < MAX_TEXT_BYTES:
        return text
    data = text.encode("utf-8", "surrogateescape")
    if len(data) < MAX_TEXT_BYTES:
        return text
    return data[:SHORTENED_BYTES].decode("utf-8", "surrogateescape") + "..."


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


def _double_text(number: float) -> str:
    if number != number:
        return "nan.0"
    if number in (float("inf"), float("-inf")):
        return "inf.0" if number > 0 else "-inf.0"
    if number == int(number) and abs(number) < 1e15:
        return f"{number:.1f}"
    return f"{number:.15g}"


def _rare_text(value: Any) -> str:
    kind = type(value)
    if kind is ObjectId:
        return f"ObjectId('{value}')"
    if kind is Date:
        return f"new Date({value.ms})"
    if kind is Binary and value.subtype == UUID_SUBTYPE and len(value) == 16:
        return f'UUID("{value.as_uuid()}")'
    if kind is Binary:
        shown = bytes(value).hex().upper() if len(value) <= MAX_BINARY_BYTES else f"{value[:SHORTENED_BINARY_BYTES].hex().upper()}..."
        return f"BinData({value.subtype}, {shown})"
    if kind is Timestamp:
        return f"Timestamp({value.time}, {value.inc})"
    if kind is Regex:
        return f"/{value.pattern}/{value.options}"
    if kind is Decimal128:
        return str(value)
    if kind is JavaScript:
        return value.code if value.scope is None else f"CodeWScope( {value.code}, {document_text(value.scope)})"
    if kind is Symbol:
        return f'"{value.value}"'
    if kind is DBPointer:
        return f'DBRef("{value.namespace}", {value.id})'
    if kind is Undefined:
        return "undefined"
    assert kind in (MinKey, MaxKey), f"{kind} is no value"
    return kind.__name__
