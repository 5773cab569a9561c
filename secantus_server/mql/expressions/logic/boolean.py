"""The operators `$and`, `$or` and `$not`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#boolean-expression-operators
"""

from __future__ import annotations

from typing import Any

from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression, truthy
from secantus_server.mql.expressions.logic._logic import And, Not, Or
from secantus_server.mql.expressions.parser import fold, parse_arguments
from secantus_server.mql.expressions.registry import operator_parser


@operator_parser("$and")
def parse_and(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$and`. A false constant makes the whole expression false, even if another operand would raise an error."""
    operands = parse_arguments("$and", argument, ctx, 0, None)
    if any(isinstance(operand, Constant) and not truthy(operand.value) for operand in operands):
        return Constant(False)
    return And(operands) if not all(operand.is_constant for operand in operands) else Constant(True)


@operator_parser("$or")
def parse_or(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$or`. A true constant makes the whole expression true, even if another operand would raise an error."""
    operands = parse_arguments("$or", argument, ctx, 0, None)
    if any(isinstance(operand, Constant) and truthy(operand.value) for operand in operands):
        return Constant(True)
    return Or(operands) if not all(operand.is_constant for operand in operands) else Constant(False)


@operator_parser("$not")
def parse_not(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$not`."""
    (operand,) = parse_arguments("$not", argument, ctx, 1, 1)
    return fold(Not(operand))
