"""The window function `$minMaxScaler`, which scales a number relative to the least and the greatest number in its window.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/minMaxScaler/
"""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from typing import Any

from secantus_server.bson import compare_values, encode, is_number, type_name
from secantus_server.bson.numbers import DECIMAL_CONTEXT
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.windows.arithmetic import as_value, divided, has_decimal, numeric
from secantus_server.mql.windows.bounds import Bounds
from secantus_server.mql.windows.partition import Partition
from secantus_server.mql.windows.registry import Call, as_expression, check_others, window_function

NAME = "$minMaxScaler"
_NO_DOCUMENT = encode({})


class MinMaxScaler:
    """A parsed `$minMaxScaler`.

    Arguments:
        expression: the expression of the number to scale.
        low, high: the results for the least and the greatest number in the window.
        bounds: the window.
    """

    def __init__(self, expression: Expression, low: Any, high: Any, bounds: Bounds) -> None:
        self.expression = expression
        self.low = low
        self.high = high
        self.bounds = bounds

    def compute(self, partition: Partition) -> list[Any]:
        """Return the scaled number for each document of a partition.

        Raises:
            CommandError: 14 for a value that is not a number.
        """
        values = [_checked(self.expression.evaluate(document)) for document in partition.documents]
        decimals = has_decimal([*values, self.low, self.high])
        numbers = [numeric(value, decimals) for value in values]
        with decimal.localcontext(DECIMAL_CONTEXT):
            ranges = self._ranges(numbers, partition)
            return [self._scaled(number, *found, decimals) for number, found in zip(numbers, ranges, strict=True)]

    def _ranges(self, numbers: list[Any], partition: Partition) -> Iterator[tuple[Any, Any]]:
        """Yield the least and the greatest number in each document's window. If the window is empty, yield the document's own number
        twice.
        """
        last: tuple[int, int] | None = None
        least = greatest = None
        for number, frame in zip(numbers, self.bounds.frames(partition), strict=True):
            if frame != last:
                window = numbers[frame[0] : frame[1]]
                least, greatest = min(window, default=number), max(window, default=number)
                last = frame
            yield least, greatest

    def _scaled(self, number: Any, least: Any, greatest: Any, decimals: bool) -> Any:
        if least == greatest:
            return self.low
        low, high = numeric(self.low, decimals), numeric(self.high, decimals)
        return as_value(divided(number - least, greatest - least) * (high - low) + low)


def _checked(value: Any) -> Any:
    if not is_number(value):
        raise CommandError(14, f"{NAME} only supports numeric input, not {type_name(value)}")
    return value


@window_function(NAME)
def parse_min_max_scaler(call: Call, ctx: ParseContext) -> MinMaxScaler:
    """Parse the argument of `$minMaxScaler`, which is a numeric expression or `{input, min, max}`.

    Raises:
        CommandError: 9 for a malformed argument, and the errors of the expressions and the window.
    """
    check_others(NAME, call)
    argument = call.argument
    if type(argument) is not dict or (argument and next(iter(argument)).startswith("$")):
        return MinMaxScaler(parse_expression(as_expression(argument), ctx), 0, 1, call.bounds())
    for name in argument:
        if name not in ("input", "min", "max"):
            raise CommandError(9, f"{NAME} found an unknown argument: {name}")
    if "input" not in argument:
        raise CommandError(9, f"{NAME} requires an 'input' expression")
    low, high = _constant("min", argument.get("min", 0), ctx), _constant("max", argument.get("max", 1), ctx)
    if compare_values(low, high) >= 0:
        raise CommandError(9, f"{NAME} requires that 'min' is less than 'max'")
    return MinMaxScaler(parse_expression(as_expression(argument["input"]), ctx), low, high, call.bounds())


def _constant(name: str, spec: Any, ctx: ParseContext) -> Any:
    expression = parse_expression(spec, ctx)
    value = expression.evaluate(_NO_DOCUMENT) if expression.is_constant else None
    if not is_number(value):
        raise CommandError(9, f"{NAME} requires a constant number as '{name}'")
    return value
