"""`$firstN`, `$lastN`, `$minN`, `$maxN` over the elements of an array.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/firstN-array-element/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/minN-array-element/
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from secantus_server.bson import is_number, key_string
from secantus_server.errors import CommandError
from secantus_server.mql.context import Collation, ParseContext
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.expressions.integers import to_int64
from secantus_server.mql.expressions.named import Signature
from secantus_server.mql.expressions.numbers import is_nullish
from secantus_server.mql.expressions.parser import call
from secantus_server.mql.expressions.registry import operator_parser
from secantus_server.mql.expressions.value_text import value_text

Pick = Callable[[Collation | None, int, list[Any]], list[Any]]


def _first(collation: Collation | None, count: int, array: list[Any]) -> list[Any]:
    return array[:count]


def _last(collation: Collation | None, count: int, array: list[Any]) -> list[Any]:
    return array[-count:]


def _smallest(collation: Collation | None, count: int, array: list[Any]) -> list[Any]:
    return _sorted(collation, array, reverse=False)[:count]


def _largest(collation: Collation | None, count: int, array: list[Any]) -> list[Any]:
    return _sorted(collation, array, reverse=True)[:count]


def _sorted(collation: Collation | None, array: list[Any], *, reverse: bool) -> list[Any]:
    """The elements in order, without nulls."""
    present = [element for element in array if not is_nullish(element)]
    return sorted(present, key=lambda element: key_string(element, collation), reverse=reverse)


def _picker(name: str, pick: Pick) -> Callable[[Any, ParseContext], Expression]:
    """The parser of the operator that takes some of the elements."""
    signature = Signature(
        not_object=(5787900, f"specification must be an object; found {name}: {{found}}"),
        unknown=(5787901, f"Unknown argument for 'n' operator: {{name}} of {name}"),
        required={"n": (5787906, "Missing value for 'n'"), "input": (5787907, "Missing value for 'input'")},
    )

    def parse(argument: Any, ctx: ParseContext) -> Expression:
        return call(partial(_pick, partial(pick, ctx.collation)), signature.parse(argument, ctx))

    return parse


def _pick(pick: Callable[[int, list[Any]], list[Any]], count: Any, array: Any) -> list[Any]:
    number = _count(count)
    if type(array) is not list:
        raise CommandError(5788200, "Input must be an array")
    return pick(number, array)


def _count(value: Any) -> int:
    if not is_number(value):
        raise CommandError(5787902, f"Value for 'n' must be of integral type, but found {value_text(value)}")
    number = to_int64(value)
    if number is None:
        raise CommandError(5787903, f"Value for 'n' must be of integral type, but found {value_text(value)}")
    if number <= 0:
        raise CommandError(5787908, f"'n' must be greater than 0, found {number}")
    return number


for _name, _function in (("$firstN", _first), ("$lastN", _last), ("$minN", _smallest), ("$maxN", _largest)):
    operator_parser(_name)(_picker(_name, _function))
