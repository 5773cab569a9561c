"""Trigonometric and hyperbolic functions, and conversions between degrees and radians.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#trigonometry-expression-operators
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson import is_number, to_decimal, type_name
from secantus_server.bson.numbers import DECIMAL_CONTEXT, quiet_decimal
from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.numbers import decimal_trigonometry
from secantus_server.mql.expressions.numbers.decimal_trigonometry import LARGEST, PI
from secantus_server.mql.expressions.numbers.decimals import to_decimal128
from secantus_server.mql.expressions.numbers.operands import check_numeric, number_text
from secantus_server.mql.expressions.registry import operator


def _register(name: str, bounds: str, low: float, high: float) -> None:
    """Register a trigonometric function whose argument must be between `low` and `high`.

    Arguments:
        name: the operator's name, with its `$`.
        bounds: the interval in the format of MongoDB's error message. If it has square brackets, infinity is allowed.
        low, high: the limits of the interval.
    """
    of_float, of_decimal = FLOATS.get(name) or getattr(math, name[1:]), getattr(decimal_trigonometry, name[1:])

    @operator(name, arguments=1)
    def apply(value: Any) -> float | Decimal128 | None:
        if is_nullish(value):
            return None
        check_numeric(name, value)
        number = quiet_decimal(value) if type(value) is Decimal128 else float(value)
        if number != number:
            return value if type(value) is Decimal128 else math.nan
        if not (low <= number <= high) or (bounds[0] == "(" and math.isinf(number)):
            raise CommandError(50989, f"cannot apply {name} to {number_text(number)}, value must be in {bounds}")
        return of_float(number) if isinstance(number, float) else _decimal(name, of_decimal, number)


def _decimal(name: str, function: Callable[[Decimal], Decimal], number: Decimal) -> Decimal128:
    if name in ("$sin", "$cos", "$tan") and number.adjusted() > LARGEST:
        raise not_supported(f"{name} of a decimal this large", "convert it with $toDouble first")
    return to_decimal128(function(number))


def _sinh(number: float) -> float:
    return _or_infinity(math.sinh, number, math.copysign(math.inf, number))


def _cosh(number: float) -> float:
    return _or_infinity(math.cosh, number, math.inf)


def _or_infinity(function: Callable[[float], float], number: float, infinity: float) -> float:
    try:
        return function(number)
    except OverflowError:
        return infinity


def _atanh(number: float) -> float:
    return math.copysign(math.inf, number) if abs(number) == 1 else math.atanh(number)


FLOATS: dict[str, Callable[[float], float]] = {"$sinh": _sinh, "$cosh": _cosh, "$atanh": _atanh}

for _name in ("$sin", "$cos", "$tan"):
    _register(_name, "(-inf,inf)", -math.inf, math.inf)
for _name in ("$atan", "$sinh", "$cosh", "$tanh", "$asinh"):
    _register(_name, "[-inf,inf]", -math.inf, math.inf)
for _name in ("$asin", "$acos", "$atanh"):
    _register(_name, "[-1,1]", -1, 1)
_register("$acosh", "[1,inf]", 1, math.inf)


@operator("$atan2", arguments=2)
def atan2(y: Any, x: Any) -> float | Decimal128 | None:
    """Return the angle between the positive x axis and the direction of the point (x, y).

    Raises:
        CommandError: 51044 for a value that is not a number.
    """
    if is_nullish(y) or is_nullish(x):
        return None
    if not is_number(y) or not is_number(x):
        raise CommandError(51044, f"$atan2 only supports numeric types, not {type_name(y)} and {type_name(x)}")
    if type(y) is Decimal128 or type(x) is Decimal128:
        return to_decimal128(decimal_trigonometry.atan2(to_decimal(y), to_decimal(x)))
    return math.atan2(float(y), float(x))


@operator("$degreesToRadians", arguments=1)
def degrees_to_radians(value: Any) -> Any:
    """Convert degrees to radians."""
    return _scale("$degreesToRadians", value, math.pi / 180, DECIMAL_CONTEXT.divide(PI, Decimal(180)))


@operator("$radiansToDegrees", arguments=1)
def radians_to_degrees(value: Any) -> Any:
    """Convert radians to degrees."""
    return _scale("$radiansToDegrees", value, 180 / math.pi, DECIMAL_CONTEXT.divide(Decimal(180), PI))


def _scale(name: str, value: Any, factor: float, exact: Decimal) -> Any:
    if is_nullish(value):
        return None
    check_numeric(name, value)
    if type(value) is Decimal128:
        return Decimal128(DECIMAL_CONTEXT.multiply(quiet_decimal(value), exact))
    return float(value) * factor
