"""Converts dates, timestamps and ObjectIds to milliseconds. Timestamps are converted by their seconds, ObjectIds by their creation time."""

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
    """Return the milliseconds since the epoch of a date, timestamp or ObjectId, or None for any other value."""
    kind = type(value)
    if kind is Date:
        return int(value.ms)
    if kind is Timestamp:
        return int(value.time) * MS_PER_SECOND
    if kind is ObjectId:
        return int.from_bytes(value.binary[:4], "big", signed=True) * MS_PER_SECOND
    return None


def to_milliseconds(value: Any) -> int:
    """Return the milliseconds since the epoch of a date, timestamp or ObjectId.

    Raises:
        CommandError: 16006 for any other value.
    """
    ms = milliseconds_of(value)
    if ms is None:
        raise CommandError(16006, f"can't convert from BSON type {type_name(value)} to Date")
    return ms


def to_date(ms: int, operator: str, code: int) -> Date:
    """Convert a computed moment to a date.

    Arguments:
        ms: the moment.
        operator: the operator that computed the moment, for the error message.
        code: the code of the error.

    Raises:
        CommandError: `code` if the moment overflows int64.
    """
    if not INT64_MIN <= ms <= INT64_MAX:
        raise CommandError(code, f"{operator} overflowed")
    return Date(ms)
