"""The proleptic Gregorian calendar for all dates that int64 milliseconds can represent, a larger range than that of `datetime`.

A moment is a number of milliseconds since the epoch, and a day is a number of days since 1970-01-01. Both are independent of time zones.
"""

from __future__ import annotations

from typing import NamedTuple

MS_PER_SECOND = 1000
MS_PER_MINUTE = 60 * MS_PER_SECOND
MS_PER_HOUR = 60 * MS_PER_MINUTE
MS_PER_DAY = 24 * MS_PER_HOUR
DAYS_PER_ERA = 146097  # 400 years
DAYS_BEFORE_EPOCH = 719468  # from 0000-03-01 to 1970-01-01


class Parts(NamedTuple):
    """A date and time of day, broken into calendar fields."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    millisecond: int


class IsoWeek(NamedTuple):
    """An ISO 8601 week date. The days of the week are numbered from 1 for Monday."""

    year: int
    week: int
    day: int


def day_number(year: int, month: int, day: int) -> int:
    """Return the number of days from the epoch to a date. A month or day that is out of range carries over into the next larger unit."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    # Years are counted from March, so that the leap day is the last day of the year.
    shifted = year - 1 if month <= 2 else year
    era, year_of_era = divmod(shifted, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * DAYS_PER_ERA + day_of_era - DAYS_BEFORE_EPOCH + day - 1


def year_month_day(days: int) -> tuple[int, int, int]:
    """Return the year, month and day of a day number, which counts days from the epoch."""
    era, day_of_era = divmod(days + DAYS_BEFORE_EPOCH, DAYS_PER_ERA)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    march_based = (5 * day_of_year + 2) // 153
    month = march_based + 3 if march_based < 10 else march_based - 9
    year = era * 400 + year_of_era + (1 if month <= 2 else 0)
    return year, month, day_of_year - (153 * march_based + 2) // 5 + 1


def split(ms: int) -> Parts:
    """Split milliseconds since 1970 into calendar fields."""
    days, rest = divmod(ms, MS_PER_DAY)
    year, month, day = year_month_day(days)
    seconds, millisecond = divmod(rest, MS_PER_SECOND)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return Parts(year, month, day, hour, minute, second, millisecond)


def join(days: int, hour: int = 0, minute: int = 0, second: int = 0, millisecond: int = 0) -> int:
    """Combine a day and a time of day into milliseconds since 1970. Values that are out of range carry over into the next larger unit."""
    return days * MS_PER_DAY + hour * MS_PER_HOUR + minute * MS_PER_MINUTE + second * MS_PER_SECOND + millisecond


def days_in_month(year: int, month: int) -> int:
    """Return the number of days in a month."""
    return day_number(year, month + 1, 1) - day_number(year, month, 1)


def day_of_year(days: int) -> int:
    """Return the day of the year, 1 for January 1."""
    return days - day_number(year_month_day(days)[0], 1, 1) + 1


def day_of_week(days: int) -> int:
    """Return the day of the week, 1 for Sunday to 7 for Saturday."""
    return (days + 4) % 7 + 1


def week_of_year(days: int) -> int:
    """Return the week of the year that contains a day. Weeks start on Sunday, and the days before the year's first Sunday are in week 0."""
    return (day_of_year(days) - day_of_week(days) + 7) // 7


def iso_week(days: int) -> IsoWeek:
    """Return the ISO 8601 week date of a day. A week is part of the year that contains its Thursday."""
    weekday = (days + 3) % 7
    thursday = days - weekday + 3
    year = year_month_day(thursday)[0]
    return IsoWeek(year, (thursday - day_number(year, 1, 1)) // 7 + 1, weekday + 1)


def iso_day_number(year: int, week: int, day: int) -> int:
    """Return the number of days from the epoch to an ISO week date. A week or day that is out of range carries over into the following
    weeks.
    """
    fourth = day_number(year, 1, 4)
    monday = fourth - (fourth + 3) % 7
    return monday + (week - 1) * 7 + day - 1


def iso_text(ms: int) -> str:
    """Format milliseconds since 1970 as `2024-01-31T12:00:00.000Z`."""
    parts = split(ms)
    date = f"{parts.year:04d}-{parts.month:02d}-{parts.day:02d}"
    return f"{date}T{parts.hour:02d}:{parts.minute:02d}:{parts.second:02d}.{parts.millisecond:03d}Z"
