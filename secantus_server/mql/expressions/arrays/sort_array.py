"""The operator `$sortArray`, which sorts an array by its elements or by the fields of documents in it.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/sortArray/
"""

from __future__ import annotations

from functools import partial
from typing import Any

from secantus_server.bson import is_number, key_string, type_name
from secantus_server.errors import CommandError
from secantus_server.mql.array_sort import SortKeys, sort_elements
from secantus_server.mql.context import Collation, ParseContext
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.expressions.named_arguments import Signature
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import call, parse_expression
from secantus_server.mql.expressions.registry import operator_parser

NOT_A_DIRECTION = "The $sort element value must be either 1 or -1"
SIGNATURE = Signature(
    not_object=(2942500, "$sortArray requires an object as an argument, found: {found}"),
    unknown=(2942501, "$sortArray found an unknown argument: {name}"),
    required={
        "input": (2942502, "$sortArray requires 'input' to be specified"),
        "sortBy": (2942503, "$sortArray requires 'sortBy' to be specified"),
    },
)


@operator_parser("$sortArray")
def parse_sort_array(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `{$sortArray: {input, sortBy}}`. `sortBy` must be a literal: 1, -1 or a sort pattern.

    Raises:
        CommandError: 2942500 to 2942507 for a malformed argument.
    """
    given = SIGNATURE.check(argument)
    pattern = given["sortBy"]
    if type(pattern) is dict:
        _check_pattern(pattern)
        keys: SortKeys = [(tuple(path.split(".")), _direction(value) == -1) for path, value in pattern.items()]
    else:
        keys = [((), _whole_direction(pattern) < 0)]
    return call(partial(_sort, keys, ctx.collation), [parse_expression(given["input"], ctx)])


def _sort(keys: SortKeys, collation: Collation | None, array: Any) -> list[Any] | None:
    if is_nullish(array):
        return None
    if type(array) is not list:
        raise CommandError(2942504, f"The input argument to $sortArray must be an array, but was of type: {type_name(array)}")
    return sort_elements(array, keys, collation)


def _direction(value: Any) -> int | None:
    """Return 1 or -1 if the value is equal to one of these numbers in any numeric type, else None."""
    if not is_number(value):
        return None
    return next((direction for direction in (1, -1) if key_string(value) == key_string(direction)), None)


def _whole_direction(value: Any) -> int:
    if not is_number(value):
        text = "The $sort is invalid: use 1/-1 to sort the whole element, or {field:1/-1} to sort embedded fields"
        raise CommandError(2942507, text)
    direction = _direction(value)
    if direction is None:
        raise CommandError(2942506, NOT_A_DIRECTION)
    return direction


def _check_pattern(pattern: dict[str, Any]) -> None:
    if not pattern:
        raise CommandError(2942505, "The sort pattern is empty when it should be a set of fields.")
    for path, value in pattern.items():
        if _direction(value) is None:
            raise CommandError(2942505, NOT_A_DIRECTION)
        if not path:
            raise CommandError(2942505, "The $sort field cannot be empty")
        if "" in path.split("."):
            raise CommandError(2942505, f"The $sort field is a dotted field but has an empty part: {path}")
