"""The window functions `$locf` and `$linearFill`, which replace null and missing values.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/locf/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/linearFill/
"""

from __future__ import annotations

import decimal
from itertools import pairwise
from typing import Any

from secantus_server.bson import is_number, type_name
from secantus_server.bson.numbers import DECIMAL_CONTEXT
from secantus_server.bson.values import Date
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.windows.arithmetic import as_value, divided, has_decimal, numeric
from secantus_server.mql.windows.partition import Partition
from secantus_server.mql.windows.registry import Call, check_others, window_function


class LastCarriedForward:
    """A parsed `$locf`, which returns the last value so far that is neither null nor missing."""

    def __init__(self, input: Expression) -> None:
        self.input = input

    def compute(self, partition: Partition) -> list[Any]:
        """Return the result for each document of a partition. It is null before the first value."""
        found: list[Any] = []
        last = None
        for document in partition.documents:
            value = self.input.evaluate(document)
            last = last if is_nullish(value) else value
            found.append(last)
        return found


class LinearFill:
    """A parsed `$linearFill`, which interpolates linearly between the nearest values before and after, as a function of the sort field."""

    def __init__(self, input: Expression) -> None:
        self.input = input

    def compute(self, partition: Partition) -> list[Any]:
        """Return the result for each document of a partition. It is null before the first value and after the last one.

        Raises:
            CommandError: 6050202 or 6050201 if a sort value or an input is not a number, 6050106 for a repeated sort value.
        """
        values = [self.input.evaluate(document) for document in partition.documents]
        for value in values:
            if not is_nullish(value) and not is_number(value):
                raise CommandError(6050201, f"Value to be filled must be numeric or nullish, but found {type_name(value)}")
        positions = [_position(value) for value in partition.positions]
        _check_distinct(partition.keys)
        known = [index for index, value in enumerate(values) if not is_nullish(value)]
        found = [None if is_nullish(value) else value for value in values]
        for left, right in pairwise(known):
            _fill(found, positions, left, right)
        return found


def _fill(values: list[Any], positions: list[Any], left: int, right: int) -> None:
    ends = [positions[left], positions[right], values[left], values[right]]
    decimals = has_decimal(ends)
    with decimal.localcontext(DECIMAL_CONTEXT):
        low, high, first, last = (numeric(value, decimals) for value in ends)
        slope = divided(last - first, high - low)
        for index in range(left + 1, right):
            values[index] = as_value(first + (numeric(positions[index], decimals) - low) * slope)


def _position(value: Any) -> Any:
    if type(value) is Date:
        return value.ms
    if not is_number(value):
        raise CommandError(6050202, f"$linearFill needs a sortBy of numbers or dates, but found {type_name(value)}")
    return value


def _check_distinct(keys: list[bytes]) -> None:
    for key, following in pairwise(keys):
        if key == following:
            raise CommandError(6050106, "There can be no repeated values in the sort field")


@window_function("$locf")
def parse_locf(call: Call, ctx: ParseContext) -> LastCarriedForward:
    """Parse `{$locf: expression}`.

    Raises:
        CommandError: 9 for a window, and the errors of the expression.
    """
    check_others("$locf", call)
    if call.window is not None:
        raise CommandError(9, "'window' field is not allowed in $locf")
    return LastCarriedForward(parse_expression(call.argument, ctx))


@window_function("$linearFill")
def parse_linear_fill(call: Call, ctx: ParseContext) -> LinearFill:
    """Parse `{$linearFill: expression}`.

    Raises:
        CommandError: 9 for a window, 605001 if there is not exactly one sort field, and the errors of the expression.
    """
    check_others("$linearFill", call)
    if call.window is not None:
        raise CommandError(9, "'window' field is not allowed in $linearFill")
    if not call.order.is_single:
        raise CommandError(605001, "$linearFill must be specified with a top level sortBy expression with exactly one element")
    return LinearFill(parse_expression(call.argument, ctx))
