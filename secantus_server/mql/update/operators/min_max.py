"""The operators `$min` and `$max`, which set a field to the smaller or greater of two values. They use MongoDB's order of all BSON types.

https://www.mongodb.com/docs/manual/reference/operator/update/min/
https://www.mongodb.com/docs/manual/reference/operator/update/max/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import compare_values, key_string
from secantus_server.bson.values import MISSING
from secantus_server.mql.context import ParseContext
from secantus_server.mql.update._nodes import UNCHANGED, Leaf, State
from secantus_server.mql.update.registry import modifier


def _extremum(argument: Any, direction: int, ctx: ParseContext) -> Leaf:
    """Return the update tree's leaf for `$min` (direction -1) or `$max` (direction 1)."""

    def modify(old: Any, _state: State) -> Any:
        return argument if old is MISSING or compare_values(argument, old) == direction else UNCHANGED

    def modify_collated(old: Any, _state: State) -> Any:
        if old is MISSING:
            return argument
        old_key = key_string(old, ctx.collation)
        return argument if (key < old_key if direction < 0 else key > old_key) else UNCHANGED

    if ctx.collation is None:
        return Leaf(modify)
    key = key_string(argument, ctx.collation)
    return Leaf(modify_collated)


@modifier("$min")
def parse_min(argument: Any, _path: str, ctx: ParseContext) -> Leaf:
    """Parse `$min`, which sets a field to the argument if the argument is less than the field's value."""
    return _extremum(argument, -1, ctx)


@modifier("$max")
def parse_max(argument: Any, _path: str, ctx: ParseContext) -> Leaf:
    """Parse `$max`, which sets a field to the argument if the argument is greater than the field's value."""
    return _extremum(argument, 1, ctx)
