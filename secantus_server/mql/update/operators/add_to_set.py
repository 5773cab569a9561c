"""The operator `$addToSet`.

https://www.mongodb.com/docs/manual/reference/operator/update/addToSet/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import key_string, type_name, values_equal
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.describe import describe_document
from secantus_server.mql.update._nodes import UNCHANGED, Leaf, State
from secantus_server.mql.update.registry import modifier


@modifier("$addToSet")
def parse_add_to_set(argument: Any, _path: str, ctx: ParseContext) -> Leaf:
    """Parse `$addToSet`, which appends values to an array unless the array already contains them.

    Raises:
        CommandError: 14 if `$each` is not an array, 2 for unknown fields next to `$each`.
    """
    values = _distinct(_parse_values(argument), ctx)

    def modify(old: Any, state: State) -> Any:
        if old is MISSING:
            return values
        if type(old) is not list:
            raise CommandError(
                2, f"Cannot apply $addToSet to non-array field. Field named '{state.field}' has non-array type {type_name(old)}"
            )
        new = _absent(values, old, ctx)
        return old + new if new else UNCHANGED

    return Leaf(modify)


def _parse_values(argument: Any) -> list[Any]:
    if type(argument) is not dict or next(iter(argument), None) != "$each":
        return [argument]
    values = argument["$each"]
    if type(values) is not list:
        raise CommandError(14, f"The argument to $each in $addToSet must be an array but it was of type {type_name(values)}")
    if len(argument) > 1:
        raise CommandError(2, f"Found unexpected fields after $each in $addToSet: {describe_document(argument)}")
    return values


def _distinct(values: list[Any], ctx: ParseContext) -> list[Any]:
    """Return the values without duplicates. Of several equal values, only the first one is returned."""
    found: dict[bytes, Any] = {}
    for value in values:
        found.setdefault(key_string(value, ctx.collation), value)
    return list(found.values())


def _absent(values: list[Any], old: list[Any], ctx: ParseContext) -> list[Any]:
    """Return the values that the array `old` does not contain."""
    if ctx.collation is None and len(values) == 1:
        return [] if any(values_equal(values[0], element) for element in old) else values
    present = {key_string(element, ctx.collation) for element in old}
    return [value for value in values if key_string(value, ctx.collation) not in present]
