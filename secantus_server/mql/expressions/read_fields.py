"""Determines which fields of a document an expression reads."""

from __future__ import annotations

from secantus_server.mql.expressions._nodes import (
    ArrayNode,
    Constant,
    Expression,
    FieldPath,
    Function0,
    Function1,
    Function2,
    Function3,
    FunctionN,
    ObjectNode,
)
from secantus_server.mql.expressions.numbers._arithmetic import Add, Divide, Multiply, Subtract
from secantus_server.mql.expressions.strings._text import Case, Concat, Substring

# The nodes that read a document only through their children. Other nodes may also read the whole document or a variable.
_INNER = frozenset(
    [
        *(Add, Subtract, Multiply, Divide, Case, Concat, Substring),
        *(Constant, ObjectNode, ArrayNode, Function0, Function1, Function2, Function3, FunctionN),
    ]
)


def is_path(expression: Expression, path: str) -> bool:
    """Return whether an expression is the value at a path of the document."""
    return isinstance(expression, FieldPath) and expression.path == path


def read_fields(expression: Expression) -> frozenset[str] | None:
    """Return the top-level fields that an expression reads, or None if they are unknown."""
    if isinstance(expression, FieldPath):
        return frozenset([expression.path.partition(".")[0]])
    if type(expression) not in _INNER:
        return None
    found: frozenset[str] = frozenset()
    for child in expression.children():
        fields = read_fields(child)
        if fields is None:
            return None
        found |= fields
    return found
