"""The operators `$round` and `$trunc`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/round/
"""

from __future__ import annotations

import decimal
import math
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson import is_number, type_name
from secantus_server.bson.numbers import DECIMAL_CONTEXT, INT64_MAX, INT64_MIN, python_number, quiet_decimal
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.numbers.operands import same_width
from secantus_server.mql.expressions.registry import operator

MIN_PLACE, MAX_PLACE = -20, 100

# A context with enough digits for every double rounded at up to 100 decimal places.
EXACT_CONTEXT = decimal.Context(prec=2000, Emin=-9999, Emax=9999, traps=[])


@operator("$round", arguments=(1, 2))
def round_(value: Any, place: Any = 0) -> Any:
    """Round a number half to even at a decimal place. A negative place is to the left of the decimal point."""
    return _reduce("$round", value, place, decimal.ROUND_HALF_EVEN)


@operator("$trunc", arguments=(1, 2))
def trunc(value: Any, place: Any = 0) -> Any:
    """Truncate a number at a decimal place. A negative place is to the left of the decimal point."""
    return _reduce("$trunc", value, place, decimal.ROUND_DOWN)


def _reduce(name: str, value: Any, place: Any, rounding: str) -> Any:
    """Round a number of any type at a decimal place.

    Arguments:
        name: the operator, for error messages.
        rounding: the rounding mode of the `decimal` module.

    Raises:
        CommandError: 51081 if the value is not a number, 51083 and others for an invalid place, 51080 if a long overflows.
    """
    if is_nullish(value) or is_nullish(place):
        return None
    if not is_number(value):
        raise CommandError(51081, f"{name} only supports numeric types, not {type_name(value)}")
    digits = _place(name, place)
    if type(value) is Decimal128:
        return Decimal128(_reduce_decimal(quiet_decimal(value), digits, rounding))
    if type(value) is float:
        return _reduce_float(value, digits, rounding)
    return value if digits >= 0 else _reduce_whole(name, value, digits, rounding)


def _reduce_decimal(number: Decimal, place: int, rounding: str) -> Decimal:
    """Round a decimal at a decimal place. Return it unchanged if the result would need more than 34 digits."""
    if not number.is_finite():
        return number
    reduced = number.quantize(Decimal((0, (1,), -place)), rounding, DECIMAL_CONTEXT)
    return number if reduced.is_nan() else reduced


def _reduce_float(number: float, place: int, rounding: str) -> float:
    if not math.isfinite(number):
        return number
    exact = Decimal(number).quantize(Decimal((0, (1,), -place)), rounding, EXACT_CONTEXT)
    return float(exact)


def _reduce_whole(name: str, number: int, place: int, rounding: str) -> Any:
    result = int(Decimal(int(number)).quantize(Decimal((0, (1,), -place)), rounding, EXACT_CONTEXT))
    if not INT64_MIN <= result <= INT64_MAX:
        raise CommandError(51080, f"invalid conversion from Decimal128 result in {name} resulting from arguments: [{number}, {place}]")
    return same_width(result, number)


def _place(name: str, place: Any) -> int:
    if not is_number(place):
        raise CommandError(16004, f"can't convert from BSON type {type_name(place)} to long")
    if type(place) is float and (not math.isfinite(place) or abs(place) >= 2**63):
        raise CommandError(31109, f"Can't coerce out of range value {place} to long")
    number = python_number(place)
    if not math.isfinite(number) or number != int(number):
        raise CommandError(51082, f"precision argument to  {name} must be a integral value")
    digits = int(number)
    if not MIN_PLACE <= digits <= MAX_PLACE:
        raise CommandError(51083, f"cannot apply {name} with precision value {digits} value must be in [-20, 100]")
    return digits
