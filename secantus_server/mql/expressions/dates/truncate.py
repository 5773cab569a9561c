"""The operator `$dateTrunc`, which returns the start of the bin that contains a date. Bins are counted from 2000-01-01 in the time zone.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/dateTrunc/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.bson.numbers import INT64_MAX
from secantus_server.bson.values import Date
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.dates.calendar import MS_PER_DAY, day_number, year_month_day
from secantus_server.mql.expressions.dates.coercion import milliseconds_of, to_date
from secantus_server.mql.expressions.dates.timezones import TimeZone, check_timezone, to_timezone
from secantus_server.mql.expressions.dates.units import LENGTHS, MONTHS, check_unit, to_unit, to_weekday
from secantus_server.mql.expressions.named_arguments import Signature
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.numbers.integers import to_int64
from secantus_server.mql.expressions.parser import call
from secantus_server.mql.expressions.registry import operator_parser
from secantus_server.mql.expressions.value_text import value_text

MAX_BIN_SIZE = 100_000_000_000
REFERENCE_DAY = day_number(2000, 1, 1)  # a Saturday
REFERENCE_WEEKDAY = 5
SIGNATURE = Signature(
    not_object=(5439007, "$dateTrunc only supports an object as its argument"),
    unknown=(5439008, "Unrecognized argument to $dateTrunc: {name}"),
    required={
        "date": (5439009, "Missing 'date' parameter to $dateTrunc"),
        "unit": (5439010, "Missing 'unit' parameter to $dateTrunc"),
    },
    optional={"binSize": 1, "timezone": "UTC", "startOfWeek": "sunday"},
)


@operator_parser("$dateTrunc")
def parse_date_trunc(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `{$dateTrunc: {date, unit, binSize, timezone, startOfWeek}}`.

    Raises:
        CommandError: 5439007 to 5439010 for a malformed argument. Also the errors of an invalid constant unit or time zone.
    """
    arguments = SIGNATURE.parse(argument, ctx)
    check_unit("$dateTrunc", arguments[1])
    check_timezone(arguments[3])
    if _ignores_start_of_week(arguments):
        arguments[4] = Constant("sunday")
    return call(date_trunc, arguments)


def _ignores_start_of_week(arguments: list[Expression]) -> bool:
    """Return whether `startOfWeek` has no effect on the result, even if it is null.

    As in MongoDB, this is the case if all arguments are constant and the unit is not a week.
    """
    values = [argument.value for argument in arguments if isinstance(argument, Constant)]
    return len(values) == len(arguments) and not is_nullish(values[1]) and values[1] != "week"


def date_trunc(date: Any, unit: Any, bin_size: Any, timezone: Any, start_of_week: Any) -> Date | None:
    """Return the start of the bin that contains a date, or null if any argument is null."""
    if is_nullish(date) or is_nullish(unit) or is_nullish(bin_size) or is_nullish(start_of_week):
        return None
    unit = to_unit("$dateTrunc", unit)
    zone = to_timezone(timezone)
    if zone is None:
        return None
    ms = milliseconds_of(date)
    if ms is None:
        raise CommandError(5166307, f"$dateTrunc requires 'date' to be a date, but got {type_name(date)}")
    first_day = to_weekday("$dateTrunc", start_of_week) if unit == "week" else 0
    return to_date(_bin_start(ms, unit, _size(bin_size, unit), zone, first_day), "$dateTrunc", 5439006)


def _size(value: Any, unit: str) -> int:
    size = to_int64(value)
    if size is None:
        raise CommandError(
            5439017, f"$dateTrunc requires 'binSize' to be a 64-bit integer, but got value '{value_text(value)}' of type {type_name(value)}"
        )
    if size <= 0:
        raise CommandError(5439018, f"$dateTrunc requires 'binSize' to be greater than 0, but got value {size}")
    if unit in MONTHS or unit in ("day", "week"):
        if size > MAX_BIN_SIZE:
            raise CommandError(5439006, "dateTrunc unsupported binSize value")
    elif size * LENGTHS[unit] > INT64_MAX:
        raise CommandError(5439002, "dateTrunc binSize in milliseconds exceeds 64 bits")
    return size


def _bin_start(ms: int, unit: str, size: int, zone: TimeZone, first_day: int) -> int:
    if unit in MONTHS:
        return _month_bin(ms, size * MONTHS[unit], zone)
    if unit in ("day", "week"):
        reference = REFERENCE_DAY + ((first_day - REFERENCE_WEEKDAY) % 7 if unit == "week" else 0)
        length = size * LENGTHS[unit] // MS_PER_DAY
        days = zone.local(ms) // MS_PER_DAY
        return zone.moment((days - (days - reference) % length) * MS_PER_DAY)
    return ms - (ms - zone.moment(REFERENCE_DAY * MS_PER_DAY)) % (size * LENGTHS[unit])


def _month_bin(ms: int, length: int, zone: TimeZone) -> int:
    year, month, _ = year_month_day(zone.local(ms) // MS_PER_DAY)
    months = (year - 2000) * 12 + month - 1
    return zone.moment(day_number(2000, 1 + months - months % length, 1) * MS_PER_DAY)
