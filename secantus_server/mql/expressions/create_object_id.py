"""The operator `$createObjectId`, which generates a new ObjectId for each document. It exists since MongoDB 8.3.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/createObjectId/
"""

from __future__ import annotations

from typing import Any

from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Expression, Function0
from secantus_server.mql.expressions.registry import operator_parser


@operator_parser("$createObjectId", since="8.3")
def parse_create_object_id(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$createObjectId: {}`. The expression is not treated as a constant, although it has no operands.

    Raises:
        CommandError: 9 for any other argument.
    """
    if type(argument) is not dict or argument:
        raise CommandError(9, "$createObjectId takes only an empty object as its argument")
    return Function0(ctx.generate_object_id)
