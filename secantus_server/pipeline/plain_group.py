"""The `$group` stages that the express lane runs, whose result depends on nothing but the documents."""

from __future__ import annotations

from typing import Any

from secantus_server.bson import decode_unique
from secantus_server.bson.values import is_number
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import parse_expression
from secantus_server.pipeline.stages.group import Group, parse_accumulated_field

_ACCUMULATORS = frozenset(["$sum", "$avg", "$min", "$max", "$first", "$last", "$push", "$addToSet"])


def plain_group(spec: bytes) -> Group | None:
    """Return the parsed stage, which several commands may run one after the other, or None if its result may depend on the command.

    The groups must fit into memory.

    Arguments:
        spec: the stage's argument, as BSON bytes.

    Raises:
        CommandError: the argument is invalid.
    """
    fields = decode_unique(spec)
    group_id = fields.pop("_id", "")
    if not (group_id is None or _is_path(group_id)) or not all(map(_is_plain, fields.values())):
        return None
    context = ParseContext()
    accumulators = {name: parse_accumulated_field(name, value, context) for name, value in fields.items() if name}
    return Group(parse_expression(group_id, context), accumulators, None) if len(accumulators) == len(fields) else None


def _is_plain(value: Any) -> bool:
    if type(value) is not dict or len(value) != 1:
        return False
    ((operator, argument),) = value.items()
    return operator in _ACCUMULATORS and (is_number(argument) or _is_path(argument))


def _is_path(value: Any) -> bool:
    """Return whether an expression is a path, and not a variable."""
    return type(value) is str and value.startswith("$") and not value.startswith("$$")
