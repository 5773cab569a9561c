"""`$stdDevPop`, `$stdDevSamp`, `$median`, `$percentile`.

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


class DeviationState(State):
    """A standard deviation of the numbers of a group."""

    def __init__(self, expression: Expression, sample: bool) -> None:
        super().__init__(expression)
        self.deviation = Deviation(sample)

    def take_value(self, value: Any) -> None:
        """Takes a number in."""
        self.deviation.add(value)

    def result(self) -> float | None:
        """The deviation, or null of too few numbers."""
        return self.deviation.result()


class PercentilesState(State):
    """The numbers of a group, of which percentiles are asked."""

    def __init__(self, expression: Expression, points: list[float], method: str) -> None:
        super().__init__(expression)
        self.points = points
        self.method = method
        self.values: list[Any] = []

    def take_value(self, value: Any) -> None:
        """Keeps a number."""
        if is_number(value):
            self.values.append(value)

    def result(self) -> Any:
        """One value for each point; null of no numbers."""
        return percentiles(self.values, self.points, self.method)


class MedianState(PercentilesState):
    """The number in the middle."""

    def result(self) -> Any:
        """The median, or null of no numbers."""
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
    """Parses `{input, method}`."""
    fields = parse_fields("$median", argument, ("input", "method"))
    expression = parse_expression(fields["input"], ctx)
    return Accumulator((expression,), lambda: MedianState(expression, [0.5], fields["method"]))


@accumulator("$percentile")
def parse_percentile(argument: Any, ctx: ParseContext) -> Accumulator:
    """Parses `{input, p, method}`."""
    fields = parse_fields("$percentile", argument, ("input", "p", "method"))
    points = parse_points(fields["p"], ctx)
    expression = parse_expression(fields["input"], ctx)
    return Accumulator((expression,), lambda: PercentilesState(expression, points, fields["method"]))
