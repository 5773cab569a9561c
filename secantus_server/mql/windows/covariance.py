"""`$covariancePop` and `$covarianceSamp`: the covariance of two numbers.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/covariancePop/
"""

from __future__ import annotations

import decimal
import math
from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson import is_number
from secantus_server.bson.numbers import DECIMAL_CONTEXT
from secantus_server.mql.accumulators import State
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.windows.arithmetic import as_value, divided, has_decimal, numeric
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
        self.infinite: float | None = None
        self.decimals = False
        self.sum_x: Any = 0.0
        self.sum_y: Any = 0.0
        self.product: Any = 0.0

    def take_value(self, value: Any) -> None:
        """Add a pair; any other value is ignored."""
        if type(value) is not list or len(value) != 2 or not is_number(value[0]) or not is_number(value[1]):
            return
        extremes = [float(str(number)) for number in value if not math.isfinite(float(str(number))) and not _is_finite_decimal(number)]
        if extremes:
            self.infinite = sum(extremes, self.infinite or 0.0)
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

    def result(self) -> Any:
        """Return the covariance, or null if there are too few pairs."""
        if self.count < 2:
            return 0.0 if self.count == 1 and not self.sample else None
        if self.infinite is not None:
            return self.infinite
        with decimal.localcontext(DECIMAL_CONTEXT):
            return as_value(divided(self.product, self.count - 1 if self.sample else self.count))


def _is_finite_decimal(number: Any) -> bool:
    return type(number) is Decimal128 and bool(number.to_decimal().is_finite())


def _register(name: str, sample: bool) -> None:
    @window_function(name)
    def parse(call: Call, ctx: ParseContext) -> WindowAccumulator:
        check_others(name, call)
        expression = parse_expression(call.argument, ctx)
        return WindowAccumulator(lambda: CovarianceState(expression, sample), call.bounds())


_register("$covariancePop", False)
_register("$covarianceSamp", True)
