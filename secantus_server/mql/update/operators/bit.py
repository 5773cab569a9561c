"""The operator `$bit`, which applies bitwise and, or and xor to integers.

https://www.mongodb.com/docs/manual/reference/operator/update/bit/
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from bson.int64 import Int64

from secantus_server.bson import type_name
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.describe import describe_document, describe_id
from secantus_server.mql.update._nodes import UNCHANGED, Leaf, State
from secantus_server.mql.update.registry import modifier

_OPERATIONS: dict[str, Callable[[int, int], int]] = {"and": operator.and_, "or": operator.or_, "xor": operator.xor}


@modifier("$bit")
def parse_bit(argument: Any, _path: str, _ctx: ParseContext) -> Leaf:
    """Parse `$bit`, which applies bitwise operations to an int or long. A missing field counts as the int 0.

    Raises:
        CommandError: 2 if the argument does not have the form `{and|or|xor: int|long}`.
    """
    steps = _parse_steps(argument)

    def modify(old: Any, state: State) -> Any:
        if old is MISSING:
            return _combine(0, steps)
        if type(old) is not int and type(old) is not Int64:
            raise CommandError(
                2,
                f"Cannot apply $bit to a value of non-integral type.{describe_id(state.document)} has the field "
                f"{state.field} of non-integer type {type_name(old)}",
            )
        new = _combine(old, steps)
        return UNCHANGED if new == old and type(new) is type(old) else new

    return Leaf(modify)


def _parse_steps(argument: Any) -> list[tuple[Callable[[int, int], int], int]]:
    if type(argument) is not dict:
        raise CommandError(
            2,
            f"The $bit modifier is not compatible with a {type_name(argument)}. You must pass in an embedded document: "
            "{$bit: {field: {and/or/xor: #}}",
        )
    if not argument:
        raise CommandError(2, "You must pass in at least one bitwise operation. The format is: {$bit: {field: {and/or/xor: #}}")
    return [_parse_step(name, number) for name, number in argument.items()]


def _parse_step(name: str, number: Any) -> tuple[Callable[[int, int], int], int]:
    shown = describe_document({name: number})
    if name not in _OPERATIONS:
        raise CommandError(2, f"The $bit modifier only supports 'and', 'or', and 'xor', not '{name}' which is an unknown operator: {shown}")
    if type(number) is not int and type(number) is not Int64:
        raise CommandError(
            2, f"The $bit modifier field must be an Integer(32/64 bit); a '{type_name(number)}' is not supported here: {shown}"
        )
    return _OPERATIONS[name], number


def _combine(value: Any, steps: list[tuple[Callable[[int, int], int], int]]) -> int:
    """Apply bitwise operations to a value in sequence. The result is a long if any operand is a long."""
    for operation, number in steps:
        long = type(value) is Int64 or type(number) is Int64
        result = operation(int(value), int(number))
        value = Int64(result) if long else result
    return int(value) if type(value) is not Int64 else value
