"""A check of the filters that are used for positional projections and upserts."""

from __future__ import annotations

from secantus_server.mql.match import And, MatchExpression, Nor, Not, Or
from secantus_server.mql.match._expression import ExprMatch


def contains_expr(match: MatchExpression) -> bool:
    """Return whether a filter contains `$expr`.

    Callers check this, because `$expr` determines neither the array element for a positional `$` nor the values that an upsert inserts.
    """
    if isinstance(match, And | Or | Nor):
        return any(map(contains_expr, match.children))
    if isinstance(match, Not):
        return contains_expr(match.child)
    return isinstance(match, ExprMatch)
