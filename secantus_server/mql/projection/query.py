"""What a projection or an upsert must know of the query beside it."""

from __future__ import annotations

from secantus_server.mql.match import And, MatchExpression, Nor, Not, Or
from secantus_server.mql.match._expression import ExprMatch


def contains_expr(match: MatchExpression) -> bool:
    """Whether the query has an `$expr`, which says nothing of single array elements or of values to insert."""
    if isinstance(match, And | Or | Nor):
        return any(map(contains_expr, match.children))
    if isinstance(match, Not):
        return contains_expr(match.child)
    return isinstance(match, ExprMatch)
