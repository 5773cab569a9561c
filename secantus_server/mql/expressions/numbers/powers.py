"""The operators `$pow`, `$exp`, `$sqrt`, `$ln`, `$log10`, `$log` and `$sigmoid`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#arithmetic-expression-operators
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson import int_value, is_number, to_decimal, type_name
from secantus_server.bson.numbers import DECIMAL_CONTEXT, INT64_MAX, INT64_MIN, quiet_decimal
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.numbers.decimals import WIDE_CONTEXT, full_precision, to_decimal128
from secantus_server.mql.expressions.numbers.operands import check_numeric, number_text
from secantus_server.mql.expressions.parser import call, parse_expression
from secantus_server.mql.expressions.registry import operator, operator_parser

LARGEST = Decimal("9.999999999999999999999999999999999E+6144")


def _unary(
    name: str, of_float: Callable[[float], float], of_decimal: Callable[[Decimal], Decimal128], *, nan_is_double: bool = False
) -> Callable[[Any], Any]:
    """Register an operator with one numeric argument. If the argument is a decimal, so is the result. Otherwise the result is a double.

    Arguments:
        name: the operator's name, with its `$`.
        of_float: computes the result of a double.
        of_decimal: computes the result of a decimal.
        nan_is_double: whether the result of a decimal NaN is a double, as for MongoDB's logarithms.
    """

    def apply(value: Any) -> Any:
        if is_nullish(value):
            return None
        check_numeric(name, value)
        if type(value) is not Decimal128:
            return of_float(float(value))
        number = quiet_decimal(value)
        if number.is_nan():
            return math.nan if nan_is_double else value
        return of_decimal(number)

    return operator(name, arguments=1)(apply)


def exp_float(value: float) -> float:
    """Return e to the power of a double, or infinity on overflow."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def exp_decimal(value: Decimal) -> Decimal128:
    """Return e to the power of a decimal."""
    return whole_or_inexact(DECIMAL_CONTEXT.exp(value))


def whole_or_inexact(number: Decimal) -> Decimal128:
    """Convert an inexact result to a decimal128. Whole numbers lose their trailing zeros, and an underflow becomes the smallest zero."""
    if number.is_zero() and number.as_tuple().exponent != 0:
        return Decimal128("0E-6176")
    if number.is_finite() and number == number.to_integral_value():
        return Decimal128(number.to_integral_value())
    return to_decimal128(number)


def _sqrt_float(value: float) -> float:
    if value < 0:
        raise CommandError(28714, "$sqrt's argument must be greater than or equal to 0")
    return math.sqrt(value)


def _sqrt_decimal(value: Decimal) -> Decimal128:
    if value < 0:
        raise CommandError(28714, "$sqrt's argument must be greater than or equal to 0")
    return Decimal128(DECIMAL_CONTEXT.sqrt(value))


def _ln_float(value: float) -> float:
    return math.log(_positive("$ln", 28766, value))


def _ln_decimal(value: Decimal) -> Decimal128:
    return whole_or_inexact(DECIMAL_CONTEXT.ln(_positive("$ln", 28766, value)))


def _log10_float(value: float) -> float:
    return math.log10(_positive("$log10", 28761, value))


def _log10_decimal(value: Decimal) -> Decimal128:
    return whole_or_inexact(DECIMAL_CONTEXT.log10(_positive("$log10", 28761, value)))


def _positive(name: str, code: int, value: Any) -> Any:
    if value <= 0:
        raise CommandError(code, f"{name}'s argument must be a positive number, but is {number_text(value)}")
    return value


_unary("$exp", exp_float, exp_decimal)
_unary("$sqrt", _sqrt_float, _sqrt_decimal)
_unary("$ln", _ln_float, _ln_decimal, nan_is_double=True)
_unary("$log10", _log10_float, _log10_decimal, nan_is_double=True)


@operator("$log", arguments=2)
def log(value: Any, base: Any) -> Any:
    """Return the logarithm of a value to an arbitrary base.

    Raises:
        CommandError: 28756 or 28757 for an argument that is not a number, 28758 or 28759 for an argument outside the domain.
    """
    if is_nullish(value) or is_nullish(base):
        return None
    if not is_number(value):
        raise CommandError(28756, f"$log's argument must be numeric, not {type_name(value)}")
    if not is_number(base):
        raise CommandError(28757, f"$log's base must be numeric, not {type_name(base)}")
    if type(value) is Decimal128 or type(base) is Decimal128:
        number, root = to_decimal(value), to_decimal(base)
        _check_log(number, root)
        if number.is_nan() or root.is_nan():
            return math.nan
        return Decimal128(DECIMAL_CONTEXT.divide(DECIMAL_CONTEXT.ln(number), DECIMAL_CONTEXT.ln(root)))
    _check_log(float(value), float(base))
    return math.log(value) / math.log(base)


def _check_log(value: Any, base: Any) -> None:
    """Check that the arguments of a logarithm are in its domain. An argument that is NaN passes the check."""
    if value == value and value <= 0:
        raise CommandError(28758, f"$log's argument must be a positive number, but is {number_text(value)}")
    if base == base and (base <= 0 or base == 1):
        raise CommandError(28759, f"$log's base must be a positive number not equal to 1, but is {number_text(base)}")


@operator("$pow", arguments=2)
def power(base: Any, exponent: Any) -> Any:
    """Return `base` to the power of `exponent`. If both are ints or longs, so is the result, unless it does not fit into a long.

    Raises:
        CommandError: 28762 and 28763 for a value that is not a number, 28764 for a negative power of zero.
    """
    if is_nullish(base) or is_nullish(exponent):
        return None
    if not is_number(base):
        raise CommandError(28762, f"$pow's base must be numeric, not {type_name(base)}")
    if not is_number(exponent):
        raise CommandError(28763, f"$pow's exponent must be numeric, not {type_name(exponent)}")
    decimals = type(base) is Decimal128 or type(exponent) is Decimal128
    if decimals:
        base, exponent = to_decimal(base), to_decimal(exponent)
    if base == 0 and exponent == exponent and exponent < 0:
        raise CommandError(28764, "$pow cannot take a base of 0 and a negative exponent")
    if decimals:
        return _power_of_decimals(base, exponent)
    if type(base) is float or type(exponent) is float:
        return _power_of_floats(float(base), float(exponent))
    return _power_of_wholes(base, exponent)


def _power_of_decimals(base: Decimal, exponent: Decimal) -> Decimal128:
    result = WIDE_CONTEXT.power(base, exponent)
    # In MongoDB, a result at the limit of decimal128 is infinite, even if the exponent is 1.
    if result.is_finite() and result.copy_abs() >= LARGEST:
        return Decimal128("-Infinity" if result < 0 else "Infinity")
    return full_precision(result)


def _power_of_floats(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ValueError:
        return math.nan


def _power_of_wholes(base: int, exponent: int) -> int | Int64 | float:
    if abs(base) <= 1:
        result = int(base) ** (abs(int(exponent)) % 2 + (2 if exponent else 0))
    elif 0 <= exponent < 64:
        result = int(base) ** int(exponent)
    else:
        return _power_of_floats(float(base), float(exponent))
    if not INT64_MIN <= result <= INT64_MAX:
        return _power_of_floats(float(base), float(exponent))
    narrow = int_value(result)
    return Int64(result) if type(base) is Int64 or type(exponent) is Int64 else narrow


@operator_parser("$sigmoid")
def parse_sigmoid(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$sigmoid`. Unlike the arguments of other operators, its argument must not be wrapped in an array."""
    return call(sigmoid, [parse_expression(argument, ctx)])


def sigmoid(value: Any) -> Any:
    """Return the sigmoid function of a number x, which is 1 / (1 + e**-x).

    Raises:
        CommandError: 14 for a value that is not a number.
    """
    if is_nullish(value):
        return None
    if not is_number(value):
        raise CommandError(14, f"$sigmoid only supports numeric types, not {type_name(value)}")
    if type(value) is not Decimal128:
        return 1 / (1 + exp_float(-float(value)))
    if quiet_decimal(value).is_nan():
        return value
    power_of_e = DECIMAL_CONTEXT.exp(quiet_decimal(value).copy_negate())
    if power_of_e.is_infinite():
        return Decimal128("0E-6176")
    if power_of_e < Decimal("1E-40"):
        return Decimal128("1")
    return Decimal128(DECIMAL_CONTEXT.divide(Decimal(1), DECIMAL_CONTEXT.add(Decimal(1), power_of_e)))
