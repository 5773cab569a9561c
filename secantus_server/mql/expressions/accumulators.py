"""The accumulators that are also expressions: `$sum`, `$avg`, `$min`, `$max`, standard deviations, medians and percentiles.

If an operator has a single argument that is an array, the values are the items of the array. If it has several arguments, each argument
is one value, even an array.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/sum/#-project-stage
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_server.bson import compare_values, key_string
from secantus_server.mql.context import Collation, ParseContext
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.numbers._arithmetic import Sum
from secantus_server.mql.expressions.numbers.statistics import Deviation, parse_fields, parse_points, percentiles
from secantus_server.mql.expressions.parser import call, parse_arguments, parse_expression
from secantus_server.mql.expressions.registry import operator_parser

Reduction = Callable[[list[Any]], Any]


def _register(name: str, make: Callable[[ParseContext], Reduction]) -> None:
    @operator_parser(name)
    def parse(argument: Any, ctx: ParseContext) -> Expression:
        reduce_values = make(ctx)

        def apply(*values: Any) -> Any:
            single = len(values) == 1 and type(values[0]) is list
            return reduce_values(values[0] if single else list(values))

        return call(apply, parse_arguments(name, argument, ctx, 0, None))


def _sum(values: list[Any]) -> Any:
    total = Sum()
    for value in values:
        total.add(value)
    return total.total()


def _average(values: list[Any]) -> Any:
    total = Sum()
    for value in values:
        total.add_to_mean(value)
    return total.average()


def _deviation(sample: bool) -> Reduction:
    def reduce_values(values: list[Any]) -> float | None:
        deviation = Deviation(sample)
        for value in values:
            deviation.add(value)
        return deviation.result()

    return reduce_values


def _extreme(sign: int, collation: Collation | None) -> Reduction:
    """Return a function that finds the least (sign -1) or greatest (sign 1) of several values.

    The function returns the first of several equal values, or null if there are no values.
    """

    def reduce_values(values: list[Any]) -> Any:
        best = None
        for value in values:
            if not is_nullish(value) and (best is None or sign * _order(value, best, collation) > 0):
                best = value
        return best

    return reduce_values


def _order(a: Any, b: Any, collation: Collation | None) -> int:
    if collation is None:
        return compare_values(a, b)
    left, right = key_string(a, collation), key_string(b, collation)
    return (left > right) - (left < right)


_register("$sum", lambda _ctx: _sum)
_register("$avg", lambda _ctx: _average)
_register("$min", lambda ctx: _extreme(-1, ctx.collation))
_register("$max", lambda ctx: _extreme(1, ctx.collation))
_register("$stdDevPop", lambda _ctx: _deviation(False))
_register("$stdDevSamp", lambda _ctx: _deviation(True))


@operator_parser("$median")
def parse_median(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$median: {input, method}`."""
    fields = parse_fields("$median", argument, ("input", "method"))

    def median(value: Any) -> float | None:
        return percentiles(_values(value), [0.5], fields["method"])[0]

    return call(median, [parse_expression(fields["input"], ctx)])


@operator_parser("$percentile")
def parse_percentile(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$percentile: {input, p, method}`."""
    fields = parse_fields("$percentile", argument, ("input", "p", "method"))
    points = parse_points(fields["p"], ctx)

    def percentile(value: Any) -> list[float | None]:
        return percentiles(_values(value), points, fields["method"])

    return call(percentile, [parse_expression(fields["input"], ctx)])


def _values(value: Any) -> list[Any]:
    return value if type(value) is list else [value]
