"""The operator `$let`, which binds variables for one expression.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/let/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.context import Cell, ParseContext
from secantus_server.mql.expressions._nodes import Expression, Let
from secantus_server.mql.expressions.parser import fold, parse_expression
from secantus_server.mql.expressions.paths import validate_variable_name
from secantus_server.mql.expressions.registry import operator_parser


@operator_parser("$let")
def parse_let(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `{$let: {vars: {name: expression}, in: expression}}`.

    Raises:
        CommandError: 16874 to 16877 for a malformed argument, 10065 for an invalid `vars`, 9 for an invalid variable name.
    """
    if type(argument) is not dict:
        raise CommandError(16874, "$let only supports an object as its argument")
    for name in argument:
        if name not in ("vars", "in"):
            raise CommandError(16875, f"Unrecognized parameter to $let: {name}")
    if "vars" not in argument:
        raise CommandError(16876, "Missing 'vars' parameter to $let")
    if "in" not in argument:
        raise CommandError(16877, "Missing 'in' parameter to $let")
    specs = _variables(argument["vars"])
    for name in specs:
        validate_variable_name(name)
    values = [parse_expression(spec, ctx) for spec in specs.values()]
    cells = {name: Cell() for name in specs}
    body = parse_expression(argument["in"], ctx.child(**cells))
    return fold(Let(cells.values(), values, body))


def _variables(spec: Any) -> dict[str, Any]:
    """Return the expressions in `vars` by variable name.

    If `vars` is an array, its indexes are returned as names, which the caller then rejects as invalid variable names.
    """
    if type(spec) is dict:
        return spec
    if type(spec) is list:
        return {str(index): item for index, item in enumerate(spec)}
    raise CommandError(10065, f"invalid parameter: expected an object (vars), found {type_name(spec)}")
