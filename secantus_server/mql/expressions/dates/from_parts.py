"""The operator `$dateFromParts`, which builds a date from calendar fields (year, month, day...) or an ISO week date.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/dateFromParts/
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from secantus_server.bson import type_name
from secantus_server.bson.values import Date
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.expressions.dates.calendar import day_number, iso_day_number, join
from secantus_server.mql.expressions.dates.coercion import to_date
from secantus_server.mql.expressions.dates.timezones import check_timezone, to_timezone
from secantus_server.mql.expressions.named_arguments import Signature
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.numbers.integers import to_int64
from secantus_server.mql.expressions.parser import call
from secantus_server.mql.expressions.registry import operator_parser
from secantus_server.mql.expressions.value_text import value_text

TIME = {"hour": 0, "minute": 0, "second": 0, "millisecond": 0, "timezone": "UTC"}
NATURAL = {"year": 0, "month": 1, "day": 1}
ISO = {"isoWeekYear": 0, "isoWeek": 1, "isoDayOfWeek": 1}
SIGNATURE = Signature(
    not_object=(40519, "$dateFromParts only supports an object as its argument"),
    unknown=(40518, "Unrecognized argument to $dateFromParts: {name}"),
    required={},
    optional={**NATURAL, **ISO, **TIME},
)
MAX_PART = 2**15


@operator_parser("$dateFromParts")
def parse_date_from_parts(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `{$dateFromParts: {year or isoWeekYear, ...}}`.

    Raises:
        CommandError: 40489, 40516, 40518, 40519 or 40525 for a malformed argument.
    """
    given = SIGNATURE.check(argument)
    if "year" not in given and "isoWeekYear" not in given:
        raise CommandError(40516, "$dateFromParts requires either 'year' or 'isoWeekYear' to be present")
    names, others, number = (NATURAL, ISO, day_number) if "year" in given else (ISO, NATURAL, iso_day_number)
    if any(name in given for name in others):
        code, first, second = (40489, "natural", "ISO") if "year" in given else (40525, "ISO", "natural")
        raise CommandError(code, f"$dateFromParts does not allow mixing {first} dates with {second} dates")
    defaults = {**names, **TIME}
    arguments = Signature(SIGNATURE.not_object, SIGNATURE.unknown, {}, defaults).parse(given, ctx)
    check_timezone(arguments[-1])
    return call(partial(_date, number, tuple(defaults)), arguments)


def _date(number: Callable[[int, int, int], int], names: tuple[str, ...], *values: Any) -> Date | None:
    """Return the date with the given fields, or null if any field is null.

    Arguments:
        number: converts the three fields of the day to a day number.
        names: the names of the fields, for error messages.
        values: the three fields of the day, the four fields of the time of day, and the time zone.
    """
    *parts, timezone = values
    zone = to_timezone(timezone)
    if zone is None or any(is_nullish(value) for value in parts):
        return None
    numbers = [_number(name, value) for name, value in zip(names, parts, strict=False)]
    return to_date(zone.moment(join(number(*numbers[:3]), *numbers[3:])), "$dateFromParts", 15)


def _number(name: str, value: Any) -> int:
    number = to_int64(value)
    if number is None:
        raise CommandError(40515, f"'{name}' must evaluate to an integer, found {type_name(value)} with value {value_text(value)}")
    if name in ("year", "isoWeekYear"):
        if not 1 <= number <= 9999:
            code = 40523 if name == "year" else 31095
            raise CommandError(code, f"'{name}' must evaluate to an integer in the range 1 to 9999, found {number}")
    elif name not in ("second", "millisecond") and not -MAX_PART <= number < MAX_PART:
        raise CommandError(
            31034, f"'{name}' must evaluate to a value in the range [{-MAX_PART}, {MAX_PART - 1}]; value {number} is not in range"
        )
    return number
