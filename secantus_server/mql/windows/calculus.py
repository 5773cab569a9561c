"""The window functions `$derivative` (the rate of change) and `$integral` (the area under the curve).

https://www.mongodb.com/docs/manual/reference/operator/aggregation/derivative/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/integral/
"""

from __future__ import annotations

import decimal
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from secantus_server.bson import is_number, type_name
from secantus_server.bson.numbers import DECIMAL_CONTEXT
from secantus_server.bson.values import MISSING, Date
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.expressions.dates.units import LENGTHS
from secantus_server.mql.windows.arithmetic import as_value, divided, has_decimal, numeric
from secantus_server.mql.windows.bounds import Bounds
from secantus_server.mql.windows.partition import Partition
from secantus_server.mql.windows.registry import Call, check_others, window_function

Points = list[tuple[Any, Any]]


class Curve:
    """A parsed `$derivative` or `$integral`. It computes each result from the points in a window.

    The x coordinate of a point is a document's sort value. The y coordinate is the value of `input`.

    Arguments:
        name: the function, for error messages.
        input: the expression of the y coordinate.
        unit: the length of the time unit in milliseconds, or None if the sort values are numbers.
        bounds: the window.
        compute_points: computes the result from a window's points and the unit.
    """

    def __init__(
        self, name: str, input: Expression, unit: int | None, bounds: Bounds, compute_points: Callable[[Points, int], Any]
    ) -> None:
        self.name = name
        self.input = input
        self.unit = unit
        self.bounds = bounds
        self.compute_points = compute_points

    def compute(self, partition: Partition) -> list[Any]:
        """Return the result for each document of a partition.

        Raises:
            CommandError: 5624901 to 5624903 for coordinates that are not numbers or dates.
        """
        xs = [self._position(value) for value in partition.positions]
        ys = [self.input.evaluate(document) for document in partition.documents]
        points = list(zip(xs, ys, strict=True))
        return [self._window(points[start:end]) for start, end in self.bounds.frames(partition)]

    def _window(self, points: Points) -> Any:
        if self.name == "$integral":
            points = [point for point in points if is_number(point[1])]
        else:
            points = [points[0], points[-1]] if len(points) > 2 else points
            if not all(is_number(y) for _, y in points):
                return _no_rate(points)
        decimals = has_decimal([value for point in points for value in point])
        with decimal.localcontext(DECIMAL_CONTEXT):
            return self.compute_points([(numeric(x, decimals), numeric(y, decimals)) for x, y in points], self.unit or 1)

    def _position(self, value: Any) -> Any:
        if self.unit is None:
            if not is_number(value):
                raise CommandError(5624902, f"{self.name} with a 'sortBy' that is no number needs a 'unit': found {type_name(value)}")
            return value
        if type(value) is not Date:
            raise CommandError(5624901, f"{self.name} with 'unit' expects the sortBy field to be a Date, found {type_name(value)}")
        return value.ms


def _no_rate(points: Points) -> None:
    for value in (points[0][1], points[-1][1]):
        if value is not None and value is not MISSING and not is_number(value):
            raise CommandError(5624903, f"$derivative input must be a number, found {type_name(value)}")


def _rate(points: Points, unit: int) -> Any:
    """Return the slope of the line from the first to the last point, per time unit."""
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return None
    return as_value(divided((points[-1][1] - points[0][1]) * unit, points[-1][0] - points[0][0]))


def _area(points: Points, unit: int) -> Any:
    """Return the area under the points according to the trapezoidal rule."""
    area: Any = 0.0
    for (x, y), (next_x, next_y) in pairwise(points):
        step = divided((next_x - x) * (y + next_y), 2)
        area = step if area == 0 else area + step
    return as_value(divided(area, unit) if points else None)


def _register(name: str, compute: Callable[[Points, int], Any], needs_window: bool) -> None:
    @window_function(name)
    def parse(call: Call, ctx: ParseContext) -> Curve:
        check_others(name, call)
        argument = call.argument
        if type(argument) is not dict or "input" not in argument or not set(argument) <= {"input", "unit"}:
            raise CommandError(9, f"{name} expects an object with 'input' and 'unit'")
        if not call.order.is_single:
            raise CommandError(9, f"{name} requires a sortBy with exactly one element")
        if needs_window and call.window is None:
            raise CommandError(9, f"{name} requires explicit window bounds")
        return Curve(name, parse_expression(argument["input"], ctx), _unit(name, argument.get("unit")), call.bounds(), compute)


def _unit(name: str, unit: Any) -> int | None:
    if unit is None:
        return None
    if type(unit) is not str or unit not in LENGTHS:
        raise CommandError(5490704, f"unit must be 'week' or smaller in {name}")
    return LENGTHS[unit]


_register("$derivative", _rate, True)
_register("$integral", _area, False)
