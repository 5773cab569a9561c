"""The parser of updates in all three forms: update operators, a replacement document or a pipeline.

https://www.mongodb.com/docs/manual/reference/command/update/#std-label-update-command-u
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import secantus_server.mql.update.operators  # noqa: F401  (registers the operators)
from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.describe import describe_element
from secantus_server.mql.update._operator_update import OperatorUpdate
from secantus_server.mql.update._tree import TreeBuilder
from secantus_server.mql.update.array_filters import check_used, parse_array_filters
from secantus_server.mql.update.operators.current_date import current_timestamp
from secantus_server.mql.update.paths import dollar_prefixed
from secantus_server.mql.update.pipeline import parse_pipeline
from secantus_server.mql.update.registry import find_modifier
from secantus_server.mql.update.updates import EMPTY, PipelineUpdate, ReplacementUpdate, Update

# The result of an update of up to this depth cannot exceed MongoDB's limit of 200 levels, so its depth is not checked.
_SAFE_DEPTH = 90


def parse_update(
    u: dict[str, Any] | list[Any],
    ctx: ParseContext,
    *,
    array_filters: Sequence[Any] = (),
    multi: bool = False,
) -> Update:
    """Parse the update in an update statement.

    Arguments:
        u: update operators, a replacement document, or a pipeline.
        ctx: the context, with the time, variables and collation.
        array_filters: the statement's `arrayFilters`.
        multi: whether the statement updates all matching documents.

    Raises:
        CommandError: any error that MongoDB reports before it reads a document.
    """
    if type(u) is list:
        if array_filters:
            raise CommandError(9, "arrayFilters may not be specified for pipeline-syle updates")
        # As in MongoDB, constants in the pipeline are not evaluated in advance, so that an invalid constant is an error only if a document
        # matches.
        return PipelineUpdate(parse_pipeline(u, ctx.changed(defers_constant_errors=True)))
    if type(u) is not dict:
        raise CommandError(9, "Update argument must be either an object or an array")
    if next(iter(u), "").startswith("$"):
        return _parse_operators(u, ctx, array_filters)
    return _parse_replacement(u, ctx, array_filters, multi)


def _parse_operators(u: dict[str, Any], ctx: ParseContext, array_filters: Sequence[Any]) -> Update:
    filters = parse_array_filters(array_filters, ctx) if array_filters else {}
    builder = TreeBuilder(filters)
    deepest = 0
    for name, fields in u.items():
        parse_leaf, parse_tree = find_modifier(name)
        if type(fields) is not dict:
            raise CommandError(
                9,
                f"Modifiers operate on fields but we found type {type_name(fields)} instead. For example: "
                f"{{$mod: {{<field>: ...}}}} not {{{describe_element(name, fields)}}}",
            )
        for path, argument in fields.items():
            if parse_leaf is not None:
                builder.add(path, parse_leaf(argument, path, ctx))
            else:
                assert parse_tree is not None, "an operator has one parser"
                parse_tree(builder, path, argument, ctx)
            if type(argument) in (dict, list) or "." in path:
                deepest = max(deepest, path.count(".") + _depth(argument))
    if filters:
        check_used(filters, builder.used, u)
    deep = deepest > _SAFE_DEPTH or bool(builder.preparations)
    return OperatorUpdate(builder.build(), builder.paths, builder.modified, builder.preparations, deep=deep)


def _parse_replacement(u: dict[str, Any], ctx: ParseContext, array_filters: Sequence[Any], multi: bool) -> Update:
    if multi:
        raise CommandError(9, "multi update is not supported for replacement-style update")
    if array_filters:
        raise CommandError(9, "arrayFilters may not be specified for replacement-style updates")
    for name in u:
        if name.startswith("$"):
            raise dollar_prefixed(name, name)
    return ReplacementUpdate(u, EMPTY if ctx.keeps_empty_timestamps else current_timestamp(ctx))


def _depth(value: Any) -> int:
    """Return the nesting depth of a value, which is the number of levels of documents and arrays in it."""
    if type(value) is dict:
        return 1 + max(map(_depth, value.values()), default=0)
    if type(value) is list:
        return 1 + max(map(_depth, value), default=0)
    return 0
