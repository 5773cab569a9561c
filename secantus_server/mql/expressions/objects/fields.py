"""The operators `$getField`, `$setField` and `$unsetField`, which also support field names that are invalid in paths.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/getField/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import call, parse_expression
from secantus_server.mql.expressions.registry import operator_parser


@operator_parser("$getField")
def parse_get_field(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$getField: {field, input}` or `$getField: field`. The default input is `$$CURRENT`.

    Raises:
        CommandError: 3041701 to 3041704 for a malformed argument.
    """
    if type(argument) is not dict or next(iter(argument), "")[:1] == "$":
        return _get_field(parse_expression(argument, ctx), parse_expression("$$CURRENT", ctx))
    for name in argument:
        if name not in ("field", "input"):
            raise CommandError(3041701, f"$getField found an unknown argument: {name}")
    if "field" not in argument:
        raise CommandError(3041702, "$getField requires 'field' to be specified")
    if "input" not in argument:
        raise CommandError(3041703, "$getField requires 'input' to be specified")
    return _get_field(parse_expression(argument["field"], ctx), parse_expression(argument["input"], ctx))


def _get_field(field: Expression, source: Expression) -> Expression:
    if isinstance(field, Constant):
        _check_field(field.value)
    return call(get_field, [field, source])


def _check_field(field: Any) -> None:
    if type(field) is not str:
        raise CommandError(3041704, f"$getField requires 'field' to evaluate to type String, but got {type_name(field)}")


def get_field(field: Any, source: Any) -> Any:
    """Return the value of a field in a document. Return null if `source` is null, and MISSING if it is not a document.

    Raises:
        CommandError: 3041704 if the name is not a string.
    """
    _check_field(field)
    if type(source) is dict:
        return source.get(field, MISSING)
    return None if is_nullish(source) and source is not MISSING else MISSING


@operator_parser("$setField")
def parse_set_field(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$setField: {field, input, value}`. If `value` evaluates to a missing value, the operator removes the field.

    Raises:
        CommandError: 4161100 to 4161109 for a malformed argument.
    """
    field = _parse_fields("$setField", argument, ctx, {"field": 4161102, "value": 4161103, "input": 4161109})

    def set_field(source: Any, value: Any) -> Any:
        return _with_field("$setField", source, field, value)

    return call(set_field, [parse_expression(argument["input"], ctx), parse_expression(argument["value"], ctx)])


@operator_parser("$unsetField")
def parse_unset_field(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$unsetField: {field, input}`.

    Raises:
        CommandError: 4161100 to 4161109 for a malformed argument.
    """
    field = _parse_fields("$unsetField", argument, ctx, {"field": 4161102, "input": 4161109})

    def unset_field(source: Any) -> Any:
        return _with_field("$unsetField", source, field, MISSING)

    return call(unset_field, [parse_expression(argument["input"], ctx)])


def _parse_fields(name: str, argument: Any, ctx: ParseContext, required: dict[str, int]) -> str:
    """Validate the argument of `$setField` or `$unsetField`, and return the name of the field, which must be constant.

    Arguments:
        name: the operator, for error messages.
        required: the names in the argument, each with the code of the error if it is missing.
    """
    if type(argument) is not dict:
        raise CommandError(4161100, f"{name} only supports an object as its argument")
    for found in argument:
        if found not in required:
            raise CommandError(4161101, f"{name} found an unknown argument: {found}")
    for wanted, code in required.items():
        if wanted not in argument:
            raise CommandError(code, f"{name} requires '{wanted}' to be specified")
    # MongoDB reports an error inside any argument before an error about the field.
    for spec in argument.values():
        parse_expression(spec, ctx)
    return _constant_name(name, argument["field"])


def _constant_name(name: str, field: Any) -> str:
    if type(field) is str and field[:1] == "$":
        raise CommandError(
            4161108,
            f"'{field}' is a field path reference which is not allowed in this context. Did you mean {{$literal: '{field}'}}?",
        )
    if type(field) is dict and len(field) == 1 and next(iter(field)) in ("$literal", "$const"):
        field = next(iter(field.values()))
    elif (type(field) is dict and field) or type(field) is list:
        raise CommandError(4161106, f"{name} requires 'field' to evaluate to a constant, but got a non-constant argument")
    if type(field) is not str:
        raise CommandError(4161107, f"{name} requires 'field' to evaluate to type String, but got {type_name(field)}")
    if "\0" in field:
        raise CommandError(9534700, f"{name} requires 'field' to not contain a null byte")
    return field


def _with_field(name: str, source: Any, field: str, value: Any) -> Any:
    if is_nullish(source):
        return None
    if type(source) is not dict:
        raise CommandError(4161105, f"{name} requires 'input' to evaluate to type Object")
    changed = dict(source)
    if value is MISSING:
        changed.pop(field, None)
    else:
        changed[field] = value
    return changed
