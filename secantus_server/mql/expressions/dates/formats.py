"""Format strings such as `%Y-%m-%d`: cut into pieces, and written.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/dateToString/#format-specifiers
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from secantus_server.errors import CommandError
from secantus_server.mql.expressions.dates import calendar
from secantus_server.mql.expressions.dates.calendar import MS_PER_DAY, MS_PER_MINUTE, Parts
from secantus_server.mql.expressions.dates.timezones import TimeZone

MONTH_NAMES = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
ISO_FORMAT = "%Y-%m-%dT%H:%M:%S.%LZ"
LOCAL_FORMAT = "%Y-%m-%dT%H:%M:%S.%L"
PIECE = re.compile(r"%(.)|([^%]+)", re.DOTALL)

Field = Callable[[Parts, int, int], str]


def _offset_text(offset: int) -> str:
    hours, minutes = divmod(abs(offset) // MS_PER_MINUTE, 60)
    return f"{'-' if offset < 0 else '+'}{hours:02d}{minutes:02d}"


# What each specifier writes of the parts, the day number and the zone's offset.
FIELDS: dict[str, Field] = {
    "Y": lambda parts, days, offset: f"{parts.year:04d}",
    "m": lambda parts, days, offset: f"{parts.month:02d}",
    "d": lambda parts, days, offset: f"{parts.day:02d}",
    "H": lambda parts, days, offset: f"{parts.hour:02d}",
    "M": lambda parts, days, offset: f"{parts.minute:02d}",
    "S": lambda parts, days, offset: f"{parts.second:02d}",
    "L": lambda parts, days, offset: f"{parts.millisecond:03d}",
    "j": lambda parts, days, offset: f"{calendar.day_of_year(days):03d}",
    "w": lambda parts, days, offset: str(calendar.day_of_week(days)),
    "u": lambda parts, days, offset: str(calendar.iso_week(days).day),
    "U": lambda parts, days, offset: f"{calendar.week_of_year(days):02d}",
    "V": lambda parts, days, offset: f"{calendar.iso_week(days).week:02d}",
    "G": lambda parts, days, offset: f"{calendar.iso_week(days).year:04d}",
    "b": lambda parts, days, offset: MONTH_NAMES[parts.month - 1][:3],
    "B": lambda parts, days, offset: MONTH_NAMES[parts.month - 1],
    "z": lambda parts, days, offset: _offset_text(offset),
    "Z": lambda parts, days, offset: str(offset // MS_PER_MINUTE),
    "%": lambda parts, days, offset: "%",
}


@lru_cache(maxsize=256)
def pieces(text: str, specifiers: str) -> tuple[tuple[str, str], ...]:
    """Cuts a format into (specifier, "") and ("", literal text).

    Arguments:
        text: the format.
        specifiers: the letters it may contain.

    Raises:
        CommandError: 18535 or 18536 for a `%` without a letter or before one that is not taken.
    """
    found = []
    position = 0
    for piece in PIECE.finditer(text):
        if piece[1] is not None and piece[1] not in specifiers:
            raise CommandError(18536, f"Invalid format character '%{piece[1]}' in format string")
        found.append((piece[1] or "", piece[2] or ""))
        position = piece.end()
    if position != len(text):
        raise CommandError(18535, "Unmatched '%' at end of format string")
    return tuple(found)


TO_STRING = "".join(FIELDS)


def format_date(ms: int, text: str, zone: TimeZone) -> str:
    """Writes a moment as the clock of a zone shows it.

    Raises:
        CommandError: 18535 or 18536 for a bad format, 18537 for a year that has not four digits.
    """
    offset = zone.offset(ms)
    parts = calendar.split(ms + offset)
    if not 0 <= parts.year <= 9999:
        raise CommandError(18537, f"$dateToString is only defined on year 0-9999, tried to use year {parts.year}")
    days = (ms + offset) // MS_PER_DAY
    return "".join(FIELDS[letter](parts, days, offset) if letter else literal for letter, literal in pieces(text, TO_STRING))
