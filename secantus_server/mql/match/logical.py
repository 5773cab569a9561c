"""The logical operators `$and`, `$or`, `$nor`, `$not`, `$alwaysTrue` and `$alwaysFalse`.

https://www.mongodb.com/docs/manual/reference/operator/query-logical/
"""

from __future__ import annotations

from secantus_server.bson import is_number
from secantus_server.bson.numbers import python_number
from secantus_server.bson.values import Regex
from secantus_server.errors import CommandError
from secantus_server.mql.match._nodes import AlwaysFalse, AlwaysTrue, MatchExpression, Nor, Not, Or
from secantus_server.mql.match.parser import conjunction, parse_conditions, parse_filter
from secantus_server.mql.match.regex import regex_match
from secantus_server.mql.match.registry import Clause, field_operator, filter_operator
from secantus_server.records import replace


def _parse_entries(clause: Clause, *, conjunctive: bool = False) -> list[MatchExpression]:
    if type(clause.argument) is not list:
        raise CommandError(2, f"{clause.name} must be an array")
    if not clause.argument:
        raise CommandError(2, "$and/$or/$nor must be a nonempty array")
    for entry in clause.argument:
        if type(entry) is not dict:
            raise CommandError(2, "$or/$and/$nor entries need to be full objects")
    negated = clause.scope.negated or clause.name == "$nor"
    scope = replace(clause.scope, conjunctive=clause.scope.conjunctive and conjunctive, negated=negated)
    return [parse_filter(entry, scope) for entry in clause.argument]


@filter_operator("$and")
def parse_and(clause: Clause) -> MatchExpression:
    """Parse `$and`, which matches if all of its filters match."""
    return conjunction(_parse_entries(clause, conjunctive=True))


@filter_operator("$or")
def parse_or(clause: Clause) -> MatchExpression:
    """Parse `$or`, which matches if at least one of its filters matches."""
    children = _parse_entries(clause)
    return children[0] if len(children) == 1 else Or(children)


@filter_operator("$nor")
def parse_nor(clause: Clause) -> MatchExpression:
    """Parse `$nor`, which matches if none of its filters matches."""
    return Nor(_parse_entries(clause))


@field_operator("$not")
def parse_not(clause: Clause) -> MatchExpression:
    """Parse `$not`, which negates a regular expression or a document of operators."""
    argument = clause.argument
    if type(argument) is Regex:
        return Not(regex_match(clause.path, argument.pattern, argument.options))
    if type(argument) is not dict:
        raise CommandError(2, "$not needs a regex or a document")
    if not argument:
        raise CommandError(2, "$not cannot be empty")
    return Not(conjunction(parse_conditions(clause.path, argument, replace(clause.scope, conjunctive=False))))


@filter_operator("$alwaysTrue", "$alwaysFalse")
def parse_always(clause: Clause) -> MatchExpression:
    """Parse `$alwaysTrue` or `$alwaysFalse`, whose only valid argument is 1."""
    if not is_number(clause.argument) or python_number(clause.argument) != 1:
        raise CommandError(9, f"{clause.name} must be an integer value of 1")
    return AlwaysTrue() if clause.name == "$alwaysTrue" else AlwaysFalse()
