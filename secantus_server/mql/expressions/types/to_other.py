"""Conversions to bool, date, objectId, string, array, object and binData.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/convert/
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson import type_name
from secantus_server.bson.numbers import INT64_MAX, INT64_MIN, python_number
from secantus_server.bson.values import Date, JavaScript, Regex
from secantus_server.differences import MORE_CONVERSIONS, OBJECT_TO_BINARY
from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.expressions._nodes import truthy
from secantus_server.mql.expressions.dates.calendar import iso_text
from secantus_server.mql.expressions.dates.parse_text import parse_date_text
from secantus_server.mql.expressions.dates.timezones import UTC
from secantus_server.mql.expressions.string_limit import MAX_STRING_BYTES, checked_string
from secantus_server.mql.expressions.types.failure import failure, overflow, unsupported
from secantus_server.mql.expressions.types.json_text import json_of, parse_json
from secantus_server.mql.expressions.types.vectors import VECTOR_SUBTYPE, array_of_vector, vector_of_array
from secantus_server.version import MONGODB_8_2, Release

HEXADECIMAL_ID = re.compile(r"[0-9a-fA-F]{24}\Z")
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
UUID_SUBTYPE = 4
DATE_PADDING = "\0\t\n \xa0"
FIRST_YEAR_MS, AFTER_LAST_YEAR_MS = -62167219200000, 253402300800000


class Options(NamedTuple):
    """The options of `$convert` for strings and binary data, and the emulated MongoDB release, which determines the supported
    conversions.

    `format` is None if the argument is omitted.
    """

    format: str | None = None
    byte_order: str = "little"
    subtype: int = 0
    release: Release = MONGODB_8_2


def to_bool(value: Any) -> bool:
    """Convert a value to a bool. Every string is converted to true, even an empty one."""
    return truthy(value)


def _date_of_number(value: Any) -> Date:
    number = python_number(value)
    if not math.isfinite(number):
        raise failure(f"Attempt to convert {'NaN' if math.isnan(number) else 'infinity'} value to integer type")
    milliseconds = int(number)
    if not INT64_MIN <= milliseconds <= INT64_MAX:
        raise overflow(value)
    return Date(milliseconds)


def _seconds_of_id(value: ObjectId) -> int:
    """Return the creation time of an ObjectId in seconds. Its first four bytes are interpreted as a signed number."""
    seconds: int = struct.unpack(">i", value.binary[:4])[0]
    return seconds


TO_DATE: dict[type, Callable[[Any], Any]] = {
    Date: lambda value: value,
    Int64: lambda value: Date(int(value)),
    float: _date_of_number,
    Decimal128: _date_of_number,
    str: lambda value: Date(parse_date_text(value.strip(DATE_PADDING), UTC)),
    ObjectId: lambda value: Date(_seconds_of_id(value) * 1000),
    Timestamp: lambda value: Date(value.time * 1000),
}


def _parse_object_id(text: str) -> ObjectId:
    if HEXADECIMAL_ID.match(text):
        return ObjectId(text)
    length = len(text.encode("utf-8", "surrogatepass"))
    why = f"Invalid string length for parsing to OID, expected 24 but found {length}"
    if length == 24:
        why = "Invalid character found in hex string"
    raise failure(f"Failed to parse objectId '{text}'", f": {why}")


TO_OBJECT_ID: dict[type, Callable[[Any], Any]] = {ObjectId: lambda value: value, str: _parse_object_id}


def float_text(number: float) -> str:
    """Format a double with the fewest digits that preserve its value. A whole number has no fraction."""
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    return repr(number).removesuffix(".0")


def date_text(date: Date) -> str:
    """Format a date in UTC according to ISO 8601.

    Raises:
        CommandError: 18537 for a year that does not have four digits.
    """
    if not FIRST_YEAR_MS <= date.ms < AFTER_LAST_YEAR_MS:
        raise CommandError(18537, f"Could not convert date to string: date component was outside the supported range of 0-9999: {date.ms}")
    return iso_text(date.ms)


def _binary_text(data: Binary, options: Options) -> str:
    if options.format is None:
        raise CommandError(4341115, "Format must be specified when converting from 'binData' to 'string' in $convert")
    is_uuid = data.subtype == UUID_SUBTYPE and len(data) == 16
    form = ("uuid" if is_uuid else "base64") if options.format == "auto" else options.format
    if form == "uuid":
        if not is_uuid:
            raise failure("Unsupported conversion from binData to string with the uuid format")
        return str(uuid.UUID(bytes=bytes(data)))
    if form == "utf8":
        return checked_string(_utf8_text(data))
    if form == "hex":
        return _within_limit(data.hex().upper(), 2 * len(data))
    text = _base64url_text(data) if form == "base64url" else _base64_text(data)
    return _within_limit(text, len(text))


def _within_limit(text: str, size: int) -> str:
    if size >= MAX_STRING_BYTES:
        raise failure("Resulting string exceeds the maximum size", f": {size} bytes")
    return text


def _utf8_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise failure("BinData does not represent a valid UTF-8 string") from None


def _base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _base64url_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def to_string(options: Options) -> dict[type, Callable[[Any], Any]]:
    """Return the functions that convert values to string, by source type."""
    conversions: dict[type, Callable[[Any], Any]] = {
        str: lambda value: value,
        bool: lambda value: "true" if value else "false",
        int: str,
        Int64: str,
        float: float_text,
        Decimal128: str,
        Date: date_text,
        ObjectId: str,
        Binary: lambda value: _binary_text(value, options),
    }
    return conversions | _more_strings(options) if options.release.has(MORE_CONVERSIONS) else conversions


def _more_strings(options: Options) -> dict[type, Callable[[Any], Any]]:
    """Return the functions for the conversions to string that exist only since MongoDB 8.3, by source type."""

    def nested(value: Any) -> str:
        conversion = to_string(options._replace(format=options.format or "auto")).get(type(value))
        if conversion is None:
            raise unsupported(type_name(value), "string")
        text: str = conversion(value)
        return text

    return {
        dict: lambda value: json_of(value, nested),
        list: lambda value: json_of(value, nested),
        Regex: lambda value: f"/{value.pattern}/{value.options}",
        JavaScript: lambda value: value.code,
        Timestamp: lambda value: f"Timestamp({value.time}, {value.inc})",
        MinKey: lambda _: "MinKey",
        MaxKey: lambda _: "MaxKey",
    }


def to_array(options: Options) -> dict[type, Callable[[Any], Any]]:
    """Return the functions that convert values to array, by source type."""
    if not options.release.has(MORE_CONVERSIONS):
        return {}
    return {list: lambda value: value, str: lambda value: parse_json(value, list), Binary: array_of_vector}


def to_object(options: Options) -> dict[type, Callable[[Any], Any]]:
    """Return the functions that convert values to object, by source type."""
    if not options.release.has(MORE_CONVERSIONS):
        return {}
    return {dict: lambda value: value, str: lambda value: parse_json(value, dict)}


def _bytes_of_text(text: str, options: Options) -> Binary:
    if options.format is None:
        raise CommandError(4341115, "Format must be specified when converting from 'string' to 'binData' in $convert")
    if (options.format == "uuid") != (options.subtype == UUID_SUBTYPE) or options.format == "auto":
        target = "UUID" if options.subtype == UUID_SUBTYPE else "binData"
        raise failure(f"Can't convert to {target} from string with format {options.format}")
    try:
        data: Binary = Binary(_DECODERS[options.format](text), options.subtype)
    except (ValueError, binascii.Error):
        raise failure(f"Input string '{text}' is not valid {options.format}") from None
    return data


def _decode_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _decode_base64url(text: str) -> bytes:
    if "+" in text or "/" in text:
        raise ValueError(text)
    padded = text.rstrip("=")
    return base64.b64decode((padded + "=" * (-len(padded) % 4)).replace("-", "+").replace("_", "/"), validate=True)


def _decode_uuid(text: str) -> bytes:
    if not UUID_TEXT.match(text):
        raise ValueError(text)
    return uuid.UUID(text).bytes


_DECODERS: dict[str, Callable[[str], bytes]] = {
    "base64": _decode_base64,
    "base64url": _decode_base64url,
    "hex": binascii.unhexlify,
    "utf8": lambda text: text.encode("utf-8", "surrogateescape"),
    "uuid": _decode_uuid,
}


def _same_subtype(data: Any, options: Options) -> Any:
    if data.subtype != options.subtype:
        raise failure("Conversions between different binData subtypes are not supported")
    return data


def to_binary(options: Options) -> dict[type, Callable[[Any], Any]]:
    """Return the functions that convert values to binData, by source type."""
    order = ">" if options.byte_order == "big" else "<"
    return {
        Binary: lambda value: _same_subtype(value, options),
        str: lambda value: _bytes_of_text(value, options),
        int: lambda value: Binary(struct.pack(order + "i", value), options.subtype),
        Int64: lambda value: Binary(struct.pack(order + "q", value), options.subtype),
        float: lambda value: Binary(struct.pack(order + "d", value), options.subtype),
        **({list: _vector(options)} if options.release.has(MORE_CONVERSIONS) else {}),
        **({dict: _refuse_object} if options.release.has(OBJECT_TO_BINARY) else {}),
    }


def _vector(options: Options) -> Callable[[list[Any]], Binary]:
    def convert(items: list[Any]) -> Binary:
        if options.subtype not in (0, VECTOR_SUBTYPE):
            raise failure(f"An array cannot be converted to binData of subtype {options.subtype}")
        return vector_of_array(items)

    return convert


def _refuse_object(_value: Any) -> NoReturn:
    raise not_supported("$convert of an object to binData", "convert the object to a string with $toString first")
