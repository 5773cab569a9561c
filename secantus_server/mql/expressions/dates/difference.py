"""The operator `$dateDiff`, which counts the unit boundaries between two dates.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/dateDiff/
"""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.expressions.dates.calendar import MS_PER_DAY, year_month_day
from secantus_server.mql.expressions.dates.coercion import milliseconds_of
from secantus_server.mql.expressions.dates.timezones import TimeZone, check_timezone, to_timezone
from secantus_server.mql.expressions.dates.units import LENGTHS, MONTHS, check_unit, to_unit, to_weekday
from secantus_server.mql.expressions.named_arguments import Signature
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import call
from secantus_server.mql.expressions.registry import operator_parser

SIGNATURE = Signature(
    not_object=(5166301, "$dateDiff only supports an object as its argument"),
    unknown=(5166302, "Unrecognized argument to $dateDiff: {name}"),
    required={
        "startDate": (5166303, "Missing 'startDate' parameter to $dateDiff"),
        "endDate": (5166304, "Missing 'endDate' parameter to $dateDiff"),
        "unit": (5166305, "Missing 'unit' parameter to $dateDiff"),
    },
    optional={"timezone": "UTC", "startOfWeek": "sunday"},
)


@operator_parser("$dateDiff")
def parse_date_diff(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `{$dateDiff: {startDate, endDate, unit, timezone, startOfWeek}}`.

    Raises:
        CommandError: 5166301 to 5166305 for a malformed argument. Also the errors of an invalid constant unit or time zone.
    """
    arguments = SIGNATURE.parse(argument, ctx)
    check_unit("$dateDiff", arguments[2])
    check_timezone(arguments[3])
    return call(date_diff, arguments)


def date_diff(start: Any, end: Any, unit: Any, timezone: Any, start_of_week: Any) -> Int64 | None:
    """Return the number of unit boundaries between two dates, or null if any argument is null. It is negative if `end` is before
    `start`.
    """
    if is_nullish(start) or is_nullish(end) or is_nullish(unit) or is_nullish(start_of_week):
        return None
    unit = to_unit("$dateDiff", unit)
    zone = to_timezone(timezone)
    if zone is None:
        return None
    first_day = to_weekday("$dateDiff", start_of_week) if unit == "week" else 0
    before, after = (_index(_moment(value, which), unit, zone, first_day) for value, which in ((start, "startDate"), (end, "endDate")))
    return Int64(after - before)


def _moment(value: Any, which: str) -> int:
    ms = milliseconds_of(value)
    if ms is None:
        raise CommandError(5166307, f"$dateDiff requires '{which}' to be a date, but got {type_name(value)}")
    return ms


def _index(ms: int, unit: str, zone: TimeZone, first_day: int) -> int:
    """Return the ordinal number of the unit, such as the month, that contains a point in time. Only differences between ordinals are
    meaningful.
    """
    offset = zone.offset(ms)
    if unit in MONTHS:
        year, month, _ = year_month_day((ms + offset) // MS_PER_DAY)
        return (year * 12 + month - 1) // MONTHS[unit]
    if unit == "week":
        # Add 3 because the epoch was a Thursday, three days after a Monday.
        return ((ms + offset) // MS_PER_DAY + 3 - first_day) // 7
    if unit == "day":
        return (ms + offset) // MS_PER_DAY
    # Hours and shorter units are durations of a fixed length, so only that part of the zone's offset counts that shifts the boundaries of
    # the units.
    return (ms + offset % LENGTHS[unit]) // LENGTHS[unit]
