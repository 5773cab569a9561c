"""Standard deviations and percentiles, for both expressions and accumulators.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/percentile/
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from secantus_server.bson import is_number, type_name
from secantus_server.bson.numbers import to_float
from secantus_server.errors import CommandError
from secantus_server.mql.context import FixedCell, ParseContext
from secantus_server.mql.expressions._nodes import Expression, Variable, VariablePath
from secantus_server.mql.expressions.parser import EMPTY_DOCUMENT, parse_expression

METHODS = ("approximate", "discrete", "continuous")


class Deviation:
    """A running standard deviation, computed by Welford's algorithm.

    Arguments:
        sample: True for the sample standard deviation, which divides by n - 1 instead of n.
    """

    def __init__(self, sample: bool) -> None:
        self.sample = sample
        self.count = 0
        self.mean = 0.0
        self.squares = 0.0

    def add(self, value: Any) -> None:
        """Add a number. Values that are not numbers are ignored."""
        if not is_number(value):
            return
        number = to_float(value)
        self.count += 1
        distance = number - self.mean
        self.mean += distance / self.count
        self.squares += distance * (number - self.mean)

    def result(self) -> float | None:
        """Return the standard deviation, or None if there are too few numbers."""
        divisor = self.count - 1 if self.sample else self.count
        if divisor <= 0:
            return None
        # The squares of numbers whose differences overflow are -infinity.
        return math.nan if self.squares < 0 else math.sqrt(self.squares / divisor)


def percentiles(values: Iterable[Any], points: list[float], method: str) -> list[float | None]:
    """Return the requested percentiles of some values. If the values contain no numbers, each percentile is None.

    Arguments:
        values: values of any type; values that are not numbers are ignored.
        points: the requested percentiles, as numbers from 0 to 1.
        method: "continuous" interpolates between two numbers; all other methods return one of the numbers.
    """
    numbers = sorted((to_float(value) for value in values if is_number(value)), key=_nan_first)
    if not numbers:
        return [None] * len(points)
    at = _interpolated if method == "continuous" else _discrete
    return [at(numbers, point) for point in points]


def _nan_first(number: float) -> tuple[bool, float]:
    return (False, 0.0) if math.isnan(number) else (True, number)


def _discrete(numbers: list[float], point: float) -> float:
    return numbers[max(0, math.ceil(point * len(numbers)) - 1)]


def _interpolated(numbers: list[float], point: float) -> float:
    rank = point * (len(numbers) - 1)
    low, high = numbers[math.floor(rank)], numbers[math.ceil(rank)]
    return low if low == high else low + (high - low) * (rank - math.floor(rank))


def parse_fields(name: str, argument: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    """Validate the argument of `$median` or `$percentile` and return it. All of the given fields are required.

    Raises:
        CommandError: 7436200, 40414, 40415 for a malformed argument, 2 for an unknown method.
    """
    if type(argument) is not dict:
        raise CommandError(7436200, f"specification must be an object; found {name} :{type_name(argument)}")
    for field in argument:
        if field not in fields:
            raise CommandError(40415, f"BSON field '{name}.{field}' is an unknown field.")
    for field in fields:
        if field not in argument:
            raise CommandError(40414, f"BSON field '{name}.{field}' is missing but a required field")
    if argument["method"] not in METHODS:
        raise CommandError(2, "Currently only 'approximate', 'discrete' and 'continuous' can be used as percentile 'method'.")
    return argument


def parse_points(spec: Any, ctx: ParseContext) -> list[float]:
    """Parse the argument `p` of `$percentile`, an array of constant numbers from 0 to 1. Variables of the command's `let` are constants.

    Raises:
        CommandError: 7750300 to 7750303 for anything else.
    """
    expression = parse_expression(spec, ctx)
    if not _is_known(expression):
        raise CommandError(7750300, "The $percentile 'p' field must be an array of constant values")
    points = expression.evaluate(EMPTY_DOCUMENT)
    if type(points) is not list or not points:
        raise CommandError(7750301, "The $percentile 'p' field must be an array of numbers from [0.0, 1.0]")
    for point in points:
        if not is_number(point):
            raise CommandError(7750302, f"The $percentile 'p' field must be an array of numbers from [0.0, 1.0], but found: {point}")
        if not 0 <= to_float(point) <= 1:
            raise CommandError(7750303, f"The $percentile 'p' field must be an array of numbers from [0.0, 1.0], but found: {point}")
    return [to_float(point) for point in points]


def _is_known(expression: Expression) -> bool:
    """Return whether the value of an expression depends on nothing but constants and the variables of the command's `let`."""
    if isinstance(expression, Variable | VariablePath):
        return type(expression.cell) is FixedCell
    children = expression.children()
    return expression.is_constant or (bool(children) and all(map(_is_known, children)))
