"""Where the query operators register: those of a filter (`$and`) and those of a field (`{a: {$gt: 1}}`).

A parser is given a `Clause` and returns a node, or None for an operator that another one has read or that says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from secantus_server.mql.context import ParseContext
from secantus_server.mql.match._nodes import MatchExpression


@dataclass(slots=True, eq=False)
class Scope:
    """Where in a filter a parser is; nobody changes it.

    Arguments:
        ctx: the surroundings of the command.
        forbidden: operators that the command does not allow, such as `$expr` in array filters.
        top_level: false inside `$elemMatch`, where operators for whole documents are not allowed.
        conjunctive: whether every result must fulfil what stands here, as `$near` requires.
        negated: whether it stands under `$nor`.
        depth: how deep the filter is nested.
        near: the `$near` operators met so far in the whole filter, which may have only one.
    """

    ctx: ParseContext
    forbidden: frozenset[str] = frozenset()
    top_level: bool = True
    conjunctive: bool = True
    negated: bool = False
    depth: int = 0
    near: list[str] = field(default_factory=list)

    def deeper(self) -> Scope:
        """The same place one level further down."""
        # Every condition needs one: dataclasses.replace() would take a microsecond more.
        return Scope(self.ctx, self.forbidden, self.top_level, self.conjunctive, self.negated, self.depth + 1, self.near)


@dataclass(slots=True, eq=False)
class Clause:
    """One operator with its argument; nobody changes it.

    Arguments:
        name: the operator.
        argument: what stands to its right.
        scope: where it stands.
        path: the field; empty for an operator of a filter.
        siblings: the operators beside it, for those that belong together (`$regex` and `$options`).
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
    """Registers the parser of operators that stand where field names stand."""
    return _register(FILTER_OPERATORS, names)


def field_operator(*names: str) -> Callable[[_Parser], _Parser]:
    """Registers the parser of operators of a field."""
    return _register(FIELD_OPERATORS, names)


def _register(table: dict[str, Parser], names: tuple[str, ...]) -> Callable[[_Parser], _Parser]:
    def register(parser: _Parser) -> _Parser:
        for name in names:
            assert name not in table, f"{name} is registered twice"
            table[name] = parser
        return parser

    return register
