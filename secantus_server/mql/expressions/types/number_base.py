"""The argument `base` of `$convert`, which selects base 2, 8, 10 or 16 for conversions between numbers and strings. It exists since
MongoDB 8.3.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/convert/
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson import is_number
from secantus_server.bson.numbers import python_number
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.types.failure import failure, overflow
from secantus_server.mql.expressions.types.to_number import to_int32, to_int64
from secantus_server.mql.expressions.value_text import value_text

FORMATS = {2: "b", 8: "o", 10: "d", 16: "X"}
_DIGITS = {base: re.compile(rf"-?[{digits}]{{1,400}}\Z") for base, digits in {2: "01", 8: "0-7", 10: "0-9", 16: "0-9a-fA-F"}.items()}


def check_base(value: Any) -> int | None:
    """Validate an evaluated `base` and return it. Return None for null.

    Raises:
        CommandError: 2 BadValue if the base is not supported.
    """
    if is_nullish(value):
        return None
    number = python_number(value)
    if not is_number(value) or number not in FORMATS:
        raise CommandError(2, f"In $convert, 'base' must be 2, 8, 10 or 16, found: {value_text(value)}")
    return int(number)


def with_base(target: str, base: int, otherwise: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that converts between numbers and strings in a given base.

    Arguments:
        target: the alias of the target type.
        otherwise: converts the values to which the base does not apply.
    """
    from_text = _FROM_WHOLE.get(target)

    def convert(value: Any) -> Any:
        if type(value) is str and from_text is not None:
            if not _DIGITS[base].match(value):
                raise failure(f"Failed to parse number '{value}'", f": it has other characters than digits of base {base}")
            return from_text(int(value, base))
        if is_number(value) and target == "string":
            return format(_whole(value), FORMATS[base])
        return otherwise(value)

    return convert


def _whole(value: Any) -> int:
    number = python_number(value)
    if number != number or number in (float("inf"), float("-inf")) or number != int(number):
        raise failure(f"The number {value_text(value)} is not an integer and has no text in a base")
    return int(number)


def _double(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        raise overflow(number) from None


_FROM_WHOLE: dict[str, Callable[[int], Any]] = {
    "int": to_int32,
    "long": to_int64,
    "double": _double,
    "decimal": lambda number: Decimal128(str(number)),
}
