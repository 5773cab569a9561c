"""The operator `$convert` and its short forms such as `$toInt` and `$toString`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/convert/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_server.bson import is_number, type_name
from secantus_server.bson.numbers import quiet_decimal
from secantus_server.bson.values import TYPE_NAMES
from secantus_server.differences import CONVERT_BASE
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import call, fold, parse_expression
from secantus_server.mql.expressions.registry import operator_parser
from secantus_server.mql.expressions.types.failure import CONVERSION_FAILURE, unsupported
from secantus_server.mql.expressions.types.number_base import check_base, with_base
from secantus_server.mql.expressions.types.to_number import TO_DECIMAL, to_double, to_int, to_long
from secantus_server.mql.expressions.types.to_other import (
    TO_DATE,
    TO_OBJECT_ID,
    Options,
    to_array,
    to_binary,
    to_bool,
    to_object,
    to_string,
)
from secantus_server.mql.expressions.value_text import value_text
from secantus_server.version import RELEASES, Release

FIELDS = frozenset(["input", "to", "format", "byteOrder", "onError", "onNull"])
LATER_FIELDS = FIELDS | {"base"}
FORMATS = ("auto", "base64", "base64url", "hex", "utf8", "uuid")
BYTE_ORDERS = ("big", "little")
ALIASES = frozenset(TYPE_NAMES.values())

# For each target type, a function of the options of `$convert` that returns the conversions by source type.
CONVERSIONS: dict[str, Callable[[Options], dict[type, Callable[[Any], Any]]]] = {
    "int": lambda options: to_int(options.byte_order),
    "long": lambda options: to_long(options.byte_order),
    "double": lambda options: to_double(options.byte_order, options.release),
    "decimal": lambda _: TO_DECIMAL,
    "date": lambda _: TO_DATE,
    "objectId": lambda _: TO_OBJECT_ID,
    "string": to_string,
    "binData": to_binary,
    "array": to_array,
    "object": to_object,
}


def converter(target: str, options: Options) -> Callable[[Any], Any]:
    """Return the function that converts a non-null value to the target type.

    Arguments:
        target: the alias of the target type.
        options: the byte order, the binary format, the binary subtype and the release.
    """
    if target == "bool":
        return to_bool
    by_type = CONVERSIONS[target](options) if target in CONVERSIONS else {}

    def convert(value: Any) -> Any:
        conversion = by_type.get(type(value))
        if conversion is None:
            raise unsupported(type_name(value), target)
        return conversion(value)

    return convert


class Convert(Expression):
    """The expression node of `$convert`. `onError` and `onNull` are evaluated only on demand. Attributes for omitted arguments are None."""

    def __init__(self, arguments: dict[str, Expression], release: Release) -> None:
        self.release = release
        self.base = arguments.get("base")
        self.arguments = arguments
        self.input = arguments["input"]
        self.to = arguments["to"]
        self.format = arguments.get("format")
        self.byte_order = arguments.get("byteOrder")
        self.on_error = arguments.get("onError")
        self.on_null = arguments.get("onNull")

    def children(self) -> tuple[Expression, ...]:
        """Return the expressions of all arguments that are present."""
        return tuple(self.arguments.values())

    def evaluate(self, doc: bytes) -> Any:
        """Return the converted value. If the conversion fails, return the value of `onError`. For null, return the value of `onNull`, or
        null.
        """
        value = self.input.evaluate(doc)
        to = self.to.evaluate(doc)
        if is_nullish(value):
            return None if self.on_null is None else self.on_null.evaluate(doc)
        if is_nullish(to):
            return None
        try:
            return self._function(to, doc)(value)
        except CommandError as error:
            if self.on_error is None or error.code != CONVERSION_FAILURE:
                raise
            return self.on_error.evaluate(doc)

    def _function(self, to: Any, doc: bytes) -> Callable[[Any], Any]:
        target, subtype = _target(to)
        byte_order = _byte_order(self.byte_order.evaluate(doc)) if self.byte_order is not None else "little"
        form = _format(self.format.evaluate(doc)) if self.format is not None else None
        base = check_base(self.base.evaluate(doc)) if self.base is not None else None
        plain = converter(target, Options(form, byte_order, subtype, self.release))
        return plain if base is None else with_base(target, base, plain)


@operator_parser("$convert")
def parse_convert(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `{$convert: {input, to, base, format, byteOrder, onError, onNull}}`.

    Raises:
        CommandError: 9 for a malformed argument.
    """
    if type(argument) is not dict:
        raise CommandError(9, f"$convert expects an object of named arguments but found: {type_name(argument)}")
    for name in argument:
        if name not in (LATER_FIELDS if ctx.release.has(CONVERT_BASE) else FIELDS):
            raise CommandError(9, f"$convert found an unknown argument: {name}")
    for name in ("input", "to"):
        if name not in argument:
            raise CommandError(9, f"Missing '{name}' parameter to $convert")
    return fold(Convert({name: parse_expression(spec, ctx) for name, spec in argument.items()}, ctx.release))


def _target(to: Any) -> tuple[str, int]:
    """Parse the evaluated argument `to`, and return the alias of the target type and the subtype for binary data."""
    if type(to) is dict:
        if "type" not in to:
            raise CommandError(9, "Missing 'type' parameter to $convert's 'to' argument")
        target = _type_alias(to["type"])
        return target, _subtype(to["subtype"]) if target == "binData" and "subtype" in to else 0
    return _type_alias(to), 0


def _type_alias(to: Any) -> str:
    if type(to) is str:
        if to not in ALIASES or to == "missing":
            raise CommandError(2, f"Unknown type name: {to}")
        return to
    if not is_number(to):
        raise CommandError(9, f"$convert's 'to' argument must be a string or number, but is {type_name(to)}")
    code = _whole_number(to)
    if code is None:
        raise CommandError(9, "In $convert, numeric 'to' argument is not an integer")
    # "missing" is not a type to which a value can be converted, but MongoDB reports this as a failed conversion, not as an unknown type.
    alias = {-1: "minKey", 0: "missing"}.get(code, TYPE_NAMES.get(code))
    if alias is None or code == 255:
        raise CommandError(9, f"In $convert, numeric value for 'to' does not correspond to a BSON type: {value_text(to)}")
    return alias


def _subtype(value: Any) -> int:
    if not is_number(value):
        raise CommandError(4341108, f"In $convert, 'subtype' must be a number, but is {type_name(value)}")
    number = _whole_number(value)
    if number is None:
        raise CommandError(4341106, "In $convert, numeric 'subtype' argument is not an integer")
    if not (0 <= number <= 9 or 128 <= number <= 255):
        raise CommandError(4341107, f"In $convert, numeric value for 'subtype' does not correspond to a BinData type: {value_text(value)}")
    return number


def _whole_number(value: Any) -> int | None:
    converted = quiet_decimal(converter("decimal", Options())(value))
    return int(converted) if converted.is_finite() and converted == converted.to_integral_value() else None


def _byte_order(value: Any) -> str:
    if is_nullish(value):
        return "little"
    if type(value) is not str:
        raise CommandError(9130001, f"$convert requires that 'byteOrder' be a string, found: {type_name(value)}")
    if value not in BYTE_ORDERS:
        raise CommandError(9130002, f"Invalid 'byteOrder' argument for $convert: {value}")
    return value


def _format(value: Any) -> str | None:
    if is_nullish(value):
        return None
    if type(value) is not str:
        raise CommandError(4341114, f"$convert requires that 'format' be a string, found: {type_name(value)}")
    if value not in FORMATS:
        raise CommandError(4341125, f"Invalid 'format' argument for $convert: {value}")
    return value


def _or_null(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if is_nullish(value) else convert(value)


def _register(name: str, target: str, since: str | None = None) -> None:
    """Register a short form of `$convert`, an operator with one argument that returns null for null.

    Arguments:
        name: the operator's name, with its `$`.
        target: the alias of the target type.
        since: as for `operator`.
    """
    functions = {release: _or_null(converter(target, Options(format="auto", release=release))) for release in RELEASES.values()}

    @operator_parser(name, since=since)
    def parse(argument: Any, ctx: ParseContext) -> Expression:
        specs = argument if type(argument) is list else [argument]
        if len(specs) != 1:
            raise CommandError(50723, f"{name} requires a single argument, got {len(specs)}")
        return call(functions[ctx.release], [parse_expression(specs[0], ctx)])


for _name, _target_name in {
    "$toInt": "int",
    "$toLong": "long",
    "$toDouble": "double",
    "$toDecimal": "decimal",
    "$toBool": "bool",
    "$toDate": "date",
    "$toObjectId": "objectId",
    "$toString": "string",
}.items():
    _register(_name, _target_name)


_register("$toArray", "array", since="8.3")
_register("$toObject", "object", since="8.3")


@operator_parser("$toUUID")
def parse_to_uuid(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$toUUID`, which converts a string to binary data of subtype 4 (UUID)."""
    specs = argument if type(argument) is list else [argument]
    if len(specs) != 1:
        raise CommandError(50723, f"$toUUID requires a single argument, got {len(specs)}")
    target = Constant({"type": "binData", "subtype": 4})
    return fold(Convert({"input": parse_expression(specs[0], ctx), "to": target, "format": Constant("uuid")}, ctx.release))
