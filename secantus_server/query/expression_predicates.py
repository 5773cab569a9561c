"""Translates the comparisons of an `$expr` to predicates, so that an index can serve them.

https://www.mongodb.com/docs/manual/reference/operator/query/expr/#behavior

An index serves a comparison of a field with a value that does not depend on the document, unless the index is multikey: a comparison in an
expression reads a whole array, while the index has keys for the array's elements. The bounds are never exact, because null and a missing
field have the same key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secantus_server.bson import encode, key_string
from secantus_server.mql.context import Collation
from secantus_server.mql.expressions._nodes import Constant, Expression, FieldPath, Variable, VariablePath
from secantus_server.mql.expressions.logic._logic import And, Compare
from secantus_server.query.bounds import EVERYTHING, End, FieldInterval, point
from secantus_server.query.predicates import RANGE_TYPES, Predicate, has_index_component, has_text, is_nan

_EMPTY_DOCUMENT = encode({})
# The operators that have intervals, with the operators for exchanged operands.
_EXCHANGED = {"$eq": "$eq", "$gt": "$lt", "$gte": "$lte", "$lt": "$gt", "$lte": "$gte"}


def expression_predicates(expression: Expression, collation: Collation | None, same_collation: bool) -> Iterator[Predicate]:
    """Yield the predicates that are necessary conditions of an expression. They can bound an index that is not multikey.

    Arguments:
        expression: the parsed argument of `$expr`.
        collation: the index's collation.
        same_collation: whether the query has the same collation.
    """
    for path, operator, value in _comparisons(expression):
        interval = _interval(operator, value, collation) if same_collation or not has_text(value) else None
        if interval is not None:
            # All matches of a multikey index may have their keys elsewhere.
            yield Predicate(path, [interval], False, escapes=True)


def _comparisons(expression: Expression) -> Iterator[tuple[str, str, Any]]:
    """Yield the path, operator and value of each comparison that is a necessary condition."""
    if type(expression) is And:
        for operand in expression.children():
            yield from _comparisons(operand)
    if type(expression) is not Compare or expression.operator not in _EXCHANGED:
        return
    first, second = expression.children()
    operator = expression.operator
    if type(second) is FieldPath:
        first, second, operator = second, first, _EXCHANGED[operator]
    # `a.0` is never an element of an array in an expression, but it is one in an index.
    if type(first) is FieldPath and type(second) in (Constant, Variable, VariablePath) and not has_index_component(first.path):
        yield first.path, operator, second.evaluate(_EMPTY_DOCUMENT)


def _interval(operator: str, value: Any, collation: Collation | None) -> FieldInterval | None:
    """Return the interval of the keys of all values for which a comparison is true, or None if an index cannot serve it.

    Unlike a range of a filter, the interval includes the values of all other types that are less or greater.
    """
    if operator == "$eq" and (value is None or type(value) is dict):
        return point(value, collation)
    if type(value) not in RANGE_TYPES or is_nan(value):
        return None
    if operator == "$eq":
        return point(value, collation)
    key, end = key_string(value, collation), End(value, collation)
    if operator in ("$gt", "$gte"):
        return EVERYTHING._replace(low=key, low_included=operator == "$gte", low_end=end)
    return EVERYTHING._replace(high=key, high_included=operator == "$lte", high_end=end)
