"""Where the query operators register: those of a filter (`$and`) and those of a field (`{a: {$gt: 1}}`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from secantus_server.mql.context import ParseContext
from secantus_server.mql.match._nodes import MatchExpression


@dataclass(frozen=True)
class Scope:
    """Where in a filter a parser is.

    Arguments:
        ctx: the surroundings of the command.
        forbidden: operators that the command does not allow, such as `$expr` in array filters.
        top_level: false inside `$elemMatch`, where operators for whole documents are not allowed.
        depth: how deep the filter is nested.
    """

    ctx: ParseContext
    forbidden: frozenset[str] = frozenset()
    top_level: bool = True
    depth: int = 0


@dataclass(frozen=True)
class Clause:
    """One operator of a field.

    Arguments:
        path: the field.
        name: the operator.
        argument: what stands to its right.
        siblings: all operators of the field, for those that belong together (`$regex` and `$options`).
        scope: where the field stands.
    """

    path: str
    name: str
    argument: Any
    siblings: dict[str, Any]
    scope: Scope


FilterParser = Callable[[str, Any, Scope], MatchExpression]
FieldParser = Callable[[Clause], "MatchExpression | None"]
_Parser = TypeVar("_Parser", bound=Callable[..., Any])

FILTER_OPERATORS: dict[str, FilterParser] = {}
FIELD_OPERATORS: dict[str, FieldParser] = {}


def filter_operator(*names: str) -> Callable[[_Parser], _Parser]:
    """Registers the parser of operators that stand where field names stand; it is given the name, the argument and the scope."""
    return _register(FILTER_OPERATORS, names)


def field_operator(*names: str) -> Callable[[_Parser], _Parser]:
    """Registers the parser of operators of a field; it may return None for an operator that another one has read."""
    return _register(FIELD_OPERATORS, names)


def _register(table: dict[str, Any], names: tuple[str, ...]) -> Callable[[_Parser], _Parser]:
    def register(parser: _Parser) -> _Parser:
        for name in names:
            assert name not in table, f"{name} is registered twice"
            table[name] = parser
        return parser

    return register
