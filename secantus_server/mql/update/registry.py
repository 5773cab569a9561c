"""The registry of update operators. An operator is registered with one of two decorators:

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

# The two parsers of each operator: the one for a leaf, and the one for a part of the tree. One of the two is None.
_OPERATORS: dict[str, tuple[LeafParser | None, TreeParser | None]] = {}


def modifier(name: str) -> Callable[[LeafParser], LeafParser]:
    """Return a decorator that registers the parser of an operator that only changes the value at its path.

    Arguments:
        name: the operator's name, with its `$`.
    """

    def register(parse: LeafParser) -> LeafParser:
        _add(name, parse, None)
        return parse

    return register


def tree_modifier(name: str) -> Callable[[TreeParser], TreeParser]:
    """Return a decorator that registers the parser of an operator that changes values at several paths.

    Arguments:
        name: the operator's name, with its `$`.
    """

    def register(parse: TreeParser) -> TreeParser:
        _add(name, None, parse)
        return parse

    return register


def find_modifier(name: str) -> tuple[LeafParser | None, TreeParser | None]:
    """Return the parsers of an operator as (leaf parser, tree parser). One of the two is None, depending on the decorator that registered
    it.

    Raises:
        CommandError: 9 for an unknown operator.
    """
    parsers = _OPERATORS.get(name)
    if parsers is None:
        raise CommandError(9, f"Unknown modifier: {name}. Expected a valid update modifier or pipeline-style update specified as an array")
    return parsers


def modifiers() -> list[str]:
    """Return the names of all registered operators."""
    return list(_OPERATORS)


def _add(name: str, leaf: LeafParser | None, tree: TreeParser | None) -> None:
    assert name not in _OPERATORS, f"two operators {name}"
    _OPERATORS[name] = leaf, tree
