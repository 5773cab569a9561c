"""The window function `$expMovingAvg`, which returns the exponential moving average.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/expMovingAvg/
"""

from __future__ import annotations

import decimal
from typing import Any

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson import is_number, to_decimal, type_name
from secantus_server.bson.numbers import DECIMAL_CONTEXT
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.windows.arithmetic import as_value, has_decimal, numeric
from secantus_server.mql.windows.partition import Partition
from secantus_server.mql.windows.registry import Call, check_others, window_function


class ExpMovingAverage:
    """A parsed `$expMovingAvg`.

    Arguments:
        input: the expression of the numbers. For a document without a number, the result is the average so far.
        alpha: the weight of the newest number, as an exact fraction (numerator, denominator).
    """

    def __init__(self, input: Expression, alpha: tuple[decimal.Decimal, int]) -> None:
        self.input = input
        self.alpha = alpha

    def compute(self, partition: Partition) -> list[Any]:
        """Return the moving average for each document of a partition."""
        values = [self.input.evaluate(document) for document in partition.documents]
        decimals = has_decimal(values)
        numerator, denominator = self.alpha
        found: list[Any] = []
        average: Any = None
        with decimal.localcontext(DECIMAL_CONTEXT):
            weight = numerator / denominator if decimals else float(numerator) / denominator
            for value in values:
                if is_number(value):
                    number = numeric(value, decimals)
                    average = number if average is None else number * weight + average * (1 - weight)
                found.append(None if average is None else as_value(average))
        return found


@window_function("$expMovingAvg")
def parse_exp_moving_avg(call: Call, ctx: ParseContext) -> ExpMovingAverage:
    """Parse the argument of `$expMovingAvg`, which is `{input, N}` or `{input, alpha}`.

    Raises:
        CommandError: 9 for a malformed argument.
    """
    check_others("$expMovingAvg", call)
    argument = call.argument
    if type(argument) is not dict or len(argument) != 2 or "input" not in argument or not ({"N", "alpha"} & set(argument)):
        raise CommandError(9, "$expMovingAvg must have exactly one argument for 'input' and one of 'N' or 'alpha'")
    if call.window is not None:
        raise CommandError(9, "$expMovingAvg does not accept a 'window' field")
    if not call.order.spec:
        raise CommandError(9, "$expMovingAvg requires an explicit 'sortBy'")
    return ExpMovingAverage(parse_expression(argument["input"], ctx), _parse_alpha(argument))


def _parse_alpha(argument: dict[str, Any]) -> tuple[decimal.Decimal, int]:
    if "N" in argument:
        count = argument["N"]
        if type(count) is not int and type(count) is not Int64:
            raise CommandError(9, f"'N' field must be an integer, but found type {type_name(count)}.")
        if count <= 0:
            raise CommandError(9, f"'N' must be greater than zero. Got {count}")
        return decimal.Decimal(2), int(count) + 1
    alpha = argument["alpha"]
    if type(alpha) not in (float, Decimal128, int, Int64):
        raise CommandError(9, f"'alpha' must be a number, but found type {type_name(alpha)}")
    exact = to_decimal(alpha)
    if exact.is_nan() or not 0 < exact < 1:
        raise CommandError(9, f"'alpha' must be between 0 and 1 (exclusive), found alpha: {alpha}")
    return exact, 1
