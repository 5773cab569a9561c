"""`$covariancePop` and `$covarianceSamp`: how two numbers vary together.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/covariancePop/
"""

from __future__ import annotations

import decimal
from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson import is_number
from secantus_server.bson.numbers import DECIMAL_CONTEXT
from secantus_server.mql.accumulators import State
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.windows.numbers import as_value, divided, numeric
from secantus_server.mql.windows.over_frames import OverFrames
from secantus_server.mql.windows.registry import Call, check_others, window_function


class CovarianceState(State):
    """Pairs of numbers, taken in one by one (Welford's method).

    Arguments:
        expression: gives the pair; anything but two numbers is left out.
        sample: whether the pairs are a sample of a larger population.
    """

    def __init__(self, expression: Expression, sample: bool) -> None:
        super().__init__(expression)
        self.sample = sample
        self.count = 0
        self.decimals = False
        self.mean_x: Any = 0.0
        self.mean_y: Any = 0.0
        self.sum: Any = 0.0

    def take_value(self, value: Any) -> None:
        """Takes a pair in."""
        if type(value) is not list or len(value) != 2 or not is_number(value[0]) or not is_number(value[1]):
            return
        if not self.decimals and Decimal128 in (type(value[0]), type(value[1])):
            self.decimals = True
            self.mean_x, self.mean_y, self.sum = (decimal.Decimal(number) for number in (self.mean_x, self.mean_y, self.sum))
        x, y = numeric(value[0], self.decimals), numeric(value[1], self.decimals)
        with decimal.localcontext(DECIMAL_CONTEXT):
            self.count += 1
            delta = x - self.mean_x
            self.mean_x += divided(delta, self.count)
            self.mean_y += divided(y - self.mean_y, self.count)
            self.sum += delta * (y - self.mean_y)

    def result(self) -> Any:
        """The covariance, or null of too few pairs."""
        if self.count == 0 or (self.sample and self.count == 1):
            return None
        if self.count == 1:
            return 0.0
        return as_value(divided(self.sum, self.count - 1 if self.sample else self.count))


def _register(name: str, sample: bool) -> None:
    @window_function(name)
    def parse(call: Call, ctx: ParseContext) -> OverFrames:
        check_others(name, call)
        expression = parse_expression(call.argument, ctx)
        return OverFrames(lambda: CovarianceState(expression, sample), call.bounds())


_register("$covariancePop", False)
_register("$covarianceSamp", True)
