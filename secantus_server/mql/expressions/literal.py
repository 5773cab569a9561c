"""The operator `$literal`, which returns its argument unparsed.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/literal/
"""

from __future__ import annotations

from typing import Any

from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.registry import operator_parser
from secantus_server.mql.expressions.string_limit import checked_string


@operator_parser("$literal")
def parse_literal(argument: Any, _ctx: ParseContext) -> Expression:
    """Parse `$literal`. The argument becomes a constant without being parsed."""
    return Constant(checked_string(argument) if type(argument) is str else argument)


@operator_parser("$const")
def parse_const(argument: Any, _ctx: ParseContext) -> Expression:
    """Parse `$const`, an older name of `$literal`."""
    return Constant(argument)
