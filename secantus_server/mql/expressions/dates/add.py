"""The operators `$dateAdd` and `$dateSubtract`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/dateAdd/

Days and longer units are added to the local time of the time zone. Therefore the time of day is preserved if daylight saving time begins
or ends in between. Shorter units are durations of a fixed length.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from secantus_server.bson.values import Date
from secantus_server.differences import DATES_BEFORE_1970
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.expressions.dates.calendar import MS_PER_DAY, MS_PER_SECOND, day_number, days_in_month, year_month_day
from secantus_server.mql.expressions.dates.coercion import milliseconds_of, to_date
from secantus_server.mql.expressions.dates.timezones import TimeZone, check_timezone, to_timezone
from secantus_server.mql.expressions.dates.units import LENGTHS, MONTHS, check_unit, to_unit
from secantus_server.mql.expressions.named_arguments import Signature
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.numbers.integers import to_int64
from secantus_server.mql.expressions.parser import call
from secantus_server.mql.expressions.registry import operator_parser

MS_PER_MONTH = 28 * MS_PER_DAY
Addition = Callable[[int, str, int, TimeZone], int]

SPAN = 2**64  # exceeds the distance between any two int64 dates


def _signature(name: str) -> Signature:
    incomplete = (5166402, f"{name} requires startDate, unit, and amount to be present")
    return Signature(
        not_object=(5166400, f"{name} expects an object as its argument"),
        unknown=(
            5166401,
            f"Unrecognized argument to {name}: {{name}}. Expected arguments are startDate, unit, amount, and optionally timezone.",
        ),
        required={"startDate": incomplete, "unit": incomplete, "amount": incomplete},
        optional={"timezone": "UTC"},
    )


def _add_parser(name: str, sign: int) -> Callable[[Any, ParseContext], Expression]:
    """Return the parser for an operator that adds an amount (sign 1) or subtracts it (sign -1)."""
    signature = _signature(name)

    def parse(argument: Any, ctx: ParseContext) -> Expression:
        arguments = signature.parse(argument, ctx)
        check_unit(name, arguments[1])
        check_timezone(arguments[3])
        return call(partial(_evaluate, name, sign, date_addition(ctx)), arguments)

    return parse


def _evaluate(name: str, sign: int, add: Addition, start: Any, unit: Any, amount: Any, timezone: Any) -> Date | None:
    if is_nullish(start) or is_nullish(unit):
        return None
    unit = to_unit(name, unit)
    zone = to_timezone(timezone)
    if is_nullish(amount) or zone is None:
        return None
    ms = milliseconds_of(start)
    if ms is None:
        raise CommandError(5166403, f"{name} requires startDate to be convertible to a date")
    number = to_int64(amount)
    if number is None:
        raise CommandError(5166405, f"{name} expects integer amount of time units")
    if abs(number) * LENGTHS.get(unit, MONTHS.get(unit, 0) * MS_PER_MONTH) > SPAN:
        raise CommandError(5976500, f"invalid {name} 'amount' parameter value: {number} {unit}")
    return to_date(add(ms, unit, sign * number, zone), name, 5166406)


def add_units(ms: int, unit: str, amount: int, zone: TimeZone) -> int:
    """Return the time that is a number of units after `ms`, in milliseconds since the epoch. The result may exceed the range of int64."""
    if unit in MONTHS:
        return zone.moment(_add_months(zone.local(ms), MONTHS[unit] * amount))
    if unit in ("day", "week"):
        return zone.moment(zone.local(ms) + LENGTHS[unit] * amount)
    return ms + LENGTHS[unit] * amount


def add_units_until_8_3(ms: int, unit: str, amount: int, zone: TimeZone) -> int:
    """Return the result of `add_units`, but with a bug of MongoDB before 8.3: a date before 1970 with a fraction of a second loses one
    second.
    """
    found = add_units(ms, unit, amount, zone)
    return found - MS_PER_SECOND if ms < 0 and ms % MS_PER_SECOND and unit != "millisecond" else found


def date_addition(ctx: ParseContext) -> Addition:
    """Return the function that adds units to a time in the emulated MongoDB release."""
    return add_units if ctx.release.has(DATES_BEFORE_1970) else add_units_until_8_3


def _add_months(local: int, months: int) -> int:
    """Add months to a local time. If the resulting month has no such day, its last day is used."""
    days, time_of_day = divmod(local, MS_PER_DAY)
    year, month, day = year_month_day(days)
    years, index = divmod(month - 1 + months, 12)
    year, month = year + years, index + 1
    return day_number(year, month, min(day, days_in_month(year, month))) * MS_PER_DAY + time_of_day


operator_parser("$dateAdd")(_add_parser("$dateAdd", 1))
operator_parser("$dateSubtract")(_add_parser("$dateSubtract", -1))
