"""Time zones: an Olson identifier or an offset from UTC.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/dateToString/ (argument `timezone`)
"""

from __future__ import annotations

import re
import zoneinfo
from abc import ABC, abstractmethod
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.dates.calendar import MS_PER_MINUTE
from secantus_server.mql.expressions.nullish import is_nullish

OFFSET = re.compile(r"([+-])([0-9]{2})(?::?([0-9]{2}))?")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# `datetime` ends at these; a zone's rules do not change before the first and repeat after the last.
FIRST_MS = -62135510400000
LAST_MS = 253402214400000


class TimeZone(ABC):
    """A clock on the wall. What it shows is told as if it were UTC."""

    @property
    def is_utc(self) -> bool:
        """True for UTC, whatever it was called."""
        return False

    @abstractmethod
    def local(self, ms: int) -> int:
        """What the clock shows at a moment."""

    @abstractmethod
    def moment(self, local_ms: int) -> int:
        """The moment at which the clock shows a time."""

    def offset(self, ms: int) -> int:
        """How many milliseconds the clock is ahead of UTC at a moment."""
        return self.local(ms) - ms


class FixedZone(TimeZone):
    """A clock that is always the same distance from UTC."""

    def __init__(self, offset_ms: int) -> None:
        self.offset_ms = offset_ms

    @property
    def is_utc(self) -> bool:
        """True if there is no distance."""
        return self.offset_ms == 0

    def local(self, ms: int) -> int:
        """What the clock shows at a moment."""
        return ms + self.offset_ms

    def moment(self, local_ms: int) -> int:
        """The moment at which the clock shows a time."""
        return local_ms - self.offset_ms


class NamedZone(TimeZone):
    """A zone of the time zone database, whose distance from UTC changes."""

    def __init__(self, zone: zoneinfo.ZoneInfo) -> None:
        self.zone = zone

    def local(self, ms: int) -> int:
        """What the clock shows at a moment."""
        return ms + _milliseconds(_datetime(ms).astimezone(self.zone).utcoffset())

    def moment(self, local_ms: int) -> int:
        """The first moment at which the clock shows a time; one that it skips is moved on by what it skips."""
        wall = _datetime(local_ms).replace(tzinfo=self.zone)
        return local_ms - _milliseconds(wall.utcoffset())


UTC = FixedZone(0)


@lru_cache(maxsize=256)
def find_timezone(name: str) -> TimeZone:
    """The zone of an identifier such as `Europe/Paris`, `+02:00`, `-0530`, `+03` or `UTC`.

    Raises:
        CommandError: 40485 if there is no such zone.
    """
    if name in ("UTC", "GMT"):
        return UTC
    found = OFFSET.fullmatch(name)
    if found:
        minutes = int(found[2]) * 60 + int(found[3] or 0)
        return FixedZone((minutes if found[1] == "+" else -minutes) * MS_PER_MINUTE)
    return NamedZone(_load(name))


def to_timezone(value: Any) -> TimeZone | None:
    """The zone an evaluated `timezone` argument names, or None for null.

    Raises:
        CommandError: 40517 for another type, 40485 for an unknown zone.
    """
    if type(value) is str:
        return find_timezone(value)
    if is_nullish(value):
        return None
    raise CommandError(40517, f"timezone must evaluate to a string, found {type_name(value)}")


def check_timezone(expression: Expression) -> None:
    """Complains about a constant time zone while the expression is parsed, so that an empty collection does not hide it."""
    if type(expression) is Constant:
        to_timezone(expression.value)


def _load(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise CommandError(40485, f'unrecognized time zone identifier: "{name}"') from None


def _datetime(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=min(max(ms, FIRST_MS), LAST_MS))


def _milliseconds(offset: timedelta | None) -> int:
    assert offset is not None
    return offset // timedelta(milliseconds=1)
