"""The accumulators `$sum`, `$avg`, `$min`, `$max`, `$first`, `$last`, `$push`, `$addToSet` and `$count`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/group/#accumulator-operator
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.accumulators._states import (
    AddToSetState,
    AvgState,
    ExtremeState,
    FirstState,
    LastState,
    PushState,
    State,
    SumState,
)
from secantus_server.mql.accumulators.registry import Accumulator, accumulator
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import Constant, Expression
from secantus_server.mql.expressions.parser import parse_expression

#: The accumulators of this module. Their states depend on nothing but the values of their only expression.
TAKES_VALUE = frozenset(["$sum", "$avg", "$first", "$last", "$min", "$max", "$push", "$addToSet", "$count"])


def _register(name: str, state: Callable[[Expression], State]) -> None:
    @accumulator(name)
    def parse(argument: Any, ctx: ParseContext) -> Accumulator:
        expression = parse_expression(argument, ctx)
        return Accumulator((expression,), lambda: state(expression))


_register("$sum", SumState)
_register("$avg", AvgState)
_register("$first", FirstState)
_register("$last", LastState)


@accumulator("$min")
def parse_min(argument: Any, ctx: ParseContext) -> Accumulator:
    """Parse `$min`."""
    expression = parse_expression(argument, ctx)
    return Accumulator((expression,), lambda: ExtremeState(expression, -1, ctx.collation))


@accumulator("$max")
def parse_max(argument: Any, ctx: ParseContext) -> Accumulator:
    """Parse `$max`."""
    expression = parse_expression(argument, ctx)
    return Accumulator((expression,), lambda: ExtremeState(expression, 1, ctx.collation))


@accumulator("$push")
def parse_push(argument: Any, ctx: ParseContext) -> Accumulator:
    """Parse `$push`."""
    expression = parse_expression(argument, ctx)
    return Accumulator((expression,), lambda: PushState(expression, ctx.limits.push))


@accumulator("$addToSet")
def parse_add_to_set(argument: Any, ctx: ParseContext) -> Accumulator:
    """Parse `$addToSet`."""
    expression = parse_expression(argument, ctx)
    return Accumulator((expression,), lambda: AddToSetState(expression, ctx.collation, ctx.limits.add_to_set))


@accumulator("$count")
def parse_count(argument: Any, _ctx: ParseContext) -> Accumulator:
    """Parse `{$count: {}}`, which is implemented as a `$sum` of 1.

    Raises:
        CommandError: 14 if the argument is not a document, 9 if the document is not empty.
    """
    if type(argument) is not dict:
        raise CommandError(14, f"$count accumulator takes an empty object, but found: {type_name(argument)}")
    if argument:
        raise CommandError(9, "$count takes no arguments, i.e. $count:{}")
    one = Constant(1)
    return Accumulator((one,), lambda: SumState(one))
