"""The operator `$dateFromString`, which parses a date.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/dateFromString/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.bson.values import Date
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.dates.formats import pieces
from secantus_server.mql.expressions.dates.parse_text import CONVERSION_FAILURE, FROM_STRING, parse_date_text, parse_formatted_date
from secantus_server.mql.expressions.dates.timezones import TimeZone, check_timezone, to_timezone
from secantus_server.mql.expressions.named_arguments import Signature
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import fold, parse_expression
from secantus_server.mql.expressions.registry import operator_parser
from secantus_server.mql.expressions.value_text import value_text

SIGNATURE = Signature(
    not_object=(40540, "$dateFromString only supports an object as an argument, found: {found}"),
    unknown=(40541, "Unrecognized argument to $dateFromString: {name}"),
    required={"dateString": (40542, "Missing 'dateString' parameter to $dateFromString")},
    optional={"format": None, "timezone": "UTC", "onNull": None, "onError": None},
)


class DateFromString(Expression):
    """The expression node of `$dateFromString`. `onNull` and `onError` are evaluated only on demand.

    The attributes `format` and `on_error` are None if the argument is absent.
    """

    def __init__(
        self, text: Expression, form: Expression | None, timezone: Expression, on_null: Expression, on_error: Expression | None
    ) -> None:
        self.text = text
        self.format = form
        self.timezone = timezone
        self.on_null = on_null
        self.on_error = on_error

    def evaluate(self, doc: bytes) -> Any:
        """Return the parsed date, or the value of `onNull` or `onError`. The result is null if the format or the time zone is null."""
        form = None if self.format is None else self.format.evaluate(doc)
        _check_format(form)
        zone = to_timezone(self.timezone.evaluate(doc))
        text = self.text.evaluate(doc)
        if is_nullish(text):
            return self.on_null.evaluate(doc)
        try:
            return self.date(text, form, zone)
        except CommandError as error:
            if error.code != CONVERSION_FAILURE or self.on_error is None:
                raise
        return self.on_error.evaluate(doc)

    def date(self, text: Any, form: Any, zone: TimeZone | None) -> Date | None:
        """Parse the evaluated `dateString`. Return null if the format or the time zone is null.

        Raises:
            CommandError: 241 if the string is not a date.
        """
        if type(text) is not str:
            found = f"{type_name(text)} with value {value_text(text)}"
            raise CommandError(CONVERSION_FAILURE, f"$dateFromString requires that 'dateString' be a string, found: {found}")
        if zone is None or (self.format is not None and is_nullish(form)):
            return None
        return Date(parse_date_text(text, zone) if self.format is None else parse_formatted_date(text, form, zone))

    def children(self) -> tuple[Expression, ...]:
        """Return the expressions of all arguments that are present."""
        optional = (argument for argument in (self.format, self.on_error) if argument is not None)
        return (self.text, self.timezone, self.on_null, *optional)


@operator_parser("$dateFromString")
def parse_date_from_string(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `{$dateFromString: {dateString, format, timezone, onNull, onError}}`.

    Raises:
        CommandError: 40540 to 40542 for a malformed argument. 18535, 18536, 40485, 40517 or 40684 for an invalid constant.
    """
    given = SIGNATURE.check(argument)
    form = parse_expression(given["format"], ctx) if "format" in given else None
    on_error = parse_expression(given["onError"], ctx) if "onError" in given else None
    timezone = parse_expression(given.get("timezone", "UTC"), ctx)
    if type(form) is Constant:
        _check_format(form.value)
    check_timezone(timezone)
    text, on_null = parse_expression(given["dateString"], ctx), parse_expression(given.get("onNull"), ctx)
    return fold(DateFromString(text, form, timezone, on_null, on_error))


def _check_format(value: Any) -> None:
    if is_nullish(value):
        return
    if type(value) is not str:
        found = f"{type_name(value)} with value {value_text(value)}"
        raise CommandError(40684, f"$dateFromString requires that 'format' be a string, found: {found}")
    pieces(value, FROM_STRING)
