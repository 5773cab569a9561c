"""The registry of update operators:

@modifier("$inc")
def inc(argument, path, ctx): ...          # returns the Leaf to put at the path

@tree_modifier("$rename")
def rename(builder, path, argument, ctx):  # adds its leaves to the tree itself
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.update._nodes import Leaf
from secantus_server.mql.update._tree import TreeBuilder

LeafParser = Callable[[Any, str, ParseContext], Leaf]
TreeParser = Callable[[TreeBuilder, str, Any, ParseContext], None]

_OPERATORS: dict[str, TreeParser] = {}


def modifier(name: str) -> Callable[[LeafParser], LeafParser]:
    """Register an operator that changes only the value at its path.

    Arguments:
        name: the operator with its `$`.
    """

    def register(parse: LeafParser) -> LeafParser:
        def enter(builder: TreeBuilder, path: str, argument: Any, ctx: ParseContext) -> None:
            builder.add(path, parse(argument, path, ctx))

        _add(name, enter)
        return parse

    return register


def tree_modifier(name: str) -> Callable[[TreeParser], TreeParser]:
    """Register an operator that changes values at several paths.

    Arguments:
        name: the operator with its `$`.
    """

    def register(parse: TreeParser) -> TreeParser:
        _add(name, parse)
        return parse

    return register


def find_modifier(name: str) -> TreeParser:
    """Return the parser of an operator.

    Raises:
        CommandError: 9 for an unknown operator.
    """
    parser = _OPERATORS.get(name)
    if parser is None:
        raise CommandError(9, f"Unknown modifier: {name}. Expected a valid update modifier or pipeline-style update specified as an array")
    return parser


def _add(name: str, parser: TreeParser) -> None:
    assert name not in _OPERATORS, f"two operators {name}"
    _OPERATORS[name] = parser
