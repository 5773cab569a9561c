"""Sines, cosines, tangents and their relatives.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#trigonometry-expression-operators
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson import is_number, type_name
from secantus_server.bson.numbers import DECIMAL_CONTEXT
from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.expressions.arithmetic import check_numeric, number_text
from secantus_server.mql.expressions.numbers import is_nullish
from secantus_server.mql.expressions.registry import operator

PI = Decimal("3.141592653589793238462643383279502884197169399375106")


def _register(name: str, function: Callable[[float], float], bounds: str, low: float, high: float) -> None:
    """An operator of one number between `low` and `high`; infinity is allowed where the bounds are written with brackets."""
    closed = bounds[0] == "["

    @operator(name, arguments=1)
    def apply(value: Any) -> float | None:
        if is_nullish(value):
            return None
        check_numeric(name, value)
        _refuse_decimal(name, value)
        number = float(value)
        if math.isnan(number):
            return number
        if not (low <= number <= high) or (not closed and math.isinf(number)):
            raise CommandError(50989, f"cannot apply {name} to {number_text(number)}, value must be in {bounds}")
        return function(number)


def _refuse_decimal(name: str, value: Any) -> None:
    if type(value) is Decimal128:
        raise not_supported(f"{name} of a decimal", "convert it with $toDouble first")


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


for _name, _function, _bounds, _low, _high in (
    ("$sin", math.sin, "(-inf,inf)", -math.inf, math.inf),
    ("$cos", math.cos, "(-inf,inf)", -math.inf, math.inf),
    ("$tan", math.tan, "(-inf,inf)", -math.inf, math.inf),
    ("$asin", math.asin, "[-1,1]", -1, 1),
    ("$acos", math.acos, "[-1,1]", -1, 1),
    ("$atan", math.atan, "[-inf,inf]", -math.inf, math.inf),
    ("$sinh", _sinh, "[-inf,inf]", -math.inf, math.inf),
    ("$cosh", _cosh, "[-inf,inf]", -math.inf, math.inf),
    ("$tanh", math.tanh, "[-inf,inf]", -math.inf, math.inf),
    ("$asinh", math.asinh, "[-inf,inf]", -math.inf, math.inf),
    ("$acosh", math.acosh, "[1,inf]", 1, math.inf),
    ("$atanh", _atanh, "[-1,1]", -1, 1),
):
    _register(_name, _function, _bounds, _low, _high)


@operator("$atan2", arguments=2)
def atan2(y: Any, x: Any) -> float | None:
    """The angle of a point.

    Raises:
        CommandError: 51044 for what is not a number.
    """
    if is_nullish(y) or is_nullish(x):
        return None
    if not is_number(y) or not is_number(x):
        raise CommandError(51044, f"$atan2 only supports numeric types, not {type_name(y)} and {type_name(x)}")
    _refuse_decimal("$atan2", y)
    _refuse_decimal("$atan2", x)
    return math.atan2(float(y), float(x))


@operator("$degreesToRadians", arguments=1)
def degrees_to_radians(value: Any) -> Any:
    """Degrees as radians."""
    return _scale("$degreesToRadians", value, math.pi / 180, DECIMAL_CONTEXT.divide(PI, Decimal(180)))


@operator("$radiansToDegrees", arguments=1)
def radians_to_degrees(value: Any) -> Any:
    """Radians as degrees."""
    return _scale("$radiansToDegrees", value, 180 / math.pi, DECIMAL_CONTEXT.divide(Decimal(180), PI))


def _scale(name: str, value: Any, factor: float, exact: Decimal) -> Any:
    if is_nullish(value):
        return None
    check_numeric(name, value)
    if type(value) is Decimal128:
        return Decimal128(DECIMAL_CONTEXT.multiply(value.to_decimal(), exact))
    return float(value) * factor
