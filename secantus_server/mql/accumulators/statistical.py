"""The accumulators `$stdDevPop`, `$stdDevSamp`, `$median` and `$percentile`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/stdDevPop/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import is_number
from secantus_server.mql.accumulators._states import State
from secantus_server.mql.accumulators.registry import Accumulator, accumulator
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import Expression
from secantus_server.mql.expressions.numbers.statistics import Deviation, parse_fields, parse_points, percentiles
from secantus_server.mql.expressions.parser import parse_expression

# The memory that a stored number counts for, as `size_of` counts it.
_NUMBER_BYTES = 16


class DeviationState(State):
    """The state of `$stdDevPop` and `$stdDevSamp`: the standard deviation of a group's numbers."""

    def __init__(self, expression: Expression, sample: bool) -> None:
        super().__init__(expression)
        self.deviation = Deviation(sample)

    def take_value(self, value: Any) -> None:
        """Add a number. Values that are not numbers are ignored."""
        self.deviation.add(value)

    def result(self) -> float | None:
        """Return the standard deviation, or null if there are too few numbers."""
        return self.deviation.result()


class PercentilesState(State):
    """The state of `$percentile`. It stores all numbers of a group, because the percentiles are computed at the end."""

    def __init__(self, expression: Expression, points: list[float], method: str) -> None:
        super().__init__(expression)
        self.points = points
        self.method = method
        self.values: list[Any] = []

    def take_value(self, value: Any) -> None:
        """Store a number. Values that are not numbers are ignored."""
        if is_number(value):
            self.values.append(value)

    def memory(self) -> int:
        """Return the approximate memory in use, in bytes."""
        return _NUMBER_BYTES * len(self.values)

    def result(self) -> Any:
        """Return one value for each requested percentile, or nulls if the group has no numbers."""
        return percentiles(self.values, self.points, self.method)


class MedianState(PercentilesState):
    """The state of `$median`, which is the 50th percentile."""

    def result(self) -> Any:
        """Return the median, or null if the group has no numbers."""
        return super().result()[0]


def _register_deviation(name: str, sample: bool) -> None:
    @accumulator(name)
    def parse(argument: Any, ctx: ParseContext) -> Accumulator:
        expression = parse_expression(argument, ctx)
        return Accumulator((expression,), lambda: DeviationState(expression, sample))


_register_deviation("$stdDevPop", False)
_register_deviation("$stdDevSamp", True)


@accumulator("$median")
def parse_median(argument: Any, ctx: ParseContext) -> Accumulator:
    """Parse `$median: {input, method}`."""
    fields = parse_fields("$median", argument, ("input", "method"))
    expression = parse_expression(fields["input"], ctx)
    return Accumulator((expression,), lambda: MedianState(expression, [0.5], fields["method"]))


@accumulator("$percentile")
def parse_percentile(argument: Any, ctx: ParseContext) -> Accumulator:
    """Parse `$percentile: {input, p, method}`."""
    fields = parse_fields("$percentile", argument, ("input", "p", "method"))
    points = parse_points(fields["p"], ctx)
    expression = parse_expression(fields["input"], ctx)
    return Accumulator((expression,), lambda: PercentilesState(expression, points, fields["method"]))
