"""Extended JSON, including values that pymongo cannot represent: dates outside the range of `datetime`, symbol, undefined and dbPointer.

https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/
"""

from __future__ import annotations

import datetime
import json
import math
import re
from typing import Any
from uuid import UUID

import bson
from bson import SON, Binary, Code, DatetimeMS, DBRef, Int64, Regex, json_util
from bson.codec_options import DatetimeConversion

#: Dates outside the range of `datetime` become `DatetimeMS`.
OPTIONS = json_util.JSONOptions(tz_aware=False, datetime_conversion=DatetimeConversion.DATETIME_AUTO)
#: Types that pymongo decodes as another type and cannot encode.
RARE = ("$symbol", "$undefined", "$dbPointer")
EPOCH = datetime.datetime(1970, 1, 1)
MILLISECOND = datetime.timedelta(milliseconds=1)
_FLAGS = {re.IGNORECASE: "i", re.LOCALE: "l", re.MULTILINE: "m", re.DOTALL: "s", re.UNICODE: "u", re.VERBOSE: "x"}
_FAR_DATE = re.compile(r"([+-]\d{4,9}|\d{5,9}|0000)-(\d\d-\d\dT.*)")


class Rare:
    """A value of a type that pymongo cannot encode. `value` is an instance of a class in `secantus_server.bson.values`."""

    def __init__(self, value: Any) -> None:
        self.value = value


def loads(text: str) -> Any:
    """Parse Extended JSON in canonical, relaxed or legacy form.

    Raises:
        ValueError, TypeError: the text is not Extended JSON.
    """
    return json.loads(text, object_pairs_hook=lambda pairs: object_hook(dict(pairs)))


def object_hook(found: dict[str, Any]) -> Any:
    """Convert a JSON object, whose nested values are already converted, to the value that it represents."""
    if len(found) == 1:
        ((name, value),) = found.items()
        if name in RARE:
            return rare(name, value, found)
        if name == "$date" and isinstance(value, str) and (match := _FAR_DATE.fullmatch(value)):
            return far_date(int(match[1]), match[2])
    return json_util.object_hook(found, OPTIONS)


def rare(name: str, value: Any, found: dict[str, Any]) -> Rare:
    """Convert a symbol, dbPointer or undefined value to a `Rare`.

    Raises:
        TypeError: the value is malformed.
    """
    from secantus_server.bson import values

    if name == "$symbol" and isinstance(value, str):
        return Rare(values.Symbol(value))
    if name == "$undefined" and value is True:
        return Rare(values.UNDEFINED)
    if name == "$dbPointer" and isinstance(value, DBRef) and isinstance(value.id, bson.ObjectId) and value.database is None:
        return Rare(values.DBPointer(value.collection, value.id))
    raise TypeError(f"Bad {name}: {found}")


def far_date(year: int, rest: str) -> DatetimeMS:
    """Parse a date whose year is outside the range of `datetime`, using the calendar's 400-year period."""
    cycles, near = divmod(year - 2000, 400)
    day = json_util.object_hook({"$date": f"{near + 2000:04}-{rest}"}, OPTIONS)
    return DatetimeMS((day - EPOCH) // MILLISECOND + cycles * 146097 * 86_400_000)


def encode(document: dict[str, Any]) -> bytes:
    """Encode a document from `loads` as BSON.

    Raises:
        TypeError, OverflowError, bson.errors.BSONError: the document cannot be encoded.
    """
    if not has_rare(document):
        return bson.encode(document)
    from secantus_server.bson import encode as encode_values

    return encode_values({name: exact(value) for name, value in document.items()})


def has_rare(value: Any) -> bool:
    """Return whether a value is or contains a `Rare`."""
    if isinstance(value, dict):
        return any(has_rare(item) for item in value.values())
    if isinstance(value, list):
        return any(has_rare(item) for item in value)
    return isinstance(value, Rare)


def exact(value: Any) -> Any:
    """Convert a value to the types that the server's encoder expects; see docs/architecture.md."""
    from secantus_server.bson import int_value, values

    if isinstance(value, Rare):
        return value.value
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, datetime.datetime):
        return values.Date((value - EPOCH) // MILLISECOND)
    if isinstance(value, DatetimeMS):
        return values.Date(int(value))
    if isinstance(value, Regex):
        return values.Regex(value.pattern, "".join(letter for flag, letter in _FLAGS.items() if value.flags & flag))
    if isinstance(value, Code):
        return values.JavaScript(str(value), None if value.scope is None else exact(dict(value.scope)))
    if isinstance(value, (DBRef, SON)):
        return exact(dict(value.as_doc() if isinstance(value, DBRef) else value))
    if isinstance(value, (UUID, bytes)) and not isinstance(value, Binary):
        return Binary.from_uuid(value) if isinstance(value, UUID) else Binary(value)
    return int_value(value) if type(value) is int else value


def dumps(document: bytes) -> str:
    """Convert a BSON document to canonical Extended JSON. `loads` and `encode` convert it back to the same bytes."""
    from secantus_server.bson import decode

    return json.dumps(canonical(decode(document)))


def canonical(value: Any) -> Any:
    """Convert a value from the server's decoder to canonical Extended JSON; see docs/architecture.md."""
    if value is None or type(value) in (bool, str):
        return value
    if type(value) is dict:
        return {name: canonical(item) for name, item in value.items()}
    if type(value) is list:
        return [canonical(item) for item in value]
    return canonical_number(value) if isinstance(value, (int, float)) else canonical_object(value)


def canonical_number(value: float) -> dict[str, str]:
    """Convert an int32, int64 or double to a canonical Extended JSON object."""
    if isinstance(value, float):
        special = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return {"$numberDouble": repr(value) if math.isfinite(value) else special}
    return {"$numberLong" if isinstance(value, Int64) else "$numberInt": str(int(value))}


def canonical_object(value: Any) -> dict[str, Any]:
    """Convert a value of a type that JSON lacks to a canonical Extended JSON object."""
    from secantus_server.bson import values

    match value:
        case values.Date():
            return {"$date": {"$numberLong": str(value.ms)}}
        case values.Regex():
            return {"$regularExpression": {"pattern": value.pattern, "options": value.options}}
        case values.JavaScript():
            return {"$code": value.code} if value.scope is None else {"$code": value.code, "$scope": canonical(value.scope)}
        case values.Symbol():
            return {"$symbol": value.value}
        case values.DBPointer():
            return {"$dbPointer": {"$ref": value.namespace, "$id": {"$oid": str(value.id)}}}
        case values.Undefined():
            return {"$undefined": True}
    found: dict[str, Any] = json_util.default(value, json_util.CANONICAL_JSON_OPTIONS)
    return found
