"""The accumulators `$firstN`, `$lastN`, `$minN` and `$maxN`, which return up to n values of a group.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/firstN/
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from secantus_server.bson.values import MISSING
from secantus_server.mql.accumulators._states import State, memory_exceeded, size_of
from secantus_server.mql.accumulators.registry import Accumulator, accumulator
from secantus_server.mql.accumulators.selection import in_order, parse_fields, parse_start
from secantus_server.mql.context import Collation, ParseContext
from secantus_server.mql.expressions import Expression
from secantus_server.mql.expressions.parser import parse_expression


class NValuesState(State):
    """The base class of accumulator states that store n values. It limits the memory that the values use.

    Arguments:
        expression: the argument of the accumulator.
        name: the name of the accumulator, for the error message.
        max_bytes: the memory limit.
    """

    def __init__(self, expression: Expression, name: str, max_bytes: int) -> None:
        super().__init__(expression)
        self.name = name
        self.max_bytes = max_bytes
        self.used = 0

    def grow(self, size: int) -> None:
        """Add `size` bytes to the memory in use.

        Raises:
            CommandError: 146 ExceededMemoryLimit if the memory limit is exceeded.
        """
        self.used += size
        if self.used > self.max_bytes:
            raise memory_exceeded(self.name, self.max_bytes)

    def memory(self) -> int:
        """Return the approximate memory in use, in bytes."""
        return self.used


class FirstNState(NValuesState):
    """The state of `$firstN`: the values of the group's first n documents. A missing value counts as null."""

    def __init__(self, expression: Expression, n: int, name: str, max_bytes: int) -> None:
        super().__init__(expression, name, max_bytes)
        self.n = n
        self.values: list[Any] = []

    def take_value(self, value: Any) -> None:
        """Store the value if fewer than n values have been stored."""
        if len(self.values) < self.n:
            self.grow(size_of(value))
            self.values.append(None if value is MISSING else value)

    def result(self) -> list[Any]:
        """Return the values in document order."""
        return list(self.values)


class LastNState(NValuesState):
    """The state of `$lastN`: the values of the group's last n documents. A missing value counts as null."""

    def __init__(self, expression: Expression, n: int, name: str, max_bytes: int) -> None:
        super().__init__(expression, name, max_bytes)
        self.n = n
        self.values: deque[Any] = deque()

    def take_value(self, value: Any) -> None:
        """Store the value and, if there are now more than n values, drop the oldest."""
        if len(self.values) == self.n:
            self.used -= size_of(self.values.popleft())
        self.grow(size_of(value))
        self.values.append(None if value is MISSING else value)

    def result(self) -> list[Any]:
        """Return the values in document order."""
        return list(self.values)


class ExtremesState(NValuesState):
    """The state of `$minN` and `$maxN`: the n least or greatest values of the group. Null and missing values are ignored."""

    def __init__(self, expression: Expression, n: int, greatest: bool, collation: Collation | None, name: str, max_bytes: int) -> None:
        super().__init__(expression, name, max_bytes)
        self.n = n
        self.greatest = greatest
        self.collation = collation
        self.values: list[Any] = []

    def take_value(self, value: Any) -> None:
        """Store the value. Occasionally, drop the stored values that cannot be among the n results."""
        self.values.append(value)
        self.used += size_of(value)
        if len(self.values) > 4 * self.n + 64 or self.used > self.max_bytes:
            self.values = self.result()
            self.used = 0
            self.grow(sum(map(size_of, self.values)))

    def result(self) -> list[Any]:
        """Return the values of `$minN` in ascending order, or the values of `$maxN` in descending order."""
        return in_order(self.values, self.n, self.greatest, self.collation)


def _register(name: str, state: Callable[[Expression, int, ParseContext, str, int], State]) -> None:
    @accumulator(name)
    def parse(argument: Any, ctx: ParseContext) -> Accumulator:
        fields = parse_fields(name, argument)
        expression = parse_expression(fields["input"], ctx)
        start = parse_start(fields["n"], ctx, lambda n: state(expression, n, ctx, name, ctx.limits.several))
        return Accumulator((expression,), start)


_register("$firstN", lambda expression, n, _ctx, *memory: FirstNState(expression, n, *memory))
_register("$lastN", lambda expression, n, _ctx, *memory: LastNState(expression, n, *memory))
_register("$minN", lambda expression, n, ctx, *memory: ExtremesState(expression, n, False, ctx.collation, *memory))
_register("$maxN", lambda expression, n, ctx, *memory: ExtremesState(expression, n, True, ctx.collation, *memory))
