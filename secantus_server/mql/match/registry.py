"""The registry of query operators. There are filter operators such as `$and`, and field operators as in `{a: {$gt: 1}}`.

A parser receives a `Clause` and returns a node. It returns None for an operator that does not affect the match, or that is evaluated by
another operator's parser.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any, TypeVar

from secantus_server.mql.context import ParseContext
from secantus_server.mql.match._nodes import MatchExpression
from secantus_server.records import record


@record(slots=True, eq=False)
class Scope:
    """The position of an operator in a filter, with the rules that apply there. Treat it as immutable.

    Arguments:
        ctx: the command's context.
        forbidden: operators that the command does not allow, such as `$expr` in array filters.
        top_level: False inside `$elemMatch`, where operators for whole documents are not allowed.
        conjunctive: whether every result must satisfy the conditions at this position, which `$near` requires.
        negated: whether the position is inside `$nor`.
        depth: the nesting depth in the filter.
        near: the `$near` and `$text` operators found so far. All positions share this list, because a filter may contain only one of
            these operators.
    """

    ctx: ParseContext
    forbidden: frozenset[str] = frozenset()
    top_level: bool = True
    conjunctive: bool = True
    negated: bool = False
    depth: int = 0
    near: list[str] = field(default_factory=list)

    def deeper(self) -> Scope:
        """Return a copy of the scope for the next nesting level."""
        # Call the constructor, because this runs for every condition and dataclasses.replace() would take a microsecond longer.
        return Scope(self.ctx, self.forbidden, self.top_level, self.conjunctive, self.negated, self.depth + 1, self.near)


@record(slots=True, eq=False)
class Clause:
    """An operator with its argument and its position in a filter. Do not modify instances.

    Arguments:
        name: the operator.
        argument: the operator's value.
        scope: the position in the filter.
        path: the field; empty for a filter operator.
        siblings: all operators of the same field, because some operators are parsed together (`$regex` and `$options`).
    """

    name: str
    argument: Any
    scope: Scope
    path: str = ""
    siblings: dict[str, Any] = field(default_factory=dict)


Parser = Callable[[Clause], "MatchExpression | None"]
_Parser = TypeVar("_Parser", bound=Parser)

FILTER_OPERATORS: dict[str, Parser] = {}
FIELD_OPERATORS: dict[str, Parser] = {}


def filter_operator(*names: str) -> Callable[[_Parser], _Parser]:
    """Return a decorator that registers the parser of filter operators, which are used in place of a field name."""
    return _register(FILTER_OPERATORS, names)


def field_operator(*names: str) -> Callable[[_Parser], _Parser]:
    """Return a decorator that registers the parser of field operators."""
    return _register(FIELD_OPERATORS, names)


def _register(table: dict[str, Parser], names: tuple[str, ...]) -> Callable[[_Parser], _Parser]:
    def register(parser: _Parser) -> _Parser:
        for name in names:
            assert name not in table, f"{name} is registered twice"
            table[name] = parser
        return parser

    return register
