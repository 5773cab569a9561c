"""Validates operator arguments that name a time unit or a day of the week.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/dateAdd/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.dates.calendar import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND
from secantus_server.mql.expressions.nullish import is_nullish

# The lengths of units in milliseconds. Weeks and days have a fixed length only in local time, not in UTC.
LENGTHS = {
    "millisecond": 1,
    "second": MS_PER_SECOND,
    "minute": MS_PER_MINUTE,
    "hour": MS_PER_HOUR,
    "day": MS_PER_DAY,
    "week": 7 * MS_PER_DAY,
}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def to_unit(operator: str, value: Any) -> str:
    """Validate an evaluated unit that is not null, and return it.

    Raises:
        CommandError: 5439013 if the value is not a string, 9 if it is not a unit.
    """
    if type(value) is not str:
        raise CommandError(5439013, f"{operator} requires 'unit' to be a string, but got {type_name(value)}")
    if value not in LENGTHS and value not in MONTHS:
        raise CommandError(9, f"{operator} parameter 'unit' value cannot be recognized as a time unit: {value}")
    return value


def to_weekday(operator: str, value: Any) -> int:
    """Parse the name of a weekday and return its number, from 0 for Monday to 6 for Sunday.

    Case is ignored, and three-letter abbreviations are allowed.

    Raises:
        CommandError: 5439015 if the value is not a string, 5439016 if it is not a weekday.
    """
    if type(value) is not str:
        raise CommandError(5439015, f"{operator} requires 'startOfWeek' to be a string, but got {type_name(value)}")
    for index, name in enumerate(WEEKDAYS):
        if value.lower() in (name, name[:3]):
            return index
    raise CommandError(5439016, f"{operator} parameter 'startOfWeek' value cannot be recognized as a day of a week: {value}")


def check_unit(operator: str, expression: Expression) -> None:
    """Validate a unit during parsing if it is constant."""
    if type(expression) is Constant and not is_nullish(expression.value):
        to_unit(operator, expression.value)
