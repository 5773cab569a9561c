"""The expression `$currentDate`, which returns the time of its evaluation. In contrast, `$$NOW` is the same for the whole command.

https://www.mongodb.com/docs/manual/release-notes/8.2/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.bson.values import Date
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Expression, Function0
from secantus_server.mql.expressions.registry import operator_parser


@operator_parser("$currentDate")
def parse_current_date(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$currentDate: {}`. The expression is not treated as a constant, although it has no operands.

    Raises:
        CommandError: 10065 for an argument that is not a document, 9 for a document that is not empty, 51144 if the context has no clock.
    """
    if type(argument) is not dict:
        raise CommandError(10065, f"invalid parameter: expected an object ($currentDate), found {type_name(argument)}")
    if argument:
        raise CommandError(9, "$currentDate does not accept arguments")
    clock_ms = ctx.clock_ms
    if clock_ms is None:
        raise CommandError(51144, "$currentDate is not available in this context")
    return Function0(lambda: Date(clock_ms()))
