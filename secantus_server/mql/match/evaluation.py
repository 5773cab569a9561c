"""`$expr`, `$comment`, `$sampleRate`, and the operators that need what the server does not have: `$where`, `$text`.

https://www.mongodb.com/docs/manual/reference/operator/query-evaluation/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import is_number
from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.match._expression import ExprMatch, SampleRate
from secantus_server.mql.match._nodes import AlwaysTrue, MatchExpression
from secantus_server.mql.match.numbers import plain_number
from secantus_server.mql.match.parser import check_top_level
from secantus_server.mql.match.registry import Clause, Scope, field_operator, filter_operator


@filter_operator("$expr")
def parse_expr(name: str, argument: Any, scope: Scope) -> MatchExpression:
    """`$expr`: an aggregation expression is true."""
    # Imported here because expressions are a package of their own that need not be loaded for a plain filter.
    from secantus_server.mql.expressions import parse_expression

    check_top_level(name, scope)
    return ExprMatch(parse_expression(argument, scope.ctx), argument)


@filter_operator("$comment")
def parse_comment(name: str, argument: Any, scope: Scope) -> MatchExpression:
    """`$comment` says nothing about documents."""
    return AlwaysTrue()


@field_operator("$comment")
def parse_field_comment(clause: Clause) -> MatchExpression | None:
    """`$comment` beside the operators of a field."""
    return None


@filter_operator("$sampleRate")
def parse_sample_rate(name: str, argument: Any, scope: Scope) -> MatchExpression:
    """`$sampleRate`: each document with this probability."""
    check_top_level(name, scope)
    if not is_number(argument):
        raise CommandError(2, "argument to $sampleRate must be a numeric type")
    rate = float(plain_number(argument))
    if not 0 <= rate <= 1:
        raise CommandError(2, "numeric argument to $sampleRate must be in [0, 1]")
    return SampleRate(rate, scope.ctx.random.random)


@filter_operator("$where")
def parse_where(name: str, argument: Any, scope: Scope) -> MatchExpression:
    """`$where` is JavaScript, which this server does not run."""
    check_top_level(name, scope)
    raise not_supported("$where", "there is no JavaScript engine; write the condition with $expr")


@filter_operator("$text")
def parse_text(name: str, argument: Any, scope: Scope) -> MatchExpression:
    """`$text` needs a text index."""
    check_top_level(name, scope)
    raise not_supported("$text", "use $regex")
