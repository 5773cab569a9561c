"""The parsers of `$addFields` (or `$set`) and `$unset`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/addFields/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/unset/
"""

from __future__ import annotations

from typing import Any

from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.describe import describe_document
from secantus_server.mql.expressions import parse_expression
from secantus_server.mql.projection._apply import Drop, Evaluated
from secantus_server.mql.projection.paths import PathTree, check_path
from secantus_server.mql.projection.projections import Projection


def parse_add_fields(spec: dict[str, Any], ctx: ParseContext, *, stage: str = "$addFields") -> Projection:
    """Parse the document of `$addFields` or `$set`, which maps fields to expressions. Nested documents represent paths.

    Arguments:
        spec: the fields to set.
        ctx: the context, with variables and collation.
        stage: the name of the stage, for error messages.

    Raises:
        CommandError: any error that MongoDB reports before it reads a document.
    """
    tree = PathTree()
    try:
        for path, value in spec.items():
            check_path(path)
            _add(tree, path, value, ctx)
    except CommandError as error:
        raise error.with_message(f"Invalid {stage} :: caused by :: {error.message}") from None
    return Projection(tree.build(keeps_others=True), None)


def _add(tree: PathTree, path: str, value: Any, ctx: ParseContext) -> None:
    if type(value) is not dict or not value:
        _add_expression(tree, path, value, ctx)
        return
    operators = [name for name in value if name.startswith("$")]
    if operators and len(value) > 1:
        raise CommandError(
            40181,
            f"an expression specification must contain exactly one field, the name of the expression. Found {len(value)} fields in "
            f"{describe_document(value)}",
        )
    if operators:
        _add_expression(tree, path, value, ctx)
        return
    for name, below in value.items():
        if "." in name:
            raise CommandError(40183, f"cannot use dotted field name '{name}' in a sub object")
        check_path(name)
        _add(tree, f"{path}.{name}", below, ctx)


def _add_expression(tree: PathTree, path: str, value: Any, ctx: ParseContext) -> None:
    for other, _ in tree.leaves():
        if path == other or path.startswith(other + ".") or other.startswith(path + "."):
            raise CommandError(40176, f"specification contains two conflicting paths. Cannot specify both '{path}' and '{other}'")
    tree.add(path, Evaluated(parse_expression(value, ctx)))


def parse_unset(spec: Any, _ctx: ParseContext) -> Projection:
    """Parse the argument of `$unset`, which is a field to remove or an array of fields.

    Raises:
        CommandError: 31002, 31119 or 31120 for any other argument or an invalid path.
    """
    if type(spec) is str:
        spec = [spec]
    if type(spec) is not list:
        raise CommandError(31002, "$unset specification must be a string or an array")
    if not spec:
        raise CommandError(31119, "$unset specification must be a string or an array with at least one field")
    if any(type(path) is not str for path in spec):
        raise CommandError(31120, "$unset specification must be a string or an array containing only string values")
    tree = PathTree()
    try:
        # As in MongoDB, report a null byte in any path before other errors, even in earlier paths.
        for path in sorted(spec, key=lambda path: "\0" not in path):
            check_path(path)
            tree.add(path, Drop())
    except CommandError as error:
        raise error.with_message(f"Invalid $unset :: caused by :: {error.message}") from None
    return Projection(tree.build(keeps_others=True), None)
