"""The operators `$arrayElemAt`, `$first`, `$last`, `$slice`, `$size`, `$isArray`, `$reverseArray` and `$concatArrays`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/arrayElemAt/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import is_number, type_name
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.numbers.integers import to_int32
from secantus_server.mql.expressions.registry import operator
from secantus_server.mql.expressions.value_text import value_text


@operator("$arrayElemAt", arguments=2)
def array_elem_at(array: Any, index: Any) -> Any:
    """Return the array element at an index. A negative index counts from the end.

    Return null if the array or the index is null, and MISSING if the index is out of range.

    Raises:
        CommandError: 28689, 28690 or 28691 for a bad argument.
    """
    if is_nullish(array) or is_nullish(index):
        return None
    if type(array) is not list:
        raise CommandError(28689, f"$arrayElemAt's first argument must be an array, but is {type_name(array)}")
    if not is_number(index):
        raise CommandError(28690, f"$arrayElemAt's second argument must be a numeric value, but is {type_name(index)}")
    position = to_int32(index)
    if position is None:
        raise CommandError(28691, f"$arrayElemAt's second argument must be representable as a 32-bit integer: {value_text(index)}")
    return array[position] if -len(array) <= position < len(array) else MISSING


@operator("$first", arguments=1)
def first(array: Any) -> Any:
    """Return the first element of an array. Return null for null, and MISSING for an empty array.

    Raises:
        CommandError: 28689 for a value that is not an array.
    """
    return _end("$first", array, 0)


@operator("$last", arguments=1)
def last(array: Any) -> Any:
    """Return the last element of an array. Return null for null, and MISSING for an empty array.

    Raises:
        CommandError: 28689 for a value that is not an array.
    """
    return _end("$last", array, -1)


@operator("$size", arguments=1)
def size(array: Any) -> int:
    """Return the number of elements in an array.

    Raises:
        CommandError: 17124 for a value that is not an array, including null.
    """
    if type(array) is not list:
        raise CommandError(17124, f"The argument to $size must be an array, but was of type: {type_name(array)}")
    return len(array)


@operator("$isArray", arguments=1)
def is_array(value: Any) -> bool:
    """Return whether a value is an array."""
    return type(value) is list


@operator("$reverseArray", arguments=1)
def reverse_array(array: Any) -> list[Any] | None:
    """Return an array's elements in reverse order, or null for null.

    Raises:
        CommandError: 34435 for a value that is not an array.
    """
    if is_nullish(array):
        return None
    if type(array) is not list:
        raise CommandError(34435, f"The argument to $reverseArray must be an array, but was of type: {type_name(array)}")
    return array[::-1]


@operator("$concatArrays", arguments=(0, None))
def concat_arrays(*arrays: Any) -> list[Any] | None:
    """Return the concatenation of all arrays, or null if any argument is null. Arguments after a null are not validated.

    Raises:
        CommandError: 28664 for a value that is not an array.
    """
    found: list[Any] = []
    for array in arrays:
        if is_nullish(array):
            return None
        if type(array) is not list:
            raise CommandError(28664, f"$concatArrays only supports arrays, not {type_name(array)}")
        found += array
    return found


@operator("$slice", arguments=(2, 3))
def slice_(array: Any, *numbers: Any) -> list[Any] | None:
    """Return a slice of an array.

    `numbers` is either (n) or (position, n). With (n), the slice consists of the first n elements or, if n is negative, of the last
    elements. With (position, n), it consists of up to n elements from the position on.

    Raises:
        CommandError: 28724 to 28729 for a bad argument.
    """
    if is_nullish(array) or is_nullish(numbers[0]):
        return None
    if type(array) is not list:
        raise CommandError(28724, f"First argument to $slice must be an array, but is of type: {type_name(array)}")
    bounds = []
    for number, which, code in zip(numbers, ("Second", "Third"), (28725, 28727), strict=False):
        if is_nullish(number):
            return None
        bounds.append(_bound(number, which, code))
    if len(bounds) == 1:
        return array[: bounds[0]] if bounds[0] >= 0 else array[bounds[0] :]
    position, count = bounds
    if count <= 0:
        raise CommandError(28729, f"Third argument to $slice must be positive: {count}")
    start = position if position >= 0 else max(len(array) + position, 0)
    return array[start : start + count]


def _bound(value: Any, which: str, code: int) -> int:
    if not is_number(value):
        raise CommandError(code, f"{which} argument to $slice must be a numeric value, but is of type: {type_name(value)}")
    number = to_int32(value)
    if number is None:
        raise CommandError(code + 1, f"{which} argument to $slice can't be represented as a 32-bit integer: {value_text(value)}")
    return number


def _end(name: str, array: Any, index: int) -> Any:
    if is_nullish(array):
        return None
    if type(array) is not list:
        raise CommandError(28689, f"{name}'s argument must be an array, but is {type_name(array)}")
    return array[index] if array else MISSING
