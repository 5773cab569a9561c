"""Splits format strings such as `%Y-%m-%d` into pieces, and formats dates with them.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/dateToString/#format-specifiers
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

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


class Moment(NamedTuple):
    """A local time, which consists of its calendar fields, its day number, and the time zone's offset from UTC in milliseconds."""

    parts: Parts
    day: int
    offset: int


def _offset_text(offset: int) -> str:
    hours, minutes = divmod(abs(offset) // MS_PER_MINUTE, 60)
    return f"{'-' if offset < 0 else '+'}{hours:02d}{minutes:02d}"


# The formatter of each specifier.
FIELDS: dict[str, Callable[[Moment], str]] = {
    "Y": lambda moment: f"{moment.parts.year:04d}",
    "m": lambda moment: f"{moment.parts.month:02d}",
    "d": lambda moment: f"{moment.parts.day:02d}",
    "H": lambda moment: f"{moment.parts.hour:02d}",
    "M": lambda moment: f"{moment.parts.minute:02d}",
    "S": lambda moment: f"{moment.parts.second:02d}",
    "L": lambda moment: f"{moment.parts.millisecond:03d}",
    "j": lambda moment: f"{calendar.day_of_year(moment.day):03d}",
    "w": lambda moment: str(calendar.day_of_week(moment.day)),
    "u": lambda moment: str(calendar.iso_week(moment.day).day),
    "U": lambda moment: f"{calendar.week_of_year(moment.day):02d}",
    "V": lambda moment: f"{calendar.iso_week(moment.day).week:02d}",
    "G": lambda moment: f"{calendar.iso_week(moment.day).year:04d}",
    "b": lambda moment: MONTH_NAMES[moment.parts.month - 1][:3],
    "B": lambda moment: MONTH_NAMES[moment.parts.month - 1],
    "z": lambda moment: _offset_text(moment.offset),
    "Z": lambda moment: str(moment.offset // MS_PER_MINUTE),
}
TO_STRING = "".join(FIELDS)


@lru_cache(maxsize=256)
def pieces(text: str, specifiers: str) -> tuple[tuple[str, str], ...]:
    """Split a format string into pairs: (specifier, "") for a specifier and ("", text) for literal text.

    Arguments:
        text: the format string.
        specifiers: the allowed specifier letters; `%%` is always allowed.

    Raises:
        CommandError: 18535 for a `%` at the end, 18536 for an unknown specifier.
    """
    found = []
    position = 0
    for piece in PIECE.finditer(text):
        position = piece.end()
        if piece[1] is None or piece[1] == "%":
            found.append(("", piece[2] or "%"))
        elif piece[1] in specifiers:
            found.append((piece[1], ""))
        else:
            raise CommandError(18536, f"Invalid format character '%{piece[1]}' in format string")
    if position != len(text):
        raise CommandError(18535, "Unmatched '%' at end of format string")
    return tuple(found)


def format_date(ms: int, text: str, zone: TimeZone) -> str:
    """Format a point in time as local time in a time zone, using the format string `text`.

    Raises:
        CommandError: 18535 or 18536 for an invalid format, 18537 for a year that does not have four digits.
    """
    offset = zone.offset(ms)
    parts = calendar.split(ms + offset)
    if not 0 <= parts.year <= 9999:
        raise CommandError(18537, f"$dateToString is only defined on year 0-9999, tried to use year {parts.year}")
    moment = Moment(parts, (ms + offset) // MS_PER_DAY, offset)
    return "".join(FIELDS[letter](moment) if letter else literal for letter, literal in pieces(text, TO_STRING))
