"""Formats values as in MongoDB's error messages, for example `{ a: 1, b: "x" }`, `ObjectId('...')` or `new Date(0)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson import decode
from secantus_server.bson.values import Date, DBPointer, JavaScript, Regex, Symbol, Undefined


def describe_value(value: Any) -> str:
    """Format a value as in MongoDB's error messages."""
    describe = _DESCRIPTIONS.get(type(value))
    return str(value) if describe is None else describe(value)


def describe_element(field: str, value: Any) -> str:
    """Format a field as `name: value`."""
    return f"{field}: {describe_value(value)}"


def describe_document(document: dict[str, Any]) -> str:
    """Format a document as `{ a: 1 }`."""
    if not document:
        return "{}"
    return "{ " + ", ".join(describe_element(field, value) for field, value in document.items()) + " }"


def describe_id(document: bytes) -> str:
    """Format a document's `_id` as `{_id: 1}` to identify the document in an error message. Without an `_id`, the result is `{no id}`."""
    fields = decode(document)
    return "{" + describe_element("_id", fields["_id"]) + "}" if "_id" in fields else "{no id}"


def _describe_array(items: list[Any]) -> str:
    return "[ " + ", ".join(map(describe_value, items)) + " ]" if items else "[]"


def _describe_double(number: float) -> str:
    text = repr(number)
    return text if "." in text or "e" in text else text + ".0"


def _describe_code(code: JavaScript) -> str:
    if code.scope is None:
        return code.code
    return f"CodeWScope( {code.code}, {describe_document(code.scope)})"


_DESCRIPTIONS: dict[type, Callable[[Any], str]] = {
    str: lambda text: f'"{text}"',
    bool: lambda flag: "true" if flag else "false",
    type(None): lambda _: "null",
    float: _describe_double,
    Decimal128: str,
    dict: describe_document,
    list: _describe_array,
    ObjectId: lambda oid: f"ObjectId('{oid}')",
    Date: lambda date: f"new Date({date.ms})",
    Timestamp: lambda stamp: f"Timestamp({stamp.time}, {stamp.inc})",
    Binary: lambda data: f"BinData({data.subtype}, {bytes(data).hex().upper()})",
    Regex: lambda regex: f"/{regex.pattern}/{regex.options}",
    JavaScript: _describe_code,
    Symbol: lambda symbol: f'"{symbol.value}"',
    DBPointer: lambda pointer: f"DBRef('{pointer.namespace}', {pointer.id})",
    Undefined: lambda _: "undefined",
    MinKey: lambda _: "MinKey",
    MaxKey: lambda _: "MaxKey",
}
