"""The operators `$substrBytes` and `$substr`, which is an older name of `$substrBytes`. The module `_text` contains `$substrCP`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/substrBytes/
"""

from __future__ import annotations

import decimal
from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson import is_number, type_name
from secantus_server.bson.numbers import INT64_MAX, INT64_MIN, quiet_decimal
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.registry import operator
from secantus_server.mql.expressions.strings.coercion import to_text, utf8
from secantus_server.mql.expressions.value_text import value_text


def substr_bytes(value: Any, start: Any, length: Any) -> str:
    """Return the substring that starts at the byte `start` and has at most `length` bytes. A negative length selects the rest of the
    string.

    Raises:
        CommandError: 16034, 16035, 31109 or 50752 for an invalid start or length, 28656 or 28657 if the substring would split a
            character.
    """
    text = to_text(value)
    if not is_number(start):
        raise CommandError(16034, f"$substrBytes: starting index must be a numeric type (is BSON type {type_name(start)})")
    if not is_number(length):
        raise CommandError(16035, f"$substrBytes: length must be a numeric type (is BSON type {type_name(length)})")
    first, count = _to_long(start), _to_long(length)
    if first < 0:
        raise CommandError(50752, f"$substrBytes: starting index must be non-negative (got: {first})")
    return _slice(utf8(text), first, count)


operator("$substrBytes", arguments=3)(substr_bytes)
operator("$substr", arguments=3)(substr_bytes)


def _to_long(value: Any) -> int:
    """Convert a number to a long by truncating a double or rounding a decimal half to even.

    A decimal that is out of range is converted to the minimum long.
    """
    if type(value) is float:
        if not INT64_MIN <= value <= INT64_MAX:
            raise CommandError(31109, f"Can't coerce out of range value {value_text(value)} to long")
        return int(value)
    if type(value) is not Decimal128:
        return int(value)
    number = quiet_decimal(value)
    if not number.is_finite() or number.adjusted() > 20:
        return INT64_MIN
    whole = int(number.to_integral_value(decimal.ROUND_HALF_EVEN))
    return whole if INT64_MIN <= whole <= INT64_MAX else INT64_MIN


def _slice(data: bytes, first: int, count: int) -> str:
    end = len(data) if count < 0 else min(first + count, len(data))
    if first < len(data) and _continues(data[first]):
        raise CommandError(28656, "$substrBytes:  Invalid range, starting index is a UTF-8 continuation byte.")
    if first < end < len(data) and _continues(data[end]):
        raise CommandError(28657, "$substrBytes:  Invalid range, ending index is in the middle of a UTF-8 character.")
    return data[first:end].decode("utf-8", "surrogateescape")


def _continues(byte: int) -> bool:
    """Return whether a byte is a UTF-8 continuation byte."""
    return byte & 0xC0 == 0x80
