"""The window functions `$covariancePop` and `$covarianceSamp`, which return the covariance of two numeric expressions.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/covariancePop/
"""

from __future__ import annotations

import decimal
import math
from collections import Counter
from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson import is_number
from secantus_server.bson.numbers import DECIMAL_CONTEXT, python_number, to_float
from secantus_server.mql.accumulators import State
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.windows.arithmetic import as_value, difference, divided, has_decimal, product
from secantus_server.mql.windows.bounds import UNBOUNDED
from secantus_server.mql.windows.partition import Partition
from secantus_server.mql.windows.registry import Call, check_others, window_function
from secantus_server.mql.windows.window_accumulator import WindowAccumulator


class RunningSum:
    """A running sum that adds up doubles and decimals separately, like MongoDB. The result is a decimal if any decimal was added."""

    __slots__ = ("decimals", "doubles")

    def __init__(self) -> None:
        self.doubles = 0.0
        self.decimals: decimal.Decimal | None = None

    def add(self, number: float | decimal.Decimal) -> None:
        """Add a number."""
        if type(number) is decimal.Decimal:
            self.decimals = (self.decimals or decimal.Decimal(0)) + number
        else:
            self.doubles += number  # type: ignore[operator]

    def value(self) -> float | decimal.Decimal:
        """Return the sum, which is a double unless a decimal was added."""
        if self.decimals is None:
            return self.doubles
        return self.decimals + DECIMAL_CONTEXT.create_decimal(self.doubles)


class CovarianceState(State):
    """A running covariance. Pairs with infinity or NaN are not added, but make the result infinite or NaN.

    Arguments:
        expression: the expression of the pair. Values other than two numbers are ignored.
        sample: True for the sample covariance, which divides by n - 1 instead of n.
    """

    def __init__(self, expression: Expression, sample: bool) -> None:
        super().__init__(expression)
        self.sample = sample
        self.extremes: Counter[str] = Counter()
        self.decimals = False
        self._start()

    def _start(self) -> None:
        self.count = 0
        self.sum_x, self.sum_y, self.product = RunningSum(), RunningSum(), RunningSum()

    def take_value(self, value: Any) -> None:
        """Add a pair of numbers. Any other value is ignored."""
        if not _is_pair(value):
            return
        extremes = _extremes(value)
        if extremes:
            self.extremes.update(extremes)
            return
        self.decimals = self.decimals or has_decimal(value)
        with decimal.localcontext(DECIMAL_CONTEXT):
            self._take(*map(python_number, value))

    def _take(self, x: Any, y: Any) -> None:
        """Add a finite pair by Welford's algorithm.

        The algorithm adds the product of two distances to the co-moment: the distance of x from the previous mean of x, and the distance
        of y from the new mean of y.
        """
        distance = difference(x, divided(self.sum_x.value(), self.count)) if self.count else x
        self.count += 1
        self.sum_x.add(x)
        self.sum_y.add(y)
        self.product.add(product(distance, difference(y, divided(self.sum_y.value(), self.count))))

    def remove(self, value: Any) -> None:
        """Remove a pair that was added before. The rounding errors are the same as in MongoDB's windows."""
        if not _is_pair(value):
            return
        extremes = _extremes(value)
        if extremes:
            self.extremes -= Counter(extremes)
            return
        if self.count == 1:
            self._start()
            return
        with decimal.localcontext(DECIMAL_CONTEXT):
            x, y = map(python_number, value)
            mean_y = divided(self.sum_y.value(), self.count)
            self.count -= 1
            self.sum_x.add(-x)
            self.sum_y.add(-y)
            self.product.add(-product(difference(x, divided(self.sum_x.value(), self.count)), difference(y, mean_y)))

    def result(self) -> Any:
        """Return the covariance, or null if there are too few pairs."""
        if self.count < 2:
            return 0.0 if self.count == 1 and not self.sample else None
        if self.extremes:
            return sum(map(float, self.extremes))
        with decimal.localcontext(DECIMAL_CONTEXT):
            return as_value(divided(self.product.value(), self.count - 1 if self.sample else self.count))


class SlidingCovariance(WindowAccumulator):
    """A covariance over sliding windows, whose lower bound moves.

    A single state is updated by adding and removing pairs. If there are decimals, each window is computed separately instead.
    """

    def compute(self, partition: Partition) -> list[Any]:
        """Return the covariance for each document of a partition."""
        state: Any = self.start()
        found: list[Any] = []
        first = last = 0
        for begin, end in self.bounds.frames(partition):
            if begin >= last:
                # Start with a new state, because the new window does not overlap the previous one.
                state, first, last = self.start(), begin, begin
            for document in partition.documents[last:end]:
                state.add(document)
            for document in partition.documents[first:begin]:
                state.remove(state.expression.evaluate(document))
            first, last = begin, max(last, end)
            if state.decimals:
                return super().compute(partition)
            found.append(state.result())
        return found


def _is_pair(value: Any) -> bool:
    return type(value) is list and len(value) == 2 and is_number(value[0]) and is_number(value[1])


def _extremes(pair: list[Any]) -> list[str]:
    """Return the numbers of a pair that are infinite or NaN, as strings."""
    return [str(to_float(number)) for number in pair if not math.isfinite(to_float(number)) and not _is_finite_decimal(number)]


def _is_finite_decimal(number: Any) -> bool:
    return type(number) is Decimal128 and bool(number.to_decimal().is_finite())


def _register(name: str, sample: bool) -> None:
    @window_function(name)
    def parse(call: Call, ctx: ParseContext) -> WindowAccumulator:
        check_others(name, call)
        expression = parse_expression(call.argument, ctx)
        bounds = call.bounds()
        kind = WindowAccumulator if bounds.lower == UNBOUNDED else SlidingCovariance
        return kind(lambda: CovarianceState(expression, sample), bounds)


_register("$covariancePop", False)
_register("$covarianceSamp", True)
