"""Conversions between doubles, Python decimals and decimal128.

https://www.mongodb.com/docs/manual/reference/bson-types/#decimal128
"""

from __future__ import annotations

import decimal

from bson.decimal128 import Decimal128

from secantus_server.bson.numbers import DECIMAL_CONTEXT

# The context of intermediate results. They have more digits than the 34 of the result, so that its last digit is rounded correctly.
WIDE_CONTEXT = DECIMAL_CONTEXT.copy()
WIDE_CONTEXT.prec = 50


def to_decimal128(number: decimal.Decimal) -> Decimal128:
    """Convert a decimal to a decimal128, rounding half to even at 34 digits."""
    return Decimal128(DECIMAL_CONTEXT.plus(number))


def full_precision(number: decimal.Decimal) -> Decimal128:
    """Convert a decimal to a decimal128 that is padded with zeros to 34 digits. MongoDB's inexact functions return decimals in this
    form.
    """
    rounded = DECIMAL_CONTEXT.plus(number)
    if not rounded.is_finite():
        return Decimal128(rounded)
    if rounded.is_zero():
        return Decimal128("0E-6176")
    padded = DECIMAL_CONTEXT.quantize(rounded, decimal.Decimal((0, (1,), max(rounded.adjusted() - 33, -6176))))
    return Decimal128(padded if padded.is_finite() else rounded)
