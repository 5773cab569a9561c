"""The accumulators `$firstN`, `$lastN`, `$minN` and `$maxN`, which return up to n values of a group.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/firstN/
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from secantus_server.bson.values import MISSING
from secantus_server.errors import not_supported
from secantus_server.mql.accumulators._states import State, memory_exceeded, size_of
from secantus_server.mql.accumulators.registry import Accumulator, accumulator
from secantus_server.mql.accumulators.selection import checked_n, in_order, parse_fields
from secantus_server.mql.context import Collation, ParseContext
from secantus_server.mql.expressions import Constant, Expression
from secantus_server.mql.expressions.parser import parse_expression


class NValuesState(State):
    """Base class of the states that keep n values. It tracks the memory that the values use.

    Arguments:
        expression: the argument of the accumulator.
        name: the name of the accumulator, for the error.
        max_bytes: the memory limit.
    """

    def __init__(self, expression: Expression, name: str, max_bytes: int) -> None:
        super().__init__(expression)
        self.name = name
        self.max_bytes = max_bytes
        self.used = 0

    def grow(self, size: int) -> None:
        """Add `size` bytes to the memory used.

        Raises:
            CommandError: 146 ExceededMemoryLimit.
        """
        self.used += size
        if self.used > self.max_bytes:
            raise memory_exceeded(self.name, self.max_bytes)

    def memory(self) -> int:
        """Return the approximate memory used, in bytes."""
        return self.used


class FirstNState(NValuesState):
    """`$firstN`: the values of the first n documents. A missing value counts as null."""

    def __init__(self, expression: Expression, n: int, name: str, max_bytes: int) -> None:
        super().__init__(expression, name, max_bytes)
        self.n = n
        self.values: list[Any] = []

    def take_value(self, value: Any) -> None:
        """Keep the value if there are fewer than n values so far."""
        if len(self.values) < self.n:
            self.grow(size_of(value))
            self.values.append(None if value is MISSING else value)

    def result(self) -> list[Any]:
        """Return the values in document order."""
        return list(self.values)


class LastNState(NValuesState):
    """`$lastN`: the values of the last n documents. A missing value counts as null."""

    def __init__(self, expression: Expression, n: int, name: str, max_bytes: int) -> None:
        super().__init__(expression, name, max_bytes)
        self.n = n
        self.values: deque[Any] = deque()

    def take_value(self, value: Any) -> None:
        """Keep the value. If there are now more than n values, drop the oldest."""
        if len(self.values) == self.n:
            self.used -= size_of(self.values.popleft())
        self.grow(size_of(value))
        self.values.append(None if value is MISSING else value)

    def result(self) -> list[Any]:
        """Return the values in document order."""
        return list(self.values)


class ExtremesState(NValuesState):
    """`$minN` and `$maxN`: the n least or greatest values. Null and missing values are ignored."""

    def __init__(self, expression: Expression, n: int, greatest: bool, collation: Collation | None, name: str, max_bytes: int) -> None:
        super().__init__(expression, name, max_bytes)
        self.n = n
        self.greatest = greatest
        self.collation = collation
        self.values: list[Any] = []

    def take_value(self, value: Any) -> None:
        """Keep the value. From time to time, drop the values that cannot be among the n results."""
        self.values.append(value)
        self.used += size_of(value)
        if len(self.values) > 4 * self.n + 64 or self.used > self.max_bytes:
            self.values = self.result()
            self.used = 0
            self.grow(sum(map(size_of, self.values)))

    def result(self) -> list[Any]:
        """Return the values, in ascending order of the least ones or in descending order of the greatest ones."""
        return in_order(self.values, self.n, self.greatest, self.collation)


def constant_n(spec: Any, ctx: ParseContext) -> int:
    """Parse the `n` of an accumulator.

    Raises:
        CommandError: 238 if `n` is not constant, 7548606 if it is not a positive integer.
    """
    expression = parse_expression(spec, ctx)
    if not isinstance(expression, Constant):
        raise not_supported("An accumulator's 'n' that depends on the group", "write a constant 'n'")
    return checked_n(expression.value)


def _register(name: str, state: Callable[[Expression, int, ParseContext, str, int], State]) -> None:
    @accumulator(name)
    def parse(argument: Any, ctx: ParseContext) -> Accumulator:
        fields = parse_fields(name, argument)
        n = constant_n(fields["n"], ctx)
        expression = parse_expression(fields["input"], ctx)
        return Accumulator((expression,), lambda: state(expression, n, ctx, name, ctx.limits.several))


_register("$firstN", lambda expression, n, _ctx, *memory: FirstNState(expression, n, *memory))
_register("$lastN", lambda expression, n, _ctx, *memory: LastNState(expression, n, *memory))
_register("$minN", lambda expression, n, ctx, *memory: ExtremesState(expression, n, False, ctx.collation, *memory))
_register("$maxN", lambda expression, n, ctx, *memory: ExtremesState(expression, n, True, ctx.collation, *memory))
