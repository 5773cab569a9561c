"""The operators `$all`, `$elemMatch` and `$size`.

https://www.mongodb.com/docs/manual/reference/operator/query-array/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import Regex
from secantus_server.errors import CommandError
from secantus_server.mql.match._elem_match import ElemMatchObject, ElemMatchValue
from secantus_server.mql.match._nodes import AlwaysFalse, MatchExpression
from secantus_server.mql.match._predicates import Size
from secantus_server.mql.match.comparison import equality
from secantus_server.mql.match.numbers import parse_size
from secantus_server.mql.match.parser import DBREF_FIELDS, conjunction, is_operator_document, parse_conditions, parse_filter
from secantus_server.mql.match.regex import regex_match
from secantus_server.mql.match.registry import FIELD_OPERATORS, FILTER_OPERATORS, Clause, field_operator
from secantus_server.records import replace


@field_operator("$size")
def parse_array_size(clause: Clause) -> MatchExpression:
    """Parse `$size`, which matches arrays of the given length."""
    return Size(clause.path, parse_size("$size", clause.argument, code=2, prefix="Failed to parse $size. ", bits=32))


@field_operator("$all")
def parse_all(clause: Clause) -> MatchExpression:
    """Parse `$all`, which matches if all listed values, regular expressions and `$elemMatch` documents match."""
    if type(clause.argument) is not list:
        raise CommandError(2, "$all needs an array")
    if not clause.argument:
        return AlwaysFalse()
    if _is_elem_match(clause.argument[0]):
        return conjunction(_parse_all_elem_match(clause, item) for item in clause.argument)
    return conjunction(_parse_all_value(clause, item) for item in clause.argument)


def _is_elem_match(item: Any) -> bool:
    return type(item) is dict and next(iter(item), None) == "$elemMatch"


def _parse_all_elem_match(clause: Clause, item: Any) -> MatchExpression:
    if not _is_elem_match(item) or len(item) != 1:
        raise CommandError(2, "$all/$elemMatch has to be consistent")
    return parse_elem_match(replace(clause, name="$elemMatch", argument=item["$elemMatch"], siblings=item))


def _parse_all_value(clause: Clause, item: Any) -> MatchExpression:
    if type(item) is Regex:
        return regex_match(clause.path, item.pattern, item.options)
    if is_operator_document(item) and next(iter(item)) in FIELD_OPERATORS:
        raise CommandError(2, "no $ expressions in $all")
    return equality(clause, item)


@field_operator("$elemMatch")
def parse_elem_match(clause: Clause) -> MatchExpression:
    """Parse `$elemMatch`, which matches if a single element of the array satisfies all conditions."""
    argument = clause.argument
    if type(argument) is not dict:
        raise CommandError(2, "$elemMatch needs an Object")
    inner = replace(clause.scope, top_level=False, conjunctive=False, depth=clause.scope.depth + 1)
    first = next(iter(argument), "")
    if first.startswith("$") and first not in FILTER_OPERATORS and first not in DBREF_FIELDS:
        return ElemMatchValue(clause.path, parse_conditions(clause.path, argument, inner))
    return ElemMatchObject(clause.path, parse_filter(argument, inner))
