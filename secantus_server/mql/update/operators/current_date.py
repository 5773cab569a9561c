"""The operator `$currentDate`.

https://www.mongodb.com/docs/manual/reference/operator/update/currentDate/
"""

from __future__ import annotations

from typing import Any

from bson.timestamp import Timestamp

from secantus_server.bson import type_name
from secantus_server.bson.values import timestamp_seconds
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.update._nodes import Leaf, State
from secantus_server.mql.update.registry import modifier


@modifier("$currentDate")
def parse_current_date(argument: Any, _path: str, ctx: ParseContext) -> Leaf:
    """Parse `$currentDate`, which sets a field to the time of the command, as a date or a timestamp.

    Raises:
        CommandError: 2 if the argument is neither a boolean nor a `$type` expression.
    """
    value = current_timestamp(ctx) if _wants_timestamp(argument) else ctx.now

    def modify(_old: Any, _state: State) -> Any:
        return value

    return Leaf(modify)


def current_timestamp(ctx: ParseContext) -> Timestamp:
    """Return the current cluster time. On a standalone server, return the command's time as a timestamp."""
    return ctx.cluster_time if ctx.cluster_time is not None else Timestamp(timestamp_seconds(ctx.now.ms), 1)


def _wants_timestamp(argument: Any) -> bool:
    if type(argument) is bool:
        return False
    if type(argument) is not dict:
        raise CommandError(
            2,
            f"{type_name(argument)} is not valid type for $currentDate. Please use a boolean ('true') or a $type expression "
            "({$type: 'timestamp/date'}).",
        )
    for name in argument:
        if name != "$type":
            raise CommandError(2, f"Unrecognized $currentDate option: {name}")
    if argument.get("$type") not in ("date", "timestamp"):
        raise CommandError(2, "The '$type' string field is required to be 'date' or 'timestamp': {$currentDate: {field : {$type: 'date'}}}")
    return bool(argument["$type"] == "timestamp")
