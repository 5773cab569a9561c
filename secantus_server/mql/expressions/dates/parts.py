"""The operators that return one field of a date, such as `$year`, `$month`, `$dayOfWeek` and `$isoWeek`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/year/

Their argument is a date, an array that contains one date, or `{date: ..., timezone: ...}`. They return null for null.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson.int64 import Int64

from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.dates import calendar
from secantus_server.mql.expressions.dates.calendar import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND
from secantus_server.mql.expressions.dates.coercion import to_milliseconds
from secantus_server.mql.expressions.dates.timezones import check_timezone, to_timezone
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import call, parse_expression
from secantus_server.mql.expressions.registry import operator_parser
from secantus_server.mql.expressions.value_text import value_text

Part = Callable[[int], Any]

# For each operator, the function that computes the result from a local time in milliseconds.
PARTS: dict[str, Part] = {
    "$year": lambda ms: calendar.year_month_day(ms // MS_PER_DAY)[0],
    "$month": lambda ms: calendar.year_month_day(ms // MS_PER_DAY)[1],
    "$dayOfMonth": lambda ms: calendar.year_month_day(ms // MS_PER_DAY)[2],
    "$dayOfYear": lambda ms: calendar.day_of_year(ms // MS_PER_DAY),
    "$dayOfWeek": lambda ms: calendar.day_of_week(ms // MS_PER_DAY),
    "$week": lambda ms: calendar.week_of_year(ms // MS_PER_DAY),
    "$isoDayOfWeek": lambda ms: calendar.iso_week(ms // MS_PER_DAY).day,
    "$isoWeek": lambda ms: calendar.iso_week(ms // MS_PER_DAY).week,
    "$isoWeekYear": lambda ms: Int64(calendar.iso_week(ms // MS_PER_DAY).year),
    "$hour": lambda ms: ms // MS_PER_HOUR % 24,
    "$minute": lambda ms: ms // MS_PER_MINUTE % 60,
    "$second": lambda ms: ms // MS_PER_SECOND % 60,
    "$millisecond": lambda ms: ms % MS_PER_SECOND,
}


def part_parser(name: str, part: Part) -> Callable[[Any, ParseContext], Expression]:
    """Return the parser for an operator that extracts one field of a date.

    Arguments:
        name: the operator's name, with its `$`.
        part: computes the field from a local time in milliseconds.
    """

    def part_of(date: Any, timezone: Any) -> Any:
        if is_nullish(date):
            return None
        zone = to_timezone(timezone)
        return None if zone is None else part(zone.local(to_milliseconds(date)))

    def parse(argument: Any, ctx: ParseContext) -> Expression:
        date, timezone = parse_date_argument(name, argument, ctx)
        return call(part_of, [date, timezone])

    return parse


def parse_date_argument(name: str, argument: Any, ctx: ParseContext) -> tuple[Expression, Expression]:
    """Parse an operator's argument and return the expressions for its date and its time zone.

    Inside an array, only a date is allowed, not a document `{date, timezone}`.

    Raises:
        CommandError: 40535, 40536 or 40539 for a malformed argument, 40485 or 40517 for an invalid constant time zone.
    """
    if type(argument) is list:
        if len(argument) != 1:
            raise CommandError(40536, f"{name} accepts exactly one argument if given an array, but was given {len(argument)}")
        return parse_expression(argument[0], ctx), Constant("UTC")
    if type(argument) is not dict or next(iter(argument), "").startswith("$"):
        return parse_expression(argument, ctx), Constant("UTC")
    for key in argument:
        if key not in ("date", "timezone"):
            raise CommandError(40535, f'unrecognized option to {name}: "{key}"')
    if "date" not in argument:
        raise CommandError(40539, f"missing 'date' argument to {name}, provided: {name}: {value_text(argument)}")
    timezone = parse_expression(argument.get("timezone", "UTC"), ctx)
    check_timezone(timezone)
    return parse_expression(argument["date"], ctx), timezone


for _name, _part in PARTS.items():
    operator_parser(_name)(part_parser(_name, _part))
