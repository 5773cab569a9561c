"""The operators `$eq`, `$ne`, `$gt`, `$gte`, `$lt`, `$lte`, `$in` and `$nin`.

https://www.mongodb.com/docs/manual/reference/operator/query-comparison/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import UNDEFINED, Regex
from secantus_server.differences import NULL_ON_DOTTED_PATHS
from secantus_server.errors import CommandError
from secantus_server.mql.match._comparison import Comparison, In
from secantus_server.mql.match._nodes import AlwaysFalse, MatchExpression, Not
from secantus_server.mql.match._regex import RegexMatch
from secantus_server.mql.match.parser import is_operator_document
from secantus_server.mql.match.regex import regex_match
from secantus_server.mql.match.registry import Clause, field_operator


def equality(clause: Clause, operand: Any) -> Comparison:
    """Return the node for the filter `{path: operand}` with the clause's path.

    Raises:
        CommandError: 2 if the operand is undefined.
    """
    _check_operand(operand)
    return Comparison(clause.path, "$eq", operand, clause.scope.ctx.collation, operand is None and _sees_null_through_arrays(clause))


def _sees_null_through_arrays(clause: Clause) -> bool:
    return clause.scope.ctx.release.has(NULL_ON_DOTTED_PATHS)


def _check_operand(operand: Any) -> None:
    if operand is UNDEFINED:
        raise CommandError(2, "cannot compare to undefined")


@field_operator("$eq")
def parse_eq(clause: Clause) -> MatchExpression:
    """Parse `$eq`. An operand that is a regular expression is compared as a value instead of being matched."""
    return equality(clause, clause.argument)


@field_operator("$ne")
def parse_ne(clause: Clause) -> MatchExpression:
    """Parse `$ne`, the negation of `$eq`."""
    if type(clause.argument) is Regex:
        raise CommandError(2, "Can't have regex as arg to $ne.")
    return Not(equality(clause, clause.argument))


@field_operator("$gt", "$gte", "$lt", "$lte")
def parse_order(clause: Clause) -> MatchExpression:
    """Parse `$gt`, `$gte`, `$lt` or `$lte`."""
    if type(clause.argument) is Regex:
        raise CommandError(2, f"Can't have RegEx as arg to predicate over field '{clause.path}'.")
    _check_operand(clause.argument)
    operand = clause.argument
    through = operand is None and clause.name in ("$gte", "$lte") and _sees_null_through_arrays(clause)
    return Comparison(clause.path, clause.name, operand, clause.scope.ctx.collation, through)


@field_operator("$in")
def parse_in(clause: Clause) -> MatchExpression:
    """Parse `$in`, which matches values that are equal to a listed value or match a listed regular expression."""
    if type(clause.argument) is not list:
        raise CommandError(2, f"{clause.name} needs an array")
    operands = []
    regexes: list[RegexMatch] = []
    for value in clause.argument:
        if is_operator_document(value):
            raise CommandError(2, "cannot nest $ under $in")
        _check_operand(value)
        if type(value) is Regex:
            regexes.append(regex_match(clause.path, value.pattern, value.options))
        else:
            operands.append(value)
    return _membership(clause, operands, regexes)


def _membership(clause: Clause, operands: list[Any], regexes: list[RegexMatch]) -> MatchExpression:
    if not operands and not regexes:
        return AlwaysFalse()
    if len(operands) == 1 and not regexes:
        return equality(clause, operands[0])
    if len(regexes) == 1 and not operands:
        return regexes[0]
    return In(clause.path, operands, regexes, clause.scope.ctx.collation, None in operands and _sees_null_through_arrays(clause))


@field_operator("$nin")
def parse_nin(clause: Clause) -> MatchExpression:
    """Parse `$nin`, the negation of `$in`."""
    return Not(parse_in(clause))
