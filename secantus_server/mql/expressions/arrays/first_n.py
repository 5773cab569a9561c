"""The expressions `$firstN`, `$lastN`, `$minN` and `$maxN`, which select elements of an array.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/firstN-array-element/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/minN-array-element/
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from secantus_server.bson import is_number, key_string
from secantus_server.errors import CommandError
from secantus_server.mql.context import Collation, ParseContext
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.expressions.named_arguments import Signature
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.numbers.integers import to_int64
from secantus_server.mql.expressions.parser import call
from secantus_server.mql.expressions.registry import operator_parser
from secantus_server.mql.expressions.value_text import value_text


class Choice(NamedTuple):
    """A description of which array elements an operator selects.

    Arguments:
        direction: 1 or -1 to drop nulls and sort in that direction before selecting; 0 to preserve the order.
        at_end: whether the last elements are selected instead of the first.
    """

    direction: int = 0
    at_end: bool = False


CHOICES = {"$firstN": Choice(), "$lastN": Choice(at_end=True), "$minN": Choice(direction=1), "$maxN": Choice(direction=-1)}


def _n_values_parser(name: str, choice: Choice) -> Callable[[Any, ParseContext], Expression]:
    """Return the parser for an operator that selects n elements of an array."""
    signature = Signature(
        not_object=(5787900, f"specification must be an object; found {name}: {{found}}"),
        unknown=(5787901, f"Unknown argument for 'n' operator: {{name}} of {name}"),
        required={"n": (5787906, "Missing value for 'n'"), "input": (5787907, "Missing value for 'input'")},
    )

    def parse(argument: Any, ctx: ParseContext) -> Expression:
        return call(partial(_take, ctx.collation, choice), signature.parse(argument, ctx))

    return parse


def _take(collation: Collation | None, choice: Choice, n: Any, array: Any) -> list[Any]:
    count = _count(n)
    if type(array) is not list:
        raise CommandError(5788200, "Input must be an array")
    elements: list[Any] = array
    if choice.direction:
        present = [element for element in elements if not is_nullish(element)]
        elements = sorted(present, key=lambda element: key_string(element, collation), reverse=choice.direction < 0)
    return elements[-count:] if choice.at_end else elements[:count]


def _count(value: Any) -> int:
    if not is_number(value):
        raise CommandError(5787902, f"Value for 'n' must be of integral type, but found {value_text(value)}")
    number = to_int64(value)
    if number is None:
        raise CommandError(5787903, f"Value for 'n' must be of integral type, but found {value_text(value)}")
    if number <= 0:
        raise CommandError(5787908, f"'n' must be greater than 0, found {number}")
    return number


for _name, _choice in CHOICES.items():
    operator_parser(_name)(_n_values_parser(_name, _choice))
