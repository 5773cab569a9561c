"""The parser of aggregation expressions. It builds a tree of nodes and raises every error that does not depend on a document.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/

The parsers of operators use three helpers. `parse_arguments` parses positional arguments, `call` builds the node of a pure function, and
`fold` evaluates constant expressions in advance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import (
    ArrayNode,
    Constant,
    Expression,
    Function0,
    Function1,
    Function2,
    Function3,
    FunctionN,
    ObjectNode,
)
from secantus_server.mql.expressions.paths import parse_path_string, validate_field_name
from secantus_server.mql.expressions.registry import PlainOperator, find_operator
from secantus_server.mql.expressions.string_limit import checked_string
from secantus_server.mql.expressions.value_text import value_text

EMPTY_DOCUMENT = b"\x05\x00\x00\x00\x00"


class ConstantError(CommandError):
    """An error from evaluating a constant expression during parsing. A parser handles it if the constant may never be needed."""


class Failing(Expression):
    """The node of a constant expression that cannot be computed. Its evaluation raises the error."""

    def __init__(self, error: ConstantError) -> None:
        self.error = error

    def evaluate(self, _doc: bytes) -> Any:
        """Raise the error."""
        raise CommandError(self.error.code, self.error.message, self.error.labels, self.error.info)


def parse_expression(spec: Any, ctx: ParseContext) -> Expression:
    """Parse an aggregation expression.

    Arguments:
        spec: the expression. A string that starts with `$` is a path or a variable. A document is an operator or an object expression,
            and a list is an array of expressions. Everything else is a constant.
        ctx: the context, with the variables in scope, the time and the collation.

    Raises:
        CommandError: if MongoDB rejects the expression during parsing. If the error comes from evaluating a constant, it is a
            ConstantError, which is not raised if the context defers such errors.
    """
    kind = type(spec)
    if kind is str:
        return parse_path_string(spec, ctx) if spec[:1] == "$" else Constant(checked_string(spec))
    if not spec or kind not in (dict, list):
        return Constant(spec)
    # Use few calls per level of nesting, because a document may be 200 levels deep and Python's stack is limited.
    if kind is list:
        return fold(ArrayNode(_parse_all(spec, ctx)))
    name = next(iter(spec))
    if name[:1] != "$":
        return _parse_object(spec, ctx)
    if len(spec) > 1:
        raise _too_many_operators(spec)
    found = find_operator(name, ctx.release)
    try:
        if isinstance(found, PlainOperator):
            return call(found.function, parse_arguments(name, spec[name], ctx, found.minimum, found.maximum))
        return found(spec[name], ctx)
    except ConstantError as error:
        if ctx.defers_constant_errors:
            return Failing(error)
        raise


def _parse_all(specs: Iterable[Any], ctx: ParseContext) -> list[Expression]:
    nodes = []
    for spec in specs:
        nodes.append(parse_expression(spec, ctx))
    return nodes


def parse_arguments(name: str, argument: Any, ctx: ParseContext, minimum: int, maximum: int | None) -> list[Expression]:
    """Parse the positional arguments of an operator. A single argument may be specified without an array.

    Arguments:
        minimum, maximum: the allowed number of arguments. A maximum of None means no upper bound.

    Raises:
        CommandError: 16020 or 28667 for a wrong number of arguments.
    """
    specs = argument if type(argument) is list else [argument]
    _check_count(name, len(specs), minimum, maximum)
    return _parse_all(specs, ctx)


def call(function: Callable[..., Any], arguments: Sequence[Expression]) -> Expression:
    """Return a node that calls a pure function with evaluated arguments. If all arguments are constant, return the result as a constant
    node.
    """
    count = len(arguments)
    node: Expression
    if count == 1:
        node = Function1(function, arguments[0])
    elif count == 2:
        node = Function2(function, arguments[0], arguments[1])
    elif count == 3:
        node = Function3(function, arguments[0], arguments[1], arguments[2])
    elif count == 0:
        node = Function0(function)
    else:
        node = FunctionN(function, list(arguments))
    return fold(node)


def fold(node: Expression) -> Expression:
    """Replace a node by a constant with its value if all of its children are constants. Otherwise return the node unchanged.

    The node's `children()` must include every expression on which its value depends. A node without children is never replaced.
    """
    children = node.children()
    if not children or not all(child.is_constant for child in children):
        return node
    try:
        return Constant(node.evaluate(EMPTY_DOCUMENT))
    except CommandError as error:
        raise ConstantError(error.code, error.message, error.labels, error.info) from None


def _too_many_operators(spec: dict[str, Any]) -> CommandError:
    message = "an expression specification must contain exactly one field, the name of the expression. "
    return CommandError(15983, f"{message}Found {len(spec)} fields in {value_text(spec)}")


def _parse_object(spec: dict[str, Any], ctx: ParseContext) -> Expression:
    for name in spec:
        validate_field_name(name)
    return fold(ObjectNode(list(spec), _parse_all(spec.values(), ctx)))


def _check_count(name: str, count: int, minimum: int, maximum: int | None) -> None:
    if count >= minimum and (maximum is None or count <= maximum):
        return
    if minimum == maximum:
        raise CommandError(16020, f"Expression {name} takes exactly {minimum} arguments. {count} were passed in.")
    if maximum is None:
        raise CommandError(28667, f"Expression {name} takes at least {minimum} arguments, but {count} were passed in.")
    raise CommandError(28667, f"Expression {name} takes at least {minimum} arguments, and at most {maximum}, but {count} were passed in.")
