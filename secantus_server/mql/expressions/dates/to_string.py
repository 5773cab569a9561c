"""The operator `$dateToString`, which formats a date.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/dateToString/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.dates.coercion import to_milliseconds
from secantus_server.mql.expressions.dates.formats import ISO_FORMAT, LOCAL_FORMAT, TO_STRING, format_date, pieces
from secantus_server.mql.expressions.dates.timezones import check_timezone, to_timezone
from secantus_server.mql.expressions.named_arguments import Signature
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import fold
from secantus_server.mql.expressions.registry import operator_parser
from secantus_server.mql.expressions.value_text import value_text

# The default format. This object also marks an omitted format, whose actual default depends on the time zone.
DEFAULT_FORMAT = Constant(ISO_FORMAT)
SIGNATURE = Signature(
    not_object=(18629, "$dateToString only supports an object as its argument"),
    unknown=(18534, "Unrecognized argument to $dateToString: {name}"),
    required={"date": (18628, "Missing 'date' parameter to $dateToString")},
    optional={"format": None, "timezone": "UTC", "onNull": None},
)


class DateToString(Expression):
    """The expression node of `$dateToString`. `onNull` is evaluated only if the date is null."""

    def __init__(self, date: Expression, text: Expression, timezone: Expression, on_null: Expression) -> None:
        self.date = date
        self.format = text
        self.timezone = timezone
        self.on_null = on_null

    def evaluate(self, doc: bytes) -> Any:
        """Return the formatted date, the value of `onNull`, or null."""
        text = _checked_format(self.format.evaluate(doc))
        zone = to_timezone(self.timezone.evaluate(doc))
        date = self.date.evaluate(doc)
        if is_nullish(date):
            return self.on_null.evaluate(doc)
        if zone is None or text is None:
            return None
        if self.format is DEFAULT_FORMAT and not zone.is_utc:
            text = LOCAL_FORMAT
        return format_date(to_milliseconds(date), text, zone)

    def children(self) -> tuple[Expression, ...]:
        """Return the expressions of the four arguments."""
        return (self.date, self.format, self.timezone, self.on_null)


@operator_parser("$dateToString")
def parse_date_to_string(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `{$dateToString: {date, format, timezone, onNull}}`.

    Raises:
        CommandError: 18534, 18628 or 18629 for a malformed argument. 18533, 18535, 18536, 40485 or 40517 for an invalid constant.
    """
    date, text, timezone, on_null = SIGNATURE.parse(argument, ctx)
    if "format" not in argument:
        text = DEFAULT_FORMAT
    if type(text) is Constant:
        _checked_format(text.value)
    check_timezone(timezone)
    return fold(DateToString(date, text, timezone, on_null))


def _checked_format(value: Any) -> str | None:
    if is_nullish(value):
        return None
    if type(value) is not str:
        raise CommandError(
            18533, f"$dateToString requires that 'format' be a string, found: {type_name(value)} with value {value_text(value)}"
        )
    pieces(value, TO_STRING)
    return value
