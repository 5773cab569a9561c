"""Parses dates, either with a format string or in any of the common notations.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/dateFromString/

Every failure raises CommandError 241 (ConversionFailure), which `onError` handles.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from secantus_server.errors import CommandError
from secantus_server.mql.expressions.dates.calendar import (
    MS_PER_DAY,
    MS_PER_MINUTE,
    day_number,
    days_in_month,
    iso_day_number,
    join,
    split,
)
from secantus_server.mql.expressions.dates.formats import MONTH_NAMES, pieces
from secantus_server.mql.expressions.dates.timezones import TimeZone

CONVERSION_FAILURE = 241
MONTHS = {name.lower()[:size]: index + 1 for index, name in enumerate(MONTH_NAMES) for size in (3, len(name))} | {"sept": 9}
MONTH = "(?P<name>" + "|".join(sorted(MONTHS, key=len, reverse=True)) + ")"
ABBREVIATIONS = {"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "z": 0, "utc": 0, "gmt": 0}

FORMAT_FIELDS = {
    "Y": "([0-9]{4})",
    "G": "([0-9]{4})",
    "m": "([0-9]{1,2})",
    "d": "([0-9]{1,2})",
    "H": "([0-9]{1,2})",
    "M": "([0-9]{2})",
    "S": "([0-9]{2})",
    "L": "([0-9]{1,3})",
    "j": "([0-9]{1,3})",
    "u": "([1-7])",
    "V": "([0-9]{1,2})",
    "b": "([a-z]{3})",
    "B": "([a-z]+)",
    "z": "([+-][0-9]{2}(?::?[0-9]{2})?|z|utc|gmt)",
    "Z": "([+-][0-9]{1,4})",
}
FROM_STRING = "".join(FORMAT_FIELDS)
# The date part that each specifier sets.
FORMAT_PARTS = {
    "Y": "year",
    "G": "year",
    "m": "month",
    "b": "name",
    "B": "name",
    "d": "day",
    "j": "yearday",
    "V": "week",
    "u": "weekday",
    "H": "hour",
    "M": "minute",
    "S": "second",
    "L": "fraction",
    "z": "zone",
    "Z": "offset",
}
SUFFIX = "(?:st|nd|rd|th)?"
DATES = (
    r"(?P<year>-?[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})",
    r"(?P<year>[0-9]{4})/(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})",
    r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})",
    r"(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})/(?P<year>[0-9]{4})",
    r"(?P<day>[0-9]{1,2})[-.](?P<month>[0-9]{1,2})[-.](?P<year>[0-9]{4})",
    rf"{MONTH}\.?[ \t-]*(?P<day>[0-9]{{1,2}}){SUFFIX},?[ \t-]+(?P<year>[0-9]{{4}})",
    rf"(?P<day>[0-9]{{1,2}}){SUFFIX}[ \t.-]*{MONTH}[ \t.,-]*(?P<year>[0-9]{{4}})",
    rf"(?P<year>[0-9]{{4}})[ \t.-]*{MONTH}[ \t.-]*(?P<day>[0-9]{{1,2}})",
    r"(?P<year>[0-9]{4})-?w(?P<week>[0-9]{2})(?:-?(?P<weekday>[0-7]))?",
    r"(?P<year>[0-9]{4})-?(?P<yearday>[0-9]{3})",
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})",
)
WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?[.,]?[ \t]+)?"
CLOCK = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?[ \t]*(?:(?P<half>[ap])\.?m\.?)?"
    r"|(?P<hour12>[0-9]{1,2})[ \t]*(?P<half12>[ap])\.?m\.?"
    r"|(?<=t)(?P<hours>[0-9]{2})(?P<minutes>[0-9]{2})(?P<seconds>[0-9]{2})?"
)
ZONE = "(?P<zone>[+-][0-9]{1,2}(?::?[0-9]{2})?|" + "|".join(ABBREVIATIONS) + ")"

# The format in which the Unix command `date` prints a date.
YEAR_LAST = rf"{WEEKDAY}{MONTH}[ \t]+(?P<day>[0-9]{{1,2}})[ \t]+(?:{CLOCK})(?:[ \t]+{ZONE})?[ \t]+(?P<year>[0-9]{{4}})"


@cache
def _texts() -> list[re.Pattern[str]]:
    """Return the regular expressions for dates without a format string. They are compiled on first use, because this takes milliseconds."""
    texts = [rf"{WEEKDAY}{date}(?:(?:t|[ \t,]+)(?:{CLOCK}))?[ \t]*{ZONE}?" for date in DATES]
    return [re.compile(text, re.IGNORECASE | re.ASCII) for text in (*texts, YEAR_LAST)]


def parse_date_text(text: str, zone: TimeZone) -> int:
    """Parse a date in a common notation and return its milliseconds since the epoch.

    Arguments:
        text: for example `2017-02-08T12:10:40.787Z` or `oct 20 2020`.
        zone: the time zone to use if the text contains no time zone.

    Raises:
        CommandError: 241 if the text is not a date.
    """
    stripped = text.strip(" \t\n\r")
    for pattern in _texts():
        found = pattern.fullmatch(stripped)
        if found:
            parts = {"day": "1"} | {name: value for name, value in found.groupdict().items() if value is not None}
            return _in_zone(_day(text, parts) + _clock(text, parts), parts.get("zone"), zone)
    if not stripped:
        raise _failure(f"Error parsing date string '{text}'; 0: Empty string ''")
    raise _failure(f"Error parsing date string '{text}'; 0: Unexpected character '{stripped[0]}'")


def parse_formatted_date(text: str, form: str, zone: TimeZone) -> int:
    """Parse a date with a format string and return its milliseconds since the epoch.

    Raises:
        CommandError: 241 if the text is not a date in this format, 18535 or 18536 for an invalid format.
    """
    pattern, letters = _compiled(form)
    found = pattern.fullmatch(text)
    if not found:
        position = _fitting(text, form)
        raise _failure(f"Error parsing date string '{text}'; {position}: Format literal not found '{text[position : position + 1]}'")
    values = dict(zip(letters, found.groups(), strict=True))
    parts = {FORMAT_PARTS[letter]: value for letter, value in values.items()}
    if "j" in values:
        # With a format, MongoDB counts the days of the year from 0. Without one, it counts them from 1.
        parts["yearday"] = str(int(values["j"]) + 1)
        _replace_yearday(text, parts, letters[letters.index("j") + 1 :])
    if "G" in values:
        parts.setdefault("week", "1")
    if "offset" in parts:
        hours, minutes = divmod(abs(int(parts["offset"])), 60)
        parts["zone"] = f"{parts['offset'][0]}{hours:02d}{minutes:02d}"
    return _in_zone(_day(text, parts) + _clock(text, parts), parts.get("zone"), zone)


def _replace_yearday(text: str, parts: dict[str, str], later: list[str]) -> None:
    """Replace the day of the year by a month and a day if the format sets one of these after it. An earlier month or day has no effect.

    https://jira.mongodb.org/browse/SERVER-74002

    Arguments:
        text: the whole text, for error messages.
        parts: the parsed fields of the date, which this function changes.
        later: the specifiers after `%j`.
    """
    has_month, has_day = not {"m", "b", "B"}.isdisjoint(later), "d" in later
    if "year" not in parts or not (has_month or has_day):
        return
    year, day = int(parts["year"]), int(parts.pop("yearday"))
    found = split(_checked(text, day_number(year, 1, day) * MS_PER_DAY, 1 <= day <= 366))
    if not has_month:
        parts.pop("name", None)
        parts["month"] = str(found.month)
    if not has_day:
        parts["day"] = str(found.day)


@lru_cache(maxsize=256)
def _compiled(form: str) -> tuple[re.Pattern[str], list[str]]:
    found = pieces(form, FROM_STRING)
    source = "".join(FORMAT_FIELDS[letter] if letter else re.escape(literal) for letter, literal in found)
    return re.compile(source, re.IGNORECASE | re.ASCII), [letter for letter, _ in found if letter]


def _fitting(text: str, form: str) -> int:
    """Return the position in a text at which it stops matching a format string, for an error message."""
    source, position = "", 0
    for letter, literal in pieces(form, FROM_STRING):
        source += FORMAT_FIELDS[letter] if letter else re.escape(literal)
        found = re.match(source, text, re.IGNORECASE | re.ASCII)
        if not found:
            break
        position = found.end()
    return position


def _day(text: str, parts: dict[str, str]) -> int:
    """Return the moment at which a day starts. The day is given as a calendar date, an ISO week date or a day of the year.

    Arguments:
        text: the whole text, for error messages.
        parts: the parsed fields of the date.
    """
    if "year" not in parts:
        raise _incomplete(text)
    year = int(parts["year"])
    if "week" in parts:
        week = int(parts["week"])
        return _checked(text, iso_day_number(year, week, int(parts.get("weekday", 1))) * MS_PER_DAY, 1 <= week <= 53)
    if "yearday" in parts:
        day = int(parts["yearday"])
        return _checked(text, day_number(year, 1, day) * MS_PER_DAY, 1 <= day <= 366)
    if "day" not in parts or ("month" not in parts and "name" not in parts):
        raise _incomplete(text)
    month, day = MONTHS.get(parts["name"].lower(), 0) if "name" in parts else int(parts["month"]), int(parts["day"])
    return _checked(text, day_number(year, month, day) * MS_PER_DAY, 1 <= month <= 12 and 1 <= day <= days_in_month(year, month))


def _clock(text: str, parts: dict[str, str]) -> int:
    """Return the time of day in milliseconds.

    Arguments:
        text: the whole text, for error messages.
        parts: the parsed fields of the time.
    """
    hour = int(parts.get("hour") or parts.get("hour12") or parts.get("hours") or 0)
    minute = int(parts.get("minute") or parts.get("minutes") or 0)
    second = int(parts.get("second") or parts.get("seconds") or 0)
    half = (parts.get("half") or parts.get("half12") or "").lower()
    if half:
        _checked(text, hour, 1 <= hour <= 12)
        hour = hour % 12 + (12 if half == "p" else 0)
    fraction = int(f"{parts.get('fraction', '0'):0<3.3}")
    return _checked(text, join(0, hour, minute, second, fraction), hour <= 24 and minute <= 59 and second <= 59)


def _in_zone(local: int, name: str | None, zone: TimeZone) -> int:
    """Convert a local time to UTC, using the time zone that the text contains.

    Arguments:
        local: the local time in milliseconds.
        name: the time zone in the text, or None to use `zone` instead.
        zone: the argument `timezone`. It must be UTC if the text contains a time zone.
    """
    if name is None:
        return zone.moment(local)
    if not zone.is_utc:
        raise _failure("you cannot pass in a date/time string with GMT offset together with a timezone argument")
    return local - _offset_minutes(name) * MS_PER_MINUTE


def _offset_minutes(name: str) -> int:
    if name[0] not in "+-":
        return ABBREVIATIONS[name.lower()] * 60
    hours, _, minutes = name[1:].partition(":")
    if not minutes and len(hours) > 2:
        hours, minutes = hours[:-2], hours[-2:]
    total = int(hours) * 60 + int(minutes or 0)
    return -total if name[0] == "-" else total


def _checked(text: str, value: int, valid: bool) -> int:
    if not valid:
        raise _failure(f"Error parsing date string '{text}'; {len(text)}: The parsed date was invalid ''")
    return value


def _incomplete(text: str) -> CommandError:
    return _failure(f'an incomplete date/time string has been found, with elements missing: "{text}"')


def _failure(message: str) -> CommandError:
    return CommandError(CONVERSION_FAILURE, message)
