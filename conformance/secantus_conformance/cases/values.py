"""The values in recorded cases: a parser of canonical Extended JSON, and an equality that distinguishes BSON types.

Only canonical Extended JSON is converted. A document such as {"$regex": ..., "$options": ...} remains a document, because commands often
contain such documents.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

from secantus_conformance.unified.values import type_alias

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _date(value: Any) -> datetime:
    return _EPOCH + timedelta(milliseconds=int(value))


def _binary(value: dict[str, str]) -> Any:
    data, subtype = base64.b64decode(value["base64"]), int(value["subType"], 16)
    return Binary(data, subtype) if subtype else data


def _constant(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


_SCALARS: dict[str, tuple[type, Callable[[Any], Any]]] = {
    "$numberInt": (str, int),
    "$numberLong": (str, Int64),
    "$numberDouble": (str, float),
    "$numberDecimal": (str, Decimal128),
    "$oid": (str, ObjectId),
    "$date": (int, _date),
    "$binary": (dict, _binary),
    "$timestamp": (dict, lambda value: Timestamp(value["t"], value["i"])),
    "$regularExpression": (dict, lambda value: Regex(value["pattern"], value["options"])),
    "$minKey": (int, _constant(MinKey())),
    "$maxKey": (int, _constant(MaxKey())),
    "$code": (str, Code),
}


def _hook(document: dict[str, Any]) -> Any:
    if len(document) == 1:
        key, value = next(iter(document.items()))
        found = _SCALARS.get(key)
        return found[1](value) if found and isinstance(value, found[0]) else document
    if list(document) == ["$code", "$scope"]:
        return Code(document["$code"], document["$scope"])
    return document


def parse(text: str) -> Any:
    """Parse canonical Extended JSON. Raise ValueError for text that is not JSON."""
    return json.loads(text, object_hook=_hook)


def equal(expected: Any, actual: Any) -> bool:
    """Return whether two values are equal, including their BSON types and the sign of zero. Ignore key order, and treat NaN as equal to
    NaN.
    """
    expected, actual = _document(expected), _document(actual)
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return expected.keys() == actual.keys() and all(equal(expected[key], actual[key]) for key in expected)
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(map(equal, expected, actual))
    if type_alias(expected) != type_alias(actual):
        return False
    if isinstance(expected, float):
        return _doubles(expected, actual)
    if isinstance(expected, Decimal128):
        return expected.bid == actual.bid or (expected.to_decimal().is_nan() and actual.to_decimal().is_nan())
    return bool(expected == actual)


def _document(value: Any) -> Any:
    return dict(value.as_doc()) if isinstance(value, DBRef) else value


def _doubles(expected: float, actual: float) -> bool:
    if math.isnan(expected) or math.isnan(actual):
        return math.isnan(expected) and math.isnan(actual)
    return expected == actual and math.copysign(1, expected) == math.copysign(1, actual)


def unordered(value: Any) -> Any:
    """Sort an array into a canonical order, so that arrays with the same elements compare equal."""
    return sorted(value, key=lambda item: (type_alias(item), repr(item))) if isinstance(value, list) else value
