"""What counts as a date: a date, a timestamp's seconds, or the moment in an ObjectId."""

from __future__ import annotations

from typing import Any

from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson import type_name
from secantus_server.bson.numbers import INT64_MAX, INT64_MIN
from secantus_server.bson.values import Date
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.dates.calendar import MS_PER_SECOND


def milliseconds_of(value: Any) -> int | None:
    """Milliseconds since the epoch of a date-like value, None for any other."""
    kind = type(value)
    if kind is Date:
        return int(value.ms)
    if kind is Timestamp:
        return int(value.time) * MS_PER_SECOND
    if kind is ObjectId:
        return int.from_bytes(value.binary[:4], "big", signed=True) * MS_PER_SECOND
    return None


def to_milliseconds(value: Any) -> int:
    """Milliseconds since the epoch of a date-like value.

    Raises:
        CommandError: 16006 for a value that is none.
    """
    ms = milliseconds_of(value)
    if ms is None:
        raise CommandError(16006, f"can't convert from BSON type {type_name(value)} to Date")
    return ms


def to_date(ms: int, operator: str, code: int) -> Date:
    """The date of a computed moment.

    Raises:
        CommandError: `code` if int64 cannot hold it.
    """
    if not INT64_MIN <= ms <= INT64_MAX:
        raise CommandError(code, f"{operator} overflowed")
    return Date(ms)
