"""The accumulators `$mergeObjects`, `$concatArrays` and `$setUnion`, which merge the documents or arrays of a group.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/mergeObjects/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import key_string, type_name
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.accumulators._states import State, memory_exceeded, size_of
from secantus_server.mql.accumulators.registry import Accumulator, accumulator
from secantus_server.mql.context import Collation, ParseContext
from secantus_server.mql.expressions import Expression
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import parse_expression


class MergeObjectsState(State):
    """The state of `$mergeObjects`: a document with the fields of all documents. Null and missing values are ignored."""

    def __init__(self, expression: Expression) -> None:
        super().__init__(expression)
        self.merged: dict[str, Any] = {}

    def take_value(self, value: Any) -> None:
        """Merge a document into the result. Its fields replace existing fields with the same names."""
        if is_nullish(value):
            return
        if type(value) is not dict:
            raise CommandError(5911200, f"$mergeObjects only supports objects, but found: {type_name(value)}")
        self.merged.update(value)

    def result(self) -> dict[str, Any]:
        """Return the merged document."""
        return dict(self.merged)

    def memory(self) -> int:
        """Return the approximate memory in use, in bytes."""
        return size_of(self.merged)


class ConcatArraysState(State):
    """The state of `$concatArrays`: the items of all arrays. Missing values are ignored."""

    def __init__(self, expression: Expression, max_bytes: int) -> None:
        super().__init__(expression)
        self.items: list[Any] = []
        self.used = 0
        self.max_bytes = max_bytes

    def take_value(self, value: Any) -> None:
        """Append the items of an array."""
        if value is MISSING:
            return
        self.used += size_of(_checked_array("$concatArrays", value))
        if self.used > self.max_bytes:
            raise memory_exceeded("$concatArrays", self.max_bytes)
        self.items.extend(value)

    def result(self) -> list[Any]:
        """Return the items collected so far."""
        return list(self.items)

    def memory(self) -> int:
        """Return the approximate memory in use, in bytes."""
        return self.used


class SetUnionState(State):
    """The state of `$setUnion`: the distinct items of all arrays, in the order of their first occurrence."""

    def __init__(self, expression: Expression, collation: Collation | None, max_bytes: int) -> None:
        super().__init__(expression)
        self.collation = collation
        self.items: dict[bytes, Any] = {}
        self.used = 0
        self.max_bytes = max_bytes

    def take_value(self, value: Any) -> None:
        """Add the items of an array, without duplicates."""
        if value is MISSING:
            return
        for item in _checked_array("$setUnion", value):
            known = len(self.items)
            self.items.setdefault(key_string(item, self.collation), item)
            if len(self.items) > known:
                self.used += size_of(item)
                if self.used > self.max_bytes:
                    raise memory_exceeded("$setUnion", self.max_bytes)

    def result(self) -> list[Any]:
        """Return the items collected so far."""
        return list(self.items.values())

    def memory(self) -> int:
        """Return the approximate memory in use, in bytes."""
        return self.used


def _checked_array(name: str, value: Any) -> list[Any]:
    if type(value) is not list:
        raise CommandError(14, f"{name} requires array inputs, but input is of type {type_name(value)}")
    return value


@accumulator("$mergeObjects")
def parse_merge_objects(argument: Any, ctx: ParseContext) -> Accumulator:
    """Parse `$mergeObjects`."""
    expression = parse_expression(argument, ctx)
    return Accumulator((expression,), lambda: MergeObjectsState(expression))


@accumulator("$concatArrays")
def parse_concat_arrays(argument: Any, ctx: ParseContext) -> Accumulator:
    """Parse `$concatArrays`."""
    expression = parse_expression(argument, ctx)
    return Accumulator((expression,), lambda: ConcatArraysState(expression, ctx.limits.concat_arrays))


@accumulator("$setUnion")
def parse_set_union(argument: Any, ctx: ParseContext) -> Accumulator:
    """Parse `$setUnion`."""
    expression = parse_expression(argument, ctx)
    return Accumulator((expression,), lambda: SetUnionState(expression, ctx.collation, ctx.limits.set_union))
