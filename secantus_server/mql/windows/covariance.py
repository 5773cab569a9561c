"""`$covariancePop` and `$covarianceSamp`: the covariance of two numbers.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/covariancePop/
"""

from __future__ import annotations

import decimal
import math
from collections import Counter
from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson import is_number
from secantus_server.bson.numbers import DECIMAL_CONTEXT
from secantus_server.mql.accumulators import State
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.windows.arithmetic import as_value, divided, has_decimal, numeric
from secantus_server.mql.windows.bounds import UNBOUNDED
from secantus_server.mql.windows.partition import Partition
from secantus_server.mql.windows.registry import Call, check_others, window_function
from secantus_server.mql.windows.window_accumulator import WindowAccumulator


class CovarianceState(State):
    """A running covariance. A pair that is not finite is not counted, but makes the result infinite or NaN.

    Arguments:
        expression: the expression of the pair; anything but two numbers is ignored.
        sample: whether to compute the sample covariance (divide by n - 1).
    """

    def __init__(self, expression: Expression, sample: bool) -> None:
        super().__init__(expression)
        self.sample = sample
        self.count = 0
        self.extremes: Counter[str] = Counter()
        self.decimals = False
        self.sum_x: Any = 0.0
        self.sum_y: Any = 0.0
        self.product: Any = 0.0

    def take_value(self, value: Any) -> None:
        """Add a pair; any other value is ignored."""
        if not _is_pair(value):
            return
        extremes = _extremes(value)
        if extremes:
            self.extremes.update(extremes)
            return
        if not self.decimals and has_decimal(value):
            self.decimals = True
            self.sum_x, self.sum_y, self.product = (decimal.Decimal(number) for number in (self.sum_x, self.sum_y, self.product))
        with decimal.localcontext(DECIMAL_CONTEXT):
            self._take(numeric(value[0], self.decimals), numeric(value[1], self.decimals))

    def _take(self, x: Any, y: Any) -> None:
        """Update the co-moment (Welford): x's distance from the previous mean times y's distance from the new one."""
        distance = x - divided(self.sum_x, self.count) if self.count else x
        self.count += 1
        self.sum_x += x
        self.sum_y += y
        step = distance * (y - divided(self.sum_y, self.count))
        self.product += step

    def remove(self, value: Any) -> None:
        """Remove a pair that was added before, with the rounding errors that MongoDB's windows have."""
        if not _is_pair(value):
            return
        extremes = _extremes(value)
        if extremes:
            self.extremes -= Counter(extremes)
            return
        if self.count == 1:
            self.count = 0
            self.sum_x = self.sum_y = self.product = decimal.Decimal(0) if self.decimals else 0.0
            return
        with decimal.localcontext(DECIMAL_CONTEXT):
            x, y = numeric(value[0], self.decimals), numeric(value[1], self.decimals)
            mean_y = divided(self.sum_y, self.count)
            self.count -= 1
            self.sum_x -= x
            self.sum_y -= y
            self.product -= (x - divided(self.sum_x, self.count)) * (y - mean_y)

    def result(self) -> Any:
        """Return the covariance, or null if there are too few pairs."""
        if self.count < 2:
            return 0.0 if self.count == 1 and not self.sample else None
        if self.extremes:
            return sum(map(float, self.extremes))
        with decimal.localcontext(DECIMAL_CONTEXT):
            return as_value(divided(self.product, self.count - 1 if self.sample else self.count))


class SlidingCovariance(WindowAccumulator):
    """A covariance over windows whose lower bound moves. One state gains and loses pairs. Decimals are computed from scratch."""

    def compute(self, partition: Partition) -> list[Any]:
        """Return one value per document of a partition."""
        state: Any = self.start()
        found: list[Any] = []
        first = last = 0
        for begin, end in self.bounds.frames(partition):
            if begin >= last:
                # The new window does not overlap the previous one.
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
    """Return, as text, the numbers of a pair that are infinite or NaN."""
    return [str(float(str(number))) for number in pair if not math.isfinite(float(str(number))) and not _is_finite_decimal(number)]


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
