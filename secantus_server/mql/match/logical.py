"""`$and`, `$or`, `$nor`, `$not`, `$alwaysTrue` and `$alwaysFalse`.

https://www.mongodb.com/docs/manual/reference/operator/query-logical/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import Regex
from secantus_server.errors import CommandError
from secantus_server.mql.match._nodes import AlwaysFalse, AlwaysTrue, MatchExpression, Nor, Not, Or
from secantus_server.mql.match.parser import conjunction, parse_conditions, parse_filter
from secantus_server.mql.match.regex import regex_match
from secantus_server.mql.match.registry import Clause, Scope, field_operator, filter_operator


def _parse_entries(name: str, argument: Any, scope: Scope) -> list[MatchExpression]:
    if type(argument) is not list:
        raise CommandError(2, f"{name} must be an array")
    if not argument:
        raise CommandError(2, "$and/$or/$nor must be a nonempty array")
    for entry in argument:
        if type(entry) is not dict:
            raise CommandError(2, "$or/$and/$nor entries need to be full objects")
    return [parse_filter(entry, scope) for entry in argument]


@filter_operator("$and")
def parse_and(name: str, argument: Any, scope: Scope) -> MatchExpression:
    """`$and`: all entries match."""
    return conjunction(_parse_entries(name, argument, scope))


@filter_operator("$or")
def parse_or(name: str, argument: Any, scope: Scope) -> MatchExpression:
    """`$or`: at least one entry matches."""
    children = _parse_entries(name, argument, scope)
    return children[0] if len(children) == 1 else Or(children)


@filter_operator("$nor")
def parse_nor(name: str, argument: Any, scope: Scope) -> MatchExpression:
    """`$nor`: no entry matches."""
    return Nor(_parse_entries(name, argument, scope))


@field_operator("$not")
def parse_not(clause: Clause) -> MatchExpression:
    """`$not`: the operators or the regular expression do not match."""
    argument = clause.argument
    if type(argument) is Regex:
        return Not(regex_match(clause.path, argument.pattern, argument.options))
    if type(argument) is not dict:
        raise CommandError(2, "$not needs a regex or a document")
    if not argument:
        raise CommandError(2, "$not cannot be empty")
    return Not(conjunction(parse_conditions(clause.path, argument, clause.scope)))


@filter_operator("$alwaysTrue", "$alwaysFalse")
def parse_always(name: str, argument: Any, scope: Scope) -> MatchExpression:
    """`$alwaysTrue` and `$alwaysFalse`, whose only argument is 1."""
    if isinstance(argument, bool) or argument != 1:
        raise CommandError(9, f"{name} must be an integer value of 1")
    return AlwaysTrue() if name == "$alwaysTrue" else AlwaysFalse()
