"""Conversions to int, long, double and decimal.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/convert/
"""

from __future__ import annotations

import math
import re
import struct
import sys
from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from typing import Any

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson import to_decimal
from secantus_server.bson.numbers import DECIMAL_CONTEXT, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, quiet_decimal
from secantus_server.bson.values import Date
from secantus_server.differences import SUBNORMAL_NUMBERS
from secantus_server.mql.expressions.types.failure import failure, overflow, unparsable
from secantus_server.version import Release

WHOLE = re.compile(r"[+-]?[0-9]+\Z")
DECIMAL_TEXT = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf|infinity|nan)\Z", re.IGNORECASE)
HEXADECIMAL_TEXT = re.compile(r"[+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?[0-9]+)?\Z")

MAX_DIGITS = 19  # the digits of the longest int64

# The context for parsing decimals. It truncates digits beyond the 34 of a decimal128.
TEXT_CONTEXT = DECIMAL_CONTEXT.copy()
TEXT_CONTEXT.rounding = ROUND_DOWN

Conversion = Callable[[Any], Any]


def to_int32(number: int) -> int:
    """Check that a number is in the range of int, and return it as an int.

    Raises:
        CommandError: 241 if it is out of range.
    """
    if not INT32_MIN <= number <= INT32_MAX:
        raise overflow(number)
    return int(number)


def to_int64(number: int) -> Int64:
    """Check that a number is in the range of long, and return it as a long.

    Raises:
        CommandError: 241 if it is out of range.
    """
    if not INT64_MIN <= number <= INT64_MAX:
        raise overflow(number)
    return Int64(number)


def _truncate(number: float | Decimal) -> int:
    """Truncate a number to an integer. Raise a conversion error for NaN and infinity."""
    if math.isnan(number):
        raise failure("Attempt to convert NaN value to integer type")
    if math.isinf(number):
        raise failure("Attempt to convert infinity value to integer type")
    return int(number)


def _whole_text(text: str) -> int:
    if not WHOLE.match(text):
        raise unparsable(text, "Did not consume whole string." if text[:1].isdigit() else "No digits" if not text else "Bad digit")
    # Strip leading zeros, because they would count towards Python's limit on the digits of an int.
    digits = text.lstrip("+-").lstrip("0") or "0"
    if len(digits) > MAX_DIGITS:
        raise overflow(text)
    return -int(digits) if text[0] == "-" else int(digits)


def _whole_binary(data: Binary, sizes: tuple[int, ...], byte_order: str) -> int:
    if len(data) not in sizes:
        raise failure(f"Failed to convert '{data.hex()}' to a number", f" because of invalid length: {len(data)}")
    return int.from_bytes(data, "big" if byte_order == "big" else "little", signed=True)


def _float_binary(data: Binary, byte_order: str) -> float:
    if len(data) not in (4, 8):
        raise failure(f"Failed to convert '{data.hex()}' to double", f" because of invalid length: {len(data)}")
    number: float = struct.unpack((">" if byte_order == "big" else "<") + ("f" if len(data) == 4 else "d"), data)[0]
    return number


def _float_text_until_8_3(text: str) -> float:
    """Return the result of `_float_text`, but reject subnormal numbers, which MongoDB before 8.3 could not parse."""
    number = _float_text(text)
    if number and abs(number) < sys.float_info.min:
        raise unparsable(text, "Out of range")
    return number


def _float_text(text: str) -> float:
    if HEXADECIMAL_TEXT.match(text):
        return float.fromhex(text)
    if not DECIMAL_TEXT.match(text):
        raise unparsable(text, "Did not consume whole string." if text else "Empty string")
    number = float(text)
    if math.isinf(number) and "inf" not in text.lower():
        raise unparsable(text, "Out of range")
    if number == 0 and Decimal(text) != 0:
        raise unparsable(text, "Out of range")
    return number


def _float_decimal(value: Decimal128) -> float:
    exact = quiet_decimal(value)
    number = float(exact)
    if math.isinf(number) and exact.is_finite():
        raise overflow(value)
    return number


def _decimal_text(text: str) -> Decimal128:
    if not DECIMAL_TEXT.match(text):
        raise unparsable(text, "Failed to parse string to decimal")
    exact = Decimal(text)
    if exact.is_nan():
        return Decimal128("-NaN" if exact.is_signed() else "NaN")
    number = TEXT_CONTEXT.create_decimal(exact)
    if exact.is_finite() and exact.adjusted() > DECIMAL_CONTEXT.Emax and not exact.is_zero():
        raise unparsable(text, "Conversion from string to decimal would overflow")
    if number.is_zero() and not exact.is_zero():
        raise unparsable(text, "Conversion from string to decimal would underflow")
    return Decimal128(number)


def decimal_of_float(number: float) -> Decimal128:
    """Convert a double to a decimal with 15 significant digits."""
    if number == 0:
        return Decimal128("0" if math.copysign(1, number) > 0 else "-0")
    return Decimal128(to_decimal(number))


def to_int(byte_order: str) -> dict[type, Conversion]:
    """Return the functions that convert values to int, by source type."""
    return {
        bool: int,
        int: int,
        Int64: to_int32,
        float: lambda value: to_int32(_truncate(value)),
        Decimal128: lambda value: to_int32(_truncate(quiet_decimal(value))),
        str: lambda value: to_int32(_whole_text(value)),
        Binary: lambda value: to_int32(_whole_binary(value, (1, 2, 4), byte_order)),
    }


def to_long(byte_order: str) -> dict[type, Conversion]:
    """Return the functions that convert values to long, by source type."""
    return {
        bool: Int64,
        int: Int64,
        Int64: Int64,
        float: lambda value: to_int64(_truncate(value)),
        Decimal128: lambda value: to_int64(_truncate(quiet_decimal(value))),
        str: lambda value: to_int64(_whole_text(value)),
        Date: lambda value: Int64(value.ms),
        Binary: lambda value: to_int64(_whole_binary(value, (1, 2, 4, 8), byte_order)),
    }


def to_double(byte_order: str, release: Release) -> dict[type, Conversion]:
    """Return the functions that convert values to double, by source type."""
    return {
        bool: float,
        int: float,
        Int64: float,
        float: float,
        Decimal128: _float_decimal,
        str: _float_text if release.has(SUBNORMAL_NUMBERS) else _float_text_until_8_3,
        Date: lambda value: float(value.ms),
        Binary: lambda value: _float_binary(value, byte_order),
    }


# The conversions to decimal, by source type.
TO_DECIMAL: dict[type, Conversion] = {
    bool: lambda value: Decimal128(str(int(value))),
    int: lambda value: Decimal128(str(value)),
    Int64: lambda value: Decimal128(str(value)),
    float: decimal_of_float,
    Decimal128: lambda value: value,
    str: _decimal_text,
    Date: lambda value: Decimal128(str(value.ms)),
}
