"""The window functions `$stdDevPop` and `$stdDevSamp` over sliding windows, whose lower bound moves.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/stdDevPop/
"""

from __future__ import annotations

import math
from typing import Any

from secantus_server.mql.accumulators import parse_accumulator
from secantus_server.mql.context import ParseContext
from secantus_server.mql.windows.bounds import UNBOUNDED
from secantus_server.mql.windows.registry import Call, as_expression, check_others, window_function
from secantus_server.mql.windows.window_accumulator import WindowAccumulator


class SlidingDeviation(WindowAccumulator):
    """A standard deviation over sliding windows, whose lower bound moves.

    As in MongoDB, the results of sliding windows differ from the results of other windows in two cases. They are null instead of NaN, and
    the int 0 instead of a double if the window has a single number.
    """

    def _of(self, documents: list[bytes]) -> Any:
        state: Any = self.start()
        for document in documents:
            state.add(document)
        result = state.result()
        if result is None or not math.isfinite(result):
            return None
        return 0 if state.deviation.count == 1 else result


def _register(name: str) -> None:
    @window_function(name)
    def parse(call: Call, ctx: ParseContext) -> WindowAccumulator:
        check_others(name, call)
        bounds = call.bounds()
        start = parse_accumulator(name, as_expression(call.argument), ctx).start
        return WindowAccumulator(start, bounds) if bounds.lower == UNBOUNDED else SlidingDeviation(start, bounds)


_register("$stdDevPop")
_register("$stdDevSamp")
