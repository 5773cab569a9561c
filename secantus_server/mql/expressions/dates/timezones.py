"""Time zones, which are identified by an Olson identifier or an offset from UTC.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/dateToString/ (argument `timezone`)
"""

from __future__ import annotations

import re
import zoneinfo
from abc import ABC, abstractmethod
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from importlib import import_module
from io import BytesIO
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.dates.calendar import MS_PER_MINUTE
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.system.files import package_data, read_file

_SAFE_NAME = re.compile(r"\w[\w+-]*(/\w[\w+-]*)*", re.ASCII)
OFFSET = re.compile(r"([+-])([0-9]{2})(?::?([0-9]{2}))?")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# The first and the last moment that `datetime` can represent. A zone's offset is constant before the first one. After the last one, the
# zone's last rules repeat.
FIRST_MS = -62135510400000
LAST_MS = 253402214400000


class TimeZone(ABC):
    """A time zone. A local time is represented by the milliseconds since the epoch at which a UTC clock would show that time."""

    @property
    def is_utc(self) -> bool:
        """Return whether the time zone is UTC under any of its names."""
        return False

    @abstractmethod
    def local(self, ms: int) -> int:
        """Convert a UTC time to local time."""

    @abstractmethod
    def moment(self, local_ms: int) -> int:
        """Convert a local time to UTC."""

    def offset(self, ms: int) -> int:
        """Return the difference between local time and UTC at a point in time, in milliseconds."""
        return self.local(ms) - ms


class FixedZone(TimeZone):
    """A time zone with a fixed offset from UTC."""

    def __init__(self, offset_ms: int) -> None:
        self.offset_ms = offset_ms

    @property
    def is_utc(self) -> bool:
        """Return whether the offset is zero."""
        return self.offset_ms == 0

    def local(self, ms: int) -> int:
        """Convert a UTC time to local time."""
        return ms + self.offset_ms

    def moment(self, local_ms: int) -> int:
        """Convert a local time to UTC."""
        return local_ms - self.offset_ms


class NamedZone(TimeZone):
    """A time zone of the time zone database, whose offset from UTC may change over time."""

    def __init__(self, zone: zoneinfo.ZoneInfo) -> None:
        self.zone = zone

    def local(self, ms: int) -> int:
        """Convert a UTC time to local time."""
        return ms + _milliseconds(_datetime(ms).astimezone(self.zone).utcoffset())

    def moment(self, local_ms: int) -> int:
        """Convert a local time to UTC.

        An ambiguous local time is converted to the earlier moment. A local time that daylight saving time skips is moved forward by the
        length of the gap.
        """
        wall = _datetime(local_ms).replace(tzinfo=self.zone)
        return local_ms - _milliseconds(wall.utcoffset())


UTC = FixedZone(0)


@lru_cache(maxsize=256)
def find_timezone(name: str) -> TimeZone:
    """Return the time zone for an identifier such as `Europe/Paris`, `+02:00`, `-0530`, `+03` or `UTC`.

    Raises:
        CommandError: 40485 if no such zone exists.
    """
    if name in ("UTC", "GMT"):
        return UTC
    found = OFFSET.fullmatch(name)
    if found:
        minutes = int(found[2]) * 60 + int(found[3] or 0)
        return FixedZone((minutes if found[1] == "+" else -minutes) * MS_PER_MINUTE)
    return NamedZone(_load(name))


def to_timezone(value: Any) -> TimeZone | None:
    """Return the time zone for an evaluated `timezone` argument, or None for null.

    Raises:
        CommandError: 40517 for another type, 40485 for an unknown zone.
    """
    if type(value) is str:
        return find_timezone(value)
    if is_nullish(value):
        return None
    raise CommandError(40517, f"timezone must evaluate to a string, found {type_name(value)}")


def check_timezone(expression: Expression) -> None:
    """Validate a time zone during parsing if it is constant, so that its error is raised even for an empty collection."""
    if type(expression) is Constant:
        to_timezone(expression.value)


def _load(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        found = _real_zone(name) if _SAFE_NAME.fullmatch(name) else None
        if found is None:
            raise CommandError(40485, f'unrecognized time zone identifier: "{name}"') from None
        return found


def _real_zone(name: str) -> zoneinfo.ZoneInfo | None:
    """Load a time zone directly from the database's files, or return None if it does not exist.

    This is a fallback for tests that replace the file system, because `zoneinfo` does not find the files then.
    """
    for directory in zoneinfo.TZPATH:
        with suppress(OSError, ValueError):
            return zoneinfo.ZoneInfo.from_file(BytesIO(read_file(f"{directory}/{name}")), name)
    with suppress(OSError, ValueError, ImportError):
        import_module("tzdata")
        return zoneinfo.ZoneInfo.from_file(BytesIO(package_data("tzdata", f"zoneinfo/{name}")), name)
    return None


def _datetime(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=min(max(ms, FIRST_MS), LAST_MS))


def _milliseconds(offset: timedelta | None) -> int:
    assert offset is not None
    return offset // timedelta(milliseconds=1)
