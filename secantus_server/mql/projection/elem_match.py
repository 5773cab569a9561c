"""The operator `$elemMatch` in the projection of a find: `{array: {$elemMatch: condition}}`.

https://www.mongodb.com/docs/manual/reference/operator/projection/elemMatch/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.mql.projection._apply import FirstMatch

_NEARNESS = ("$near", "$nearSphere", "$geoNear")


def parse_elem_match(path: str, argument: Any, ctx: ParseContext) -> FirstMatch:
    """Parse `$elemMatch` in a projection, which selects the first element of an array that matches a condition.

    Raises:
        CommandError: 31274 if the argument is not a document, 31275 for a dotted path, 5626500 for `$near`, 224 for `$jsonSchema`, and
            the errors of the condition itself.
    """
    if type(argument) is not dict:
        raise CommandError(31274, f"elemMatch: Invalid argument, object required, but got {type_name(argument)}")
    if "." in path:
        raise CommandError(31275, "Cannot use $elemMatch projection on a nested field.")
    if _asks_for_nearness(argument):
        raise CommandError(5626500, "$geoNear, $near, and $nearSphere are not allowed in this context")
    if "$jsonSchema" in argument:
        raise CommandError(224, "$jsonSchema is not allowed in this context")
    return FirstMatch(parse_match({path: {"$elemMatch": argument}}, ctx))


def _asks_for_nearness(condition: Any) -> bool:
    if type(condition) is list:
        return any(map(_asks_for_nearness, condition))
    return type(condition) is dict and any(name in _NEARNESS or _asks_for_nearness(value) for name, value in condition.items())
