"""The operators `$in` and `$indexOfArray`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/in/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/indexOfArray/
"""

from __future__ import annotations

from functools import partial
from typing import Any

from secantus_server.bson import key_string, type_name, values_equal
from secantus_server.errors import CommandError
from secantus_server.mql.context import Collation, ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.numbers.integers import index_bound
from secantus_server.mql.expressions.parser import call, parse_arguments
from secantus_server.mql.expressions.registry import operator_parser

INDEX_CODES = (9711600, 9711601)
# The value of an omitted `end`, which means the end of the array.
TO_THE_END = 2**31 - 1


@operator_parser("$in")
def parse_in(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `{$in: [value, array]}`. A constant array is converted to a set of key strings, so that a lookup is fast.

    Raises:
        CommandError: 16020 for a wrong number of arguments, 40081 for a constant that is not an array.
    """
    value, array = parse_arguments("$in", argument, ctx, 2, 2)
    if type(array) is not Constant:
        return call(partial(_is_in, ctx.collation), [value, array])
    keys = frozenset(key_string(item, ctx.collation) for item in _array(array.value))
    return call(partial(_has_key, ctx.collation, keys), [value])


@operator_parser("$indexOfArray")
def parse_index_of_array(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `{$indexOfArray: [array, value, start, end]}`.

    Raises:
        CommandError: 28667 for a wrong number of arguments.
    """
    return call(partial(_index_of, ctx.collation), parse_arguments("$indexOfArray", argument, ctx, 2, 4))


def _is_in(collation: Collation | None, value: Any, array: Any) -> bool:
    return _find(collation, value, _array(array), 0, TO_THE_END) >= 0


def _has_key(collation: Collation | None, keys: frozenset[bytes], value: Any) -> bool:
    return key_string(value, collation) in keys


def _array(value: Any) -> list[Any]:
    if type(value) is not list:
        raise CommandError(40081, f"$in requires an array as a second argument, found: {type_name(value)}")
    return value


def _index_of(collation: Collation | None, array: Any, value: Any, start: Any = 0, end: Any = TO_THE_END) -> int | None:
    """Implement `$indexOfArray`: return the index of the first element between `start` and `end` that equals a value, or -1 if none does.

    Return null if the array is null.
    """
    if is_nullish(array):
        return None
    if type(array) is not list:
        raise CommandError(40090, f"$indexOfArray requires an array as a first argument, found: {type_name(array)}")
    first = index_bound("$indexOfArray", start, "starting", INDEX_CODES)
    last = index_bound("$indexOfArray", end, "ending", INDEX_CODES)
    return _find(collation, value, array, first, last)


def _find(collation: Collation | None, value: Any, array: list[Any], first: int, last: int) -> int:
    """Return the index of the first element from `first` up to, but not including, `last` that equals a value, or -1 if none does."""
    if collation is None:
        for index in range(first, min(last, len(array))):
            if values_equal(array[index], value):
                return index
        return -1
    key = key_string(value, collation)
    for index in range(first, min(last, len(array))):
        if key_string(array[index], collation) == key:
            return index
    return -1
