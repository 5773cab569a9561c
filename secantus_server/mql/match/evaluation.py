"""The operators `$expr`, `$comment`, `$sampleRate` and `$where`.

https://www.mongodb.com/docs/manual/reference/operator/query-evaluation/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import is_number
from secantus_server.bson.numbers import python_number
from secantus_server.bson.values import JavaScript
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import parse_expression
from secantus_server.mql.field_paths import is_field_path
from secantus_server.mql.match._expression import ExprMatch, SampleRate, Where
from secantus_server.mql.match._nodes import MatchExpression
from secantus_server.mql.match.parser import check_top_level
from secantus_server.mql.match.registry import Clause
from secantus_server.mql.scripts import script_engine, source_of


def parse_expr(clause: Clause) -> MatchExpression:
    """Parse `$expr`, which matches if the value of an aggregation expression is true."""
    check_top_level(clause)
    ctx = clause.scope.ctx
    if ctx.collation is not None and _is_field_in_constants(clause.argument, ctx):
        ctx = ctx.changed(collation=None)
    return ExprMatch(parse_expression(clause.argument, ctx), clause.argument)


def _is_field_in_constants(argument: Any, ctx: ParseContext) -> bool:
    """Return whether an expression is `$in` with a field and a constant array. In an `$expr` of this form, MongoDB ignores the
    collation.
    """
    if type(argument) is not dict or list(argument) != ["$in"]:
        return False
    operands = argument["$in"]
    if type(operands) is not list or len(operands) != 2 or type(operands[1]) is not list:
        return False
    path = operands[0]
    return is_field_path(path) and parse_expression(operands[1], ctx).is_constant


def parse_comment(_clause: Clause) -> MatchExpression | None:
    """Accept and ignore `$comment`, which does not affect the match."""
    return None


def parse_sample_rate(clause: Clause) -> MatchExpression:
    """Parse `$sampleRate`, which matches each document with the given probability."""
    check_top_level(clause)
    if not is_number(clause.argument):
        raise CommandError(2, "argument to $sampleRate must be a numeric type")
    rate = float(python_number(clause.argument))
    if not 0 <= rate <= 1:
        raise CommandError(2, "numeric argument to $sampleRate must be in [0, 1]")
    return SampleRate(rate, clause.scope.ctx.random.random)


def parse_where(clause: Clause) -> MatchExpression:
    """Parse `$where`, whose argument is a JavaScript function, an expression or a sequence of statements.

    `$where` matches a document if the result of the code is true. The code can access the document as `this` and as `obj`.

    Raises:
        CommandError: 2 if the argument is not code, 139 for a syntax error, and the errors of `script_engine`.
    """
    check_top_level(clause)
    code = source_of(clause.argument)
    if code is None:
        raise CommandError(2, "$where got bad type")
    return Where(script_engine("$where", clause.scope.ctx).function(code).matches, JavaScript(code))
