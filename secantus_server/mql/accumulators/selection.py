"""Helpers for the accumulators that select n values. They validate the arguments and sort the values.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/firstN/
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cmp_to_key
from typing import Any

from secantus_server.bson import compare_values, encode, key_string, type_name
from secantus_server.errors import CommandError
from secantus_server.mql.accumulators._states import State
from secantus_server.mql.context import Collation, ParseContext
from secantus_server.mql.expressions import Constant, Expression
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.numbers.integers import to_int64
from secantus_server.mql.expressions.parser import EMPTY_DOCUMENT, parse_expression
from secantus_server.mql.expressions.value_text import value_text


def parse_fields(name: str, argument: Any) -> dict[str, Any]:
    """Validate the argument `{n, input}` of an accumulator and return it.

    Raises:
        CommandError: 5787900 to 5787907 for a malformed argument.
    """
    if type(argument) is not dict:
        raise CommandError(5787900, f"specification must be an object; found {name}: {type_name(argument)}")
    for field in argument:
        if field not in ("n", "input"):
            raise CommandError(5787901, f"Unknown argument for 'n' operator: {field}")
    if "n" not in argument:
        raise CommandError(5787906, "Missing value for 'n'")
    if "input" not in argument:
        raise CommandError(5787907, "Missing value for 'input'")
    return argument


def checked_n(value: Any) -> int:
    """Validate an evaluated `n` and return it.

    Raises:
        CommandError: 7548606 if the value is not a positive integer.
    """
    n = to_int64(value)
    if n is None or n <= 0:
        raise CommandError(7548606, f"'n' must be a positive integer, but found {value_text(value)}")
    return n


class SizedStart:
    """A factory that creates the states of new groups, whose number of values `n` depends on the group key.

    The expression reads the fields of a group key that is a document. Any other key has no fields. A stage that does not know the group
    key calls the factory without a key.

    Arguments:
        n: the expression of the number of values.
        make: creates a state for a given number of values.
    """

    def __init__(self, n: Expression, make: Callable[[int], State]) -> None:
        self._n = n
        self._make = make

    def __call__(self) -> State:
        """Create a state for a group whose key is unknown or not a document.

        Raises:
            CommandError: 7548606 if `n` is not a positive integer, and the errors of its expression.
        """
        return self.for_group(None)

    def for_group(self, group: Any) -> State:
        """Create a state for the group with the given key.

        Raises:
            CommandError: 7548606 if `n` is not a positive integer, and the errors of its expression.
        """
        document = encode(group) if type(group) is dict else EMPTY_DOCUMENT
        return self._make(checked_n(self._n.evaluate(document)))


def parse_start(spec: Any, ctx: ParseContext, make: Callable[[int], State]) -> Callable[[], State]:
    """Parse the argument `n` of an accumulator, and return the function that creates the states of new groups.

    Arguments:
        spec: the value of `n`, an expression that may read the fields of the group key.
        ctx: the parse context.
        make: creates a state for a given number of values.

    Raises:
        CommandError: 7548606 if `n` is a constant but not a positive integer, and the errors of its expression.
    """
    expression = parse_expression(spec, ctx)
    if not isinstance(expression, Constant):
        return SizedStart(expression, make)
    n = checked_n(expression.value)
    return lambda: make(n)


def in_order(values: list[Any], n: int, greatest: bool, collation: Collation | None) -> list[Any]:
    """Return the n least values in ascending order, or the n greatest values in descending order. Null and missing values are ignored."""
    present = [value for value in values if not is_nullish(value)]
    if collation is None:
        present.sort(key=cmp_to_key(compare_values), reverse=greatest)
    else:
        present.sort(key=lambda value: key_string(value, collation), reverse=greatest)
    return present[:n]
