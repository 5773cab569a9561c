"""Helpers for `$jsonSchema`, which compare values regardless of field order and test for multiples."""

from __future__ import annotations

from typing import Any

from secantus_server.bson import to_decimal
from secantus_server.bson.numbers import is_finite


def without_order(value: Any) -> Any:
    """Return a copy of a value in which the fields of all documents are sorted by name. It serves comparisons that ignore the order of
    fields.
    """
    if type(value) is dict:
        return {name: without_order(value[name]) for name in sorted(value)}
    if type(value) is list:
        return [without_order(item) for item in value]
    return value


def is_multiple(value: Any, divisor: Any) -> bool:
    """Return whether a number is an integer multiple of another number. Doubles are rounded to 15 significant digits first."""
    if isinstance(value, int) and isinstance(divisor, int):
        return value % divisor == 0
    if not is_finite(value) or not is_finite(divisor):
        return False
    # Imported here, because an import at module level would slow down every start of a server.
    from fractions import Fraction

    return Fraction(to_decimal(value)) % Fraction(to_decimal(divisor)) == 0
