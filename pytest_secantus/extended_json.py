"""Extended JSON with what pymongo's reader loses: dates beyond a `datetime`, and the types symbol, undefined and dbPointer.

https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/
"""

from __future__ import annotations

import datetime
import json
import re
from typing import Any
from uuid import UUID

import bson
from bson import SON, Binary, Code, DatetimeMS, DBRef, Regex, json_util
from bson.codec_options import DatetimeConversion

#: What cannot be a `datetime` is a `DatetimeMS`.
OPTIONS = json_util.JSONOptions(tz_aware=False, datetime_conversion=DatetimeConversion.DATETIME_AUTO)
#: Types that pymongo reads as another one, and cannot write.
RARE = ("$symbol", "$undefined", "$dbPointer")
EPOCH = datetime.datetime(1970, 1, 1)
MILLISECOND = datetime.timedelta(milliseconds=1)
_FLAGS = {re.IGNORECASE: "i", re.LOCALE: "l", re.MULTILINE: "m", re.DOTALL: "s", re.UNICODE: "u", re.VERBOSE: "x"}
_FAR_DATE = re.compile(r"([+-]\d{4,9}|\d{5,9}|0000)-(\d\d-\d\dT.*)")


class Rare:
    """A value of a type that pymongo cannot write; `value` is one of `secantus_server.bson.values`."""

    def __init__(self, value: Any) -> None:
        self.value = value


def loads(text: str) -> Any:
    """Read Extended JSON, canonical, relaxed or of an older form.

    Raises:
        ValueError, TypeError: it is none.
    """
    return json.loads(text, object_pairs_hook=lambda pairs: object_hook(dict(pairs)))


def object_hook(found: dict[str, Any]) -> Any:
    """The value that a JSON object stands for, whose own values are read already."""
    if len(found) == 1:
        ((name, value),) = found.items()
        if name in RARE:
            return rare(name, value, found)
        if name == "$date" and isinstance(value, str) and (match := _FAR_DATE.fullmatch(value)):
            return far_date(int(match[1]), match[2])
    return json_util.object_hook(found, OPTIONS)


def rare(name: str, value: Any, found: dict[str, Any]) -> Rare:
    """A symbol, a dbPointer or undefined.

    Raises:
        TypeError: the value cannot be one.
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
    """A date in a year that a `datetime` does not know: the calendar repeats itself every 400 years."""
    cycles, near = divmod(year - 2000, 400)
    day = json_util.object_hook({"$date": f"{near + 2000:04}-{rest}"}, OPTIONS)
    return DatetimeMS((day - EPOCH) // MILLISECOND + cycles * 146097 * 86_400_000)


def encode(document: dict[str, Any]) -> bytes:
    """The BSON of a document that was read here.

    Raises:
        TypeError, OverflowError, bson.errors.BSONError: there is none.
    """
    if not has_rare(document):
        return bson.encode(document)
    from secantus_server.bson import encode as encode_values

    return encode_values({name: exact(value) for name, value in document.items()})


def has_rare(value: Any) -> bool:
    """Whether a value of a rare type is in it."""
    if isinstance(value, dict):
        return any(has_rare(item) for item in value.values())
    if isinstance(value, list):
        return any(has_rare(item) for item in value)
    return isinstance(value, Rare)


def exact(value: Any) -> Any:
    """A value in the form that the server's encoder takes; see docs/architecture.md."""
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
