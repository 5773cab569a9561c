"""`$firstN`, `$lastN`, `$minN`, `$maxN`: up to n values of a group.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/firstN/
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from secantus_server.bson.values import MISSING
from secantus_server.errors import not_supported
from secantus_server.mql.accumulators._states import State
from secantus_server.mql.accumulators.registry import Accumulator, accumulator
from secantus_server.mql.accumulators.selection import checked_n, in_order, parse_fields
from secantus_server.mql.context import Collation, ParseContext
from secantus_server.mql.expressions import Constant, Expression
from secantus_server.mql.expressions.parser import parse_expression


class FirstNState(State):
    """The values of the first n documents; a missing value is null."""

    def __init__(self, expression: Expression, n: int) -> None:
        super().__init__(expression)
        self.n = n
        self.values: list[Any] = []

    def take_value(self, value: Any) -> None:
        """Keeps the value while there is room."""
        if len(self.values) < self.n:
            self.values.append(None if value is MISSING else value)

    def result(self) -> list[Any]:
        """The values in the order of the documents."""
        return list(self.values)


class LastNState(State):
    """The values of the last n documents; a missing value is null."""

    def __init__(self, expression: Expression, n: int) -> None:
        super().__init__(expression)
        self.values: deque[Any] = deque(maxlen=n)

    def take_value(self, value: Any) -> None:
        """Keeps the value and forgets the one n documents ago."""
        self.values.append(None if value is MISSING else value)

    def result(self) -> list[Any]:
        """The values in the order of the documents."""
        return list(self.values)


class ExtremesState(State):
    """The n least or greatest values; null and missing values do not take part."""

    def __init__(self, expression: Expression, n: int, greatest: bool, collation: Collation | None) -> None:
        super().__init__(expression)
        self.n = n
        self.greatest = greatest
        self.collation = collation
        self.values: list[Any] = []

    def take_value(self, value: Any) -> None:
        """Keeps the value, and now and then forgets those that can no longer be wanted."""
        self.values.append(value)
        if len(self.values) > 4 * self.n + 64:
            self.values = self.result()

    def result(self) -> list[Any]:
        """The values, the least or greatest first."""
        return in_order(self.values, self.n, self.greatest, self.collation)


def constant_n(spec: Any, ctx: ParseContext) -> int:
    """The `n` of an accumulator.

    Raises:
        CommandError: 238 for an `n` that depends on the group, 7548606 for one that is no positive whole number.
    """
    expression = parse_expression(spec, ctx)
    if not isinstance(expression, Constant):
        raise not_supported("An accumulator's 'n' that depends on the group", "write a constant 'n'")
    return checked_n(expression.value)


def _register(name: str, state: Callable[[Expression, int, ParseContext], State]) -> None:
    @accumulator(name)
    def parse(argument: Any, ctx: ParseContext) -> Accumulator:
        fields = parse_fields(name, argument)
        n = constant_n(fields["n"], ctx)
        expression = parse_expression(fields["input"], ctx)
        return Accumulator((expression,), lambda: state(expression, n, ctx))


_register("$firstN", lambda expression, n, _ctx: FirstNState(expression, n))
_register("$lastN", lambda expression, n, _ctx: LastNState(expression, n))
_register("$minN", lambda expression, n, ctx: ExtremesState(expression, n, False, ctx.collation))
_register("$maxN", lambda expression, n, ctx: ExtremesState(expression, n, True, ctx.collation))
