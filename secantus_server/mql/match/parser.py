"""The parser of filters. It builds a tree of match nodes and raises all errors that the user can cause.

https://www.mongodb.com/docs/manual/reference/operator/query/
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from secantus_server.bson.values import Regex
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match._nodes import AlwaysTrue, And, MatchExpression
from secantus_server.mql.match.registry import FIELD_OPERATORS, FILTER_OPERATORS, Clause, Parser, Scope

# The fields of a DBRef. A document that starts with one of them is a value, not a document of operators.
DBREF_FIELDS = ("$ref", "$id", "$db")

MAX_DEPTH = 100

#: The operators that are allowed only in the filters of queries and writes.
NO_SCRIPT = frozenset(["$where"])

#: The operators that order the results by distance.
NEAR = frozenset(["$near", "$nearSphere", "$geoNear"])

#: The operators that are allowed only in the filters of queries.
QUERY_ONLY = NO_SCRIPT | NEAR | {"$text"}

#: The operators that conditions on array elements, such as those of `arrayFilters` and `$pull`, do not allow.
SPECIAL = QUERY_ONLY | {"$expr", "$jsonSchema"}


def parse_match(spec: dict[str, Any], ctx: ParseContext, *, forbidden: frozenset[str] = frozenset()) -> MatchExpression:
    """Parse a filter.

    Arguments:
        spec: the filter. An empty filter matches every document.
        ctx: the time, variables, collation and randomness for the expressions in the filter.
        forbidden: the operators that the command does not allow (`$expr`, `$where`, `$text`, `$near`, ...).

    Raises:
        CommandError: 2 BadValue, 9 FailedToParse, 14 TypeMismatch and others, as in MongoDB.
    """
    return parse_filter(spec, Scope(ctx, forbidden))


def parse_filter(spec: dict[str, Any], scope: Scope) -> MatchExpression:
    """Parse a filter that may be nested in another filter.

    Arguments:
        spec: the filter.
        scope: the position in the outermost filter.

    Raises:
        CommandError: see `parse_match`.
    """
    if scope.depth > MAX_DEPTH:
        raise CommandError(2, f"exceeded maximum query tree depth of {MAX_DEPTH}")
    inner = scope.deeper()
    children: list[MatchExpression] = []
    for name, value in spec.items():
        if name.startswith("$") and (scope.top_level or name not in DBREF_FIELDS):
            child = _parse_operator(name, value, inner)
            if child is not None:
                children.append(child)
        else:
            children.extend(_parse_field(name, value, inner))
    return conjunction(children)


def parse_conditions(path: str, spec: dict[str, Any], scope: Scope) -> list[MatchExpression]:
    """Parse a field's document of operators, such as `{$gt: 1, $lt: 5}`.

    Raises:
        CommandError: 2 for a key that is not a field operator, and the errors of the operators.
    """
    children: list[MatchExpression] = []
    for name, argument in spec.items():
        parser = FIELD_OPERATORS.get(name)
        if parser is None:
            raise CommandError(2, f"unknown operator: {name}")
        if name in scope.forbidden:
            raise _forbidden(name)
        child = parser(Clause(name, argument, scope, path, spec))
        if child is not None:
            children.append(child)
    return children


def conjunction(children: Iterable[MatchExpression]) -> MatchExpression:
    """Return a node that matches if all children match. A child that is an `And` is replaced by its own children."""
    flat: list[MatchExpression] = []
    for child in children:
        if type(child) is And:
            flat.extend(child.children)
        elif type(child) is not AlwaysTrue:
            flat.append(child)
    return flat[0] if len(flat) == 1 else And(flat)


def is_operator_document(value: Any) -> bool:
    """Return whether a value in a filter is a document of operators, as opposed to a value for comparison."""
    if type(value) is not dict or not value:
        return False
    first = next(iter(value))
    return first.startswith("$") and not ("$ref" in value and "$id" in value and first in DBREF_FIELDS)


def _parse_operator(name: str, value: Any, scope: Scope) -> MatchExpression | None:
    parser = _filter_parser(name)
    if name in scope.forbidden:
        raise _forbidden(name)
    return parser(Clause(name, value, scope))


def _forbidden(name: str) -> CommandError:
    if name in ("$near", "$nearSphere", "$geoNear"):
        return CommandError(5626500, "$geoNear, $near, and $nearSphere are not allowed in this context")
    return CommandError(224 if name in ("$expr", "$jsonSchema") else 2, f"{name} is not allowed in this context")


def check_top_level(clause: Clause) -> None:
    """Raise an error if an operator that applies to whole documents is used inside `$elemMatch`.

    Raises:
        CommandError: 2 BadValue.
    """
    if not clause.scope.top_level:
        raise CommandError(2, f"{clause.name} can only be applied to the top-level document")


def _filter_parser(name: str) -> Parser:
    parser = FILTER_OPERATORS.get(name)
    if parser is None:
        hint = "If you have a field name that starts with a '$' symbol, consider using $getField or $setField."
        raise CommandError(2, f"unknown top level operator: {name}. {hint}")
    return parser


def _parse_field(path: str, value: Any, scope: Scope) -> list[MatchExpression]:
    if is_operator_document(value):
        return parse_conditions(path, value, scope)
    operator = "$regex" if type(value) is Regex else "$eq"
    return parse_conditions(path, {operator: value}, scope)
