"""The accumulators `$top`, `$topN`, `$bottom` and `$bottomN`, which return values from the first or last documents of a group in sort
order.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/topN/
"""

from __future__ import annotations

from bisect import insort
from typing import Any

from secantus_server.bson import type_name
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql import sort
from secantus_server.mql.accumulators._states import size_of
from secantus_server.mql.accumulators.first_n import NValuesState
from secantus_server.mql.accumulators.registry import Accumulator, accumulator
from secantus_server.mql.accumulators.selection import parse_start
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import Expression
from secantus_server.mql.expressions.parser import parse_expression


class OrderedState(NValuesState):
    """The state of `$topN` and `$bottomN`: the `output` values of the first or last n documents in sort order.

    Documents with equal sort keys remain in input order.
    """

    def __init__(self, expression: Expression, pattern: sort.SortPattern, n: int, last: bool, name: str, max_bytes: int) -> None:
        super().__init__(expression, name, max_bytes)
        self.pattern = pattern
        self.n = n
        self.last = last
        self.seen = 0
        self.kept: list[tuple[bytes, int, Any]] = []

    def add(self, doc: bytes) -> None:
        """Store the document's `output` value if the document is among the first or last n documents so far."""
        self.seen += 1
        entry = (self.pattern.key(doc), self.seen)
        if len(self.kept) == self.n:
            if (entry < self.kept[0][:2]) if self.last else (entry > self.kept[-1][:2]):
                return
            key, _, value = self.kept.pop(0 if self.last else -1)
            self.used -= len(key) + size_of(value)
        value = self.expression.evaluate(doc)
        self.grow(len(entry[0]) + size_of(value))
        insort(self.kept, (*entry, None if value is MISSING else value), key=lambda kept: kept[:2])

    def result(self) -> list[Any]:
        """Return the `output` values in sort order."""
        return [value for _, _, value in self.kept]


class SingleState(OrderedState):
    """The state of `$top` and `$bottom`: the `output` value of the first or last document in sort order."""

    def result(self) -> Any:
        """Return the `output` value, or null if there were no documents."""
        return self.kept[0][2] if self.kept else None


def _register(name: str, last: bool, several: bool) -> None:
    fields = ("n", "output", "sortBy") if several else ("output", "sortBy")
    state = OrderedState if several else SingleState

    @accumulator(name)
    def parse(argument: Any, ctx: ParseContext) -> Accumulator:
        _check_fields(name, argument, fields)
        pattern = sort.SortPattern.parse(argument["sortBy"], ctx)
        expression = parse_expression(argument["output"], ctx)
        start = parse_start(argument.get("n", 1), ctx, lambda n: state(expression, pattern, n, last, name, ctx.limits.several))
        return Accumulator((expression,), start)


def _check_fields(name: str, argument: Any, fields: tuple[str, ...]) -> None:
    if type(argument) is not dict:
        raise CommandError(5788001, f"specification must be an object; found {name}: {type_name(argument)}")
    for field in argument:
        if field not in fields:
            raise CommandError(5788002, f"Unknown argument to {name} '{field}'")
    for field, code in (("n", 5788003), ("output", 5788004), ("sortBy", 5788005)):
        if field in fields and field not in argument:
            raise CommandError(code, f"Missing value for '{field}'")
    if type(argument["sortBy"]) is not dict:
        raise CommandError(5788604, f"expected 'sortBy' to be an object, found {type_name(argument['sortBy'])}")


_register("$top", last=False, several=False)
_register("$topN", last=False, several=True)
_register("$bottom", last=True, several=False)
_register("$bottomN", last=True, several=True)
