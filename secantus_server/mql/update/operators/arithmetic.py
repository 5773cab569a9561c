"""The operators `$inc` and `$mul`. The result has the wider type of the two operands, and an int that overflows becomes a long.

https://www.mongodb.com/docs/manual/reference/operator/update/inc/
https://www.mongodb.com/docs/manual/reference/operator/update/mul/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson import is_number, to_decimal, type_name
from secantus_server.bson.numbers import DECIMAL_CONTEXT, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, quiet_decimal
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.describe import describe_element, describe_id, describe_value
from secantus_server.mql.update._nodes import UNCHANGED, IncLeaf, Leaf, State
from secantus_server.mql.update.registry import modifier

if TYPE_CHECKING:
    from secantus_server.mql.update._nodes import Modify

_CPP_NAMES = {int: "NumberInt", Int64: "NumberLong"}


def add(first: Any, second: Any) -> Any:
    """Return the sum of two numbers, or None if it overflows a long."""
    if type(first) is Decimal128 or type(second) is Decimal128:
        return Decimal128(DECIMAL_CONTEXT.add(to_decimal(first), to_decimal(second)))
    if type(first) is float or type(second) is float:
        return float(first) + float(second)
    return _fit(int(first) + int(second), first, second)


def multiply(first: Any, second: Any) -> Any:
    """Return the product of two numbers, or None if it overflows a long."""
    if type(first) is Decimal128 or type(second) is Decimal128:
        return Decimal128(DECIMAL_CONTEXT.multiply(to_decimal(first), to_decimal(second)))
    if type(first) is float or type(second) is float:
        return float(first) * float(second)
    return _fit(int(first) * int(second), first, second)


def _fit(result: int, first: Any, second: Any) -> int | Int64 | None:
    if type(first) is int and type(second) is int and INT32_MIN <= result <= INT32_MAX:
        return result
    return Int64(result) if INT64_MIN <= result <= INT64_MAX else None


def same_number(first: Any, second: Any) -> bool:
    """Return whether two numbers have the same type and an equal value.

    If so, an update leaves the field unchanged. For example, it does not replace `-0.0` by `0.0`.
    """
    if type(first) is not type(second):
        return False
    if type(first) is Decimal128:
        return bool(quiet_decimal(first) == quiet_decimal(second))
    return bool(first == second)


def _arithmetic(name: str, operate: Callable[[Any, Any], Any], amount: Any, start: Callable[[], Any]) -> Modify:
    """Return a function that applies `$inc` or `$mul` to the value of a field.

    Arguments:
        name: the operator, for error messages.
        operate: computes the new value from the old value and the amount.
        amount: the operator's argument.
        start: returns the new value of a missing field.
    """

    def modify(old: Any, state: State) -> Any:
        if old is MISSING:
            return start()
        if not is_number(old):
            raise CommandError(
                14,
                f"Cannot apply {name} to a value of non-numeric type. {describe_id(state.document)} has the field "
                f"'{state.field}' of non-numeric type {type_name(old)}",
            )
        new = operate(old, amount)
        if new is None:
            raise _overflow(name, old, state)
        return UNCHANGED if same_number(old, new) else new

    return modify


def _overflow(name: str, old: Any, state: State) -> CommandError:
    current = f"({_CPP_NAMES[type(old)]}){describe_value(old)}"
    return CommandError(2, f"Failed to apply {name} operations to current value ({current}) for document {describe_id(state.document)}")


@modifier("$inc")
def parse_inc(argument: Any, path: str, _ctx: ParseContext) -> Leaf:
    """Parse `$inc`, which adds an amount to a number. A missing field is set to the amount.

    Raises:
        CommandError: 14 if the argument is not a number.
    """
    if not is_number(argument):
        raise CommandError(14, f"Cannot increment with non-numeric argument: {{{describe_element(path, argument)}}}")
    return IncLeaf(_increment, argument)


def _increment(amount: Any) -> Modify:
    """Return a function that adds an amount to the value of a field."""
    return _arithmetic("$inc", add, amount, lambda: amount)


@modifier("$mul")
def parse_mul(argument: Any, path: str, _ctx: ParseContext) -> Leaf:
    """Parse `$mul`, which multiplies a number by a factor. A missing field is set to zero.

    Raises:
        CommandError: 14 if the argument is not a number.
    """
    if not is_number(argument):
        raise CommandError(14, f"Cannot multiply with non-numeric argument: {{{describe_element(path, argument)}}}")
    return Leaf(_arithmetic("$mul", multiply, argument, lambda: multiply(0, argument)))
