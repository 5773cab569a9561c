"""The operators `$serializeEJSON` and `$deserializeEJSON`, which convert BSON values to Extended JSON and back. They exist since MongoDB
8.3.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/serializeEJSON/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/deserializeEJSON/
https://github.com/mongodb/specifications/blob/master/source/extended-json/extended-json.md
"""

from __future__ import annotations

import base64
import math
import uuid
from collections.abc import Callable
from typing import Any

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.errors import BSONError
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson import int_value
from secantus_server.bson.values import UNDEFINED, Date, DBPointer, JavaScript, Regex, Symbol, Undefined
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.expressions.dates.calendar import iso_text
from secantus_server.mql.expressions.dates.parse_text import parse_date_text
from secantus_server.mql.expressions.dates.timezones import UTC
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import fold, parse_expression
from secantus_server.mql.expressions.registry import operator_parser
from secantus_server.mql.expressions.types.failure import CONVERSION_FAILURE, failure
from secantus_server.mql.expressions.types.to_number import to_int32, to_int64

# The errors that reading a malformed type wrapper can raise, because its parts can have any type.
_MALFORMED = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, BSONError, CommandError)
# The first moment after the year 9999. Relaxed Extended JSON represents only the dates from 1970 to 9999 as text.
AFTER_LAST_YEAR_MS = 253402300800000


def serialized(value: Any, relaxed: bool) -> Any:
    """Convert a value to relaxed or canonical Extended JSON."""
    if type(value) is dict:
        return {name: serialized(item, relaxed) for name, item in value.items()}
    if type(value) is list:
        return [serialized(item, relaxed) for item in value]
    if relaxed and (type(value) in (int, Int64) or (type(value) is float and math.isfinite(value))):
        return value
    if relaxed and type(value) is Date and 0 <= value.ms < AFTER_LAST_YEAR_MS:
        return {"$date": iso_text(value.ms)}
    write = _WRITERS.get(type(value))
    return value if write is None else write(value)


def _double_text(number: float) -> str:
    return repr(number) if math.isfinite(number) else "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _code(value: JavaScript) -> dict[str, Any]:
    return {"$code": value.code} if value.scope is None else {"$code": value.code, "$scope": serialized(value.scope, False)}


def _binary(value: Binary) -> dict[str, Any]:
    return {"$binary": {"base64": base64.b64encode(value).decode(), "subType": f"{value.subtype:02x}"}}


_WRITERS: dict[type, Callable[[Any], Any]] = {
    int: lambda value: {"$numberInt": str(value)},
    Int64: lambda value: {"$numberLong": str(int(value))},
    float: lambda value: {"$numberDouble": _double_text(value)},
    Decimal128: lambda value: {"$numberDecimal": str(value)},
    ObjectId: lambda value: {"$oid": str(value)},
    Date: lambda value: {"$date": {"$numberLong": str(value.ms)}},
    Binary: _binary,
    Regex: lambda value: {"$regularExpression": {"pattern": value.pattern, "options": value.options}},
    Timestamp: lambda value: {"$timestamp": {"t": int_value(value.time), "i": int_value(value.inc)}},
    JavaScript: _code,
    Symbol: lambda value: {"$symbol": value.value},
    DBPointer: lambda value: {"$dbPointer": {"$ref": value.namespace, "$id": {"$oid": str(value.id)}}},
    Undefined: lambda _: {"$undefined": True},
    MinKey: lambda _: {"$minKey": 1},
    MaxKey: lambda _: {"$maxKey": 1},
}


def deserialized(value: Any) -> Any:
    """Convert canonical or relaxed Extended JSON to a value.

    Documents remain documents unless they are type wrappers such as `{$numberLong: "1"}`.

    Raises:
        CommandError: 241 for a malformed type wrapper.
    """
    if type(value) is list:
        return [deserialized(item) for item in value]
    if type(value) is not dict:
        return value
    for wrapper, (names, read) in _READERS.items():
        if wrapper in value:
            try:
                if value.keys() != names:
                    raise ValueError("other fields")
                return read(value)
            except _MALFORMED:
                raise failure(f"Failed to read the type wrapper {wrapper} of Extended JSON") from None
    return {name: deserialized(item) for name, item in value.items()}


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(value)
    return value


def _number(value: Any) -> int:
    if type(value) not in (int, Int64, float) or value != int(value):
        raise TypeError(value)
    return int(value)


def _read_date(value: Any) -> Date:
    given = value["$date"]
    if type(given) is str:
        return Date(parse_date_text(given, UTC))
    return Date(int(to_int64(int(_text(given["$numberLong"])) if type(given) is dict else _number(given))))


def _read_binary(value: Any) -> Binary:
    given = value["$binary"]
    if given.keys() != {"base64", "subType"}:
        raise ValueError(given)
    data: Binary = Binary(base64.b64decode(_text(given["base64"]), validate=True), int(_text(given["subType"]), 16))
    return data


def _read_timestamp(value: Any) -> Timestamp:
    given = value["$timestamp"]
    if given.keys() != {"t", "i"}:
        raise ValueError(given)
    return Timestamp(_number(given["t"]), _number(given["i"]))


def _read_regex(value: Any) -> Regex:
    given = value["$regularExpression"]
    if given.keys() != {"pattern", "options"}:
        raise ValueError(given)
    return Regex(_text(given["pattern"]), "".join(sorted(_text(given["options"]))))


def _read_key(name: str, key: Any) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if _number(value[name]) != 1:
            raise ValueError(value)
        return key

    return read


def _read_undefined(value: Any) -> Any:
    if value["$undefined"] is not True:
        raise ValueError(value)
    return UNDEFINED


def _read_pointer(value: Any) -> DBPointer:
    given = value["$dbPointer"]
    return DBPointer(_text(given["$ref"]), ObjectId(_text(given["$id"]["$oid"])))


_READERS: dict[str, tuple[set[str], Callable[[Any], Any]]] = {
    "$numberInt": ({"$numberInt"}, lambda value: to_int32(int(_text(value["$numberInt"])))),
    "$numberLong": ({"$numberLong"}, lambda value: to_int64(int(_text(value["$numberLong"])))),
    "$numberDouble": ({"$numberDouble"}, lambda value: float(_text(value["$numberDouble"]))),
    "$numberDecimal": ({"$numberDecimal"}, lambda value: Decimal128(_text(value["$numberDecimal"]))),
    "$oid": ({"$oid"}, lambda value: ObjectId(_text(value["$oid"]))),
    "$date": ({"$date"}, _read_date),
    "$binary": ({"$binary"}, _read_binary),
    "$uuid": ({"$uuid"}, lambda value: Binary(uuid.UUID(_text(value["$uuid"])).bytes, 4)),
    "$regularExpression": ({"$regularExpression"}, _read_regex),
    "$timestamp": ({"$timestamp"}, _read_timestamp),
    "$scope": ({"$code", "$scope"}, lambda value: JavaScript(_text(value["$code"]), dict(deserialized(value["$scope"])))),
    "$code": ({"$code"}, lambda value: JavaScript(_text(value["$code"]))),
    "$symbol": ({"$symbol"}, lambda value: Symbol(_text(value["$symbol"]))),
    "$dbPointer": ({"$dbPointer"}, _read_pointer),
    "$undefined": ({"$undefined"}, _read_undefined),
    "$minKey": ({"$minKey"}, _read_key("$minKey", MinKey())),
    "$maxKey": ({"$maxKey"}, _read_key("$maxKey", MaxKey())),
}


class EjsonNode(Expression):
    """The expression node of `$serializeEJSON` and `$deserializeEJSON`. `onError` is evaluated only if the conversion fails."""

    def __init__(self, name: str, arguments: dict[str, Expression]) -> None:
        self.name = name
        self.arguments = arguments

    def children(self) -> tuple[Expression, ...]:
        """Return the expressions of all arguments that are present."""
        return tuple(self.arguments.values())

    def evaluate(self, doc: bytes) -> Any:
        """Return the converted value, or null for null. If the conversion fails, return the value of `onError`."""
        value = self.arguments["input"].evaluate(doc)
        if is_nullish(value):
            return None
        if self.name == "$serializeEJSON":
            return serialized(value, self._is_relaxed(doc))
        try:
            return deserialized(value)
        except CommandError as error:
            on_error = self.arguments.get("onError")
            if on_error is None or error.code != CONVERSION_FAILURE:
                raise
            return on_error.evaluate(doc)

    def _is_relaxed(self, doc: bytes) -> bool:
        given = self.arguments["relaxed"].evaluate(doc) if "relaxed" in self.arguments else False
        if type(given) is not bool:
            raise CommandError(14, f"{self.name} requires 'relaxed' to be a bool")
        return given


def _register(name: str, fields: frozenset[str]) -> None:
    @operator_parser(name, since="8.3")
    def parse(argument: Any, ctx: ParseContext) -> Expression:
        if type(argument) is not dict:
            raise CommandError(9, f"{name} expects an object of named arguments")
        for field in argument:
            if field not in fields:
                raise CommandError(9, f"{name} found an unknown argument: {field}")
        if "input" not in argument:
            raise CommandError(9, f"Missing 'input' parameter to {name}")
        return fold(EjsonNode(name, {field: parse_expression(spec, ctx) for field, spec in argument.items()}))


_register("$serializeEJSON", frozenset(["input", "relaxed", "onError"]))
_register("$deserializeEJSON", frozenset(["input", "onError"]))
