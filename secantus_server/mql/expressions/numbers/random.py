"""The expression `$rand`, which returns a different random number for each document.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/rand/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Expression, Function0
from secantus_server.mql.expressions.registry import operator_parser


@operator_parser("$rand")
def parse_rand(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$rand`, whose argument is an empty document or array. The expression is not treated as a constant, although it has no
    operands.

    Raises:
        CommandError: 10065 for an argument of another type, 3040501 for an argument that is not empty.
    """
    if type(argument) not in (dict, list):
        raise CommandError(10065, f"invalid parameter: expected an object ($rand), found {type_name(argument)}")
    if argument:
        raise CommandError(3040501, "$rand does not currently accept arguments")
    return Function0(ctx.random.random)
