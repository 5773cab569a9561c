"""The operator `$push` with the modifiers `$each`, `$position`, `$sort` and `$slice`.

https://www.mongodb.com/docs/manual/reference/operator/update/push/

The modifiers are applied in this order, regardless of their order in the argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secantus_server.bson import is_number, to_decimal, type_name
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.array_sort import SortKeys, sort_elements
from secantus_server.mql.context import ParseContext
from secantus_server.mql.describe import describe_id
from secantus_server.mql.update._nodes import UNCHANGED, Leaf, State
from secantus_server.mql.update.registry import modifier

_CLAUSES = ("$each", "$position", "$slice", "$sort")


@dataclass(frozen=True)
class _Push:
    """A parsed `$push`, which consists of the values to add and the modifiers to apply."""

    values: list[Any]
    position: int | None = None
    slice: int | None = None
    sort: SortKeys | None = None

    def apply(self, old: list[Any], ctx: ParseContext) -> list[Any]:
        place = len(old) if self.position is None else self.position
        if place < 0:
            place = max(0, len(old) + place)
        new = old[:place] + self.values + old[place:]
        if self.sort is not None:
            new = sort_elements(new, self.sort, ctx.collation)
        if self.slice is not None:
            new = new[: self.slice] if self.slice >= 0 else new[self.slice :]
        return new


@modifier("$push")
def parse_push(argument: Any, path: str, ctx: ParseContext) -> Leaf:
    """Parse `$push`, which appends a single value to an array, or several values with `$each`.

    Raises:
        CommandError: 2 for an invalid modifier.
    """
    push = _parse_clauses(argument) if type(argument) is dict and "$each" in argument else _Push([argument])

    def modify(old: Any, state: State) -> Any:
        if old is MISSING:
            return push.apply([], ctx)
        if type(old) is not list:
            raise CommandError(
                2,
                f"The field '{path}' must be an array but is of type {type_name(old)} in document {describe_id(state.document)}",
            )
        new = push.apply(old, ctx)
        return UNCHANGED if len(new) == len(old) and all(a is b for a, b in zip(new, old, strict=True)) else new

    leaf = Leaf(modify)
    leaf.appends = push.slice is None and push.sort is None
    return leaf


def _parse_clauses(argument: dict[str, Any]) -> _Push:
    for name in argument:
        if name not in _CLAUSES:
            raise CommandError(2, f"Unrecognized clause in $push: {name}")
    values = argument["$each"]
    if type(values) is not list:
        raise CommandError(2, f"The argument to $each in $push must be an array but it was of type: {type_name(values)}")
    return _Push(
        values,
        position=_whole_number(argument["$position"], "$position", ", not of type: ") if "$position" in argument else None,
        slice=_whole_number(argument["$slice"], "$slice", " but was given type: ") if "$slice" in argument else None,
        sort=_parse_sort(argument["$sort"]) if "$sort" in argument else None,
    )


def _whole_number(value: Any, clause: str, separator: str) -> int:
    if is_number(value):
        number = to_decimal(value)
        if number.is_finite() and number == int(number) and abs(number) < 2**63:
            return int(number)
    raise CommandError(2, f"The value for {clause} must be an integer value{separator}{type_name(value)}")


def _parse_sort(pattern: Any) -> SortKeys:
    if is_number(pattern):
        return [((), _descends(pattern))]
    if type(pattern) is not dict:
        raise CommandError(2, "The $sort is invalid: use 1/-1 to sort the whole element, or {field:1/-1} to sort embedded fields")
    if not pattern:
        raise CommandError(2, "The $sort pattern is empty when it should be a set of fields.")
    return [(_sort_path(path), _descends(direction)) for path, direction in pattern.items()]


def _descends(direction: Any) -> bool:
    if is_number(direction) and abs(number := to_decimal(direction)) == 1:
        return number < 0
    raise CommandError(2, "The $sort element value must be either 1 or -1")


def _sort_path(path: str) -> tuple[str, ...]:
    if not path:
        raise CommandError(2, "The $sort field cannot be empty")
    names = path.split(".")
    if "" in names:
        raise CommandError(2, f"The $sort field is a dotted field but has an empty part: {path}")
    return tuple(names)
