"""The operators `$add`, `$subtract`, `$multiply`, `$divide`, `$mod`, `$abs`, `$ceil` and `$floor`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#arithmetic-expression-operators
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson import is_number, to_decimal, type_name
from secantus_server.bson.numbers import DECIMAL_CONTEXT, INT64_MIN, quiet_decimal
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.numbers._arithmetic import Add, Divide, Multiply, Subtract
from secantus_server.mql.expressions.numbers.decimals import to_decimal128
from secantus_server.mql.expressions.numbers.operands import check_numeric, same_width
from secantus_server.mql.expressions.parser import fold, parse_arguments
from secantus_server.mql.expressions.registry import operator, operator_parser


@operator_parser("$add")
def parse_add(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$add`. The sum of no operands is 0."""
    operands = parse_arguments("$add", argument, ctx, 0, None)
    return fold(Add(operands)) if operands else Constant(0)


@operator_parser("$subtract")
def parse_subtract(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$subtract`."""
    first, second = parse_arguments("$subtract", argument, ctx, 2, 2)
    return fold(Subtract(first, second))


@operator_parser("$multiply")
def parse_multiply(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$multiply`. The product of no operands is 1."""
    operands = parse_arguments("$multiply", argument, ctx, 0, None)
    return fold(Multiply(operands)) if operands else Constant(1)


@operator_parser("$divide")
def parse_divide(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$divide`."""
    first, second = parse_arguments("$divide", argument, ctx, 2, 2)
    return fold(Divide(first, second))


@operator("$mod", arguments=2)
def mod(dividend: Any, divisor: Any) -> Any:
    """Return the remainder of a division. It has the sign of the dividend.

    Raises:
        CommandError: 16610 and 5733415 for a zero divisor, 16611 for a value that is not a number.
    """
    if is_nullish(dividend) or is_nullish(divisor):
        return None
    if not is_number(dividend) or not is_number(divisor):
        raise CommandError(16611, f"$mod only supports numeric types, not {type_name(dividend)} and {type_name(divisor)}")
    if type(dividend) is Decimal128 or type(divisor) is Decimal128:
        return _mod_decimals(to_decimal(dividend), to_decimal(divisor))
    if divisor == 0:
        raise CommandError(16610, "can't $mod by zero")
    if type(dividend) is float or type(divisor) is float:
        return math.nan if math.isinf(dividend) else math.fmod(dividend, divisor)
    # The remainder has the sign of the dividend, so the divisor's sign does not matter.
    result = abs(int(dividend)) % abs(int(divisor))
    return same_width(-result if dividend < 0 else result, dividend, divisor)


def _mod_decimals(dividend: Decimal, divisor: Decimal) -> Decimal128:
    if divisor.is_zero():
        raise CommandError(5733415, "can't $mod by zero")
    if not dividend.is_finite() or divisor.is_nan():
        return Decimal128("NaN")
    if divisor.is_infinite():
        return to_decimal128(dividend)
    # Use ints, because `Context.remainder` fails if the quotient has more digits than the precision, and it can have thousands.
    exponent = min(_exponent(dividend), _exponent(divisor))
    result = _scaled(dividend, exponent) % _scaled(divisor, exponent)
    return Decimal128(Decimal((int(dividend.is_signed()), _digits(result), 0)).scaleb(exponent, DECIMAL_CONTEXT))


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int), "the number is finite"
    return exponent


def _scaled(number: Decimal, exponent: int) -> int:
    """Return the absolute value of a number, expressed as an integer multiple of 10**exponent."""
    _, digits, own = number.as_tuple()
    assert isinstance(own, int), "the number is finite"
    units: int = int("".join(map(str, digits))) * 10 ** (own - exponent)
    return units


def _digits(number: int) -> tuple[int, ...]:
    return tuple(map(int, str(number)))


@operator("$abs", arguments=1)
def absolute(value: Any) -> Any:
    """Return the absolute value of a number. For the minimum int, the result is a long, because it does not fit into an int.

    Raises:
        CommandError: 28680 for the minimum long, 28765 for a value that is not a number.
    """
    if is_nullish(value):
        return None
    check_numeric("$abs", value)
    if type(value) is Decimal128:
        return Decimal128(quiet_decimal(value).copy_abs())
    if type(value) is float:
        return abs(value)
    if value == INT64_MIN:
        raise CommandError(28680, "can't take $abs of long long min")
    return same_width(abs(int(value)), value)


@operator("$ceil", arguments=1)
def ceil(value: Any) -> Any:
    """Round a number up to a whole number."""
    return _to_whole("$ceil", value, math.ceil, "ROUND_CEILING")


@operator("$floor", arguments=1)
def floor(value: Any) -> Any:
    """Round a number down to a whole number."""
    return _to_whole("$floor", value, math.floor, "ROUND_FLOOR")


def _to_whole(name: str, value: Any, of_float: Callable[[float], int], rounding: str) -> Any:
    if is_nullish(value):
        return None
    check_numeric(name, value)
    if type(value) is Decimal128:
        return Decimal128(quiet_decimal(value).quantize(Decimal(1), rounding, DECIMAL_CONTEXT))
    if type(value) is not float or not math.isfinite(value):
        return value
    # math.ceil and math.floor return ints, which lose the sign of a zero.
    return math.copysign(of_float(value), value)
