"""The operator `$dateToParts`, which returns the calendar fields of a date as a document.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/dateToParts/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.expressions.dates.calendar import MS_PER_DAY, iso_week, split
from secantus_server.mql.expressions.dates.coercion import to_milliseconds
from secantus_server.mql.expressions.dates.timezones import check_timezone, to_timezone
from secantus_server.mql.expressions.named_arguments import Signature
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import call
from secantus_server.mql.expressions.registry import operator_parser

SIGNATURE = Signature(
    not_object=(40524, "$dateToParts only supports an object as its argument"),
    unknown=(40520, "Unrecognized argument to $dateToParts: {name}"),
    required={"date": (40522, "Missing 'date' parameter to $dateToParts")},
    optional={"timezone": "UTC", "iso8601": False},
)


@operator_parser("$dateToParts")
def parse_date_to_parts(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `{$dateToParts: {date, timezone, iso8601}}`.

    Raises:
        CommandError: 40520, 40522 or 40524 for a malformed argument.
    """
    arguments = SIGNATURE.parse(argument, ctx)
    check_timezone(arguments[1])
    return call(date_to_parts, arguments)


def date_to_parts(date: Any, timezone: Any, iso8601: Any) -> dict[str, Any] | None:
    """Return the calendar fields of a date in local time, or null if any argument is null.

    Raises:
        CommandError: 40521 for an `iso8601` that is not a bool, 16006 for a `date` that is not a date.
    """
    if is_nullish(date) or is_nullish(iso8601):
        return None
    zone = to_timezone(timezone)
    if zone is None:
        return None
    if type(iso8601) is not bool:
        raise CommandError(40521, f"iso8601 must evaluate to a bool, found {type_name(iso8601)}")
    local = zone.local(to_milliseconds(date))
    parts = split(local)._asdict()
    if not iso8601:
        return parts
    week = iso_week(local // MS_PER_DAY)
    time = {name: parts[name] for name in ("hour", "minute", "second", "millisecond")}
    return {"isoWeekYear": week.year, "isoWeek": week.week, "isoDayOfWeek": week.day, **time}
