"""The set operators `$setUnion`, `$setIntersection`, `$setDifference`, `$setEquals`, `$setIsSubset`, `$anyElementTrue` and
`$allElementsTrue`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#set-expression-operators

Two elements are equal if their key strings are equal. Of several equal elements, a result contains the first one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from secantus_server.bson import key_string, type_name
from secantus_server.errors import CommandError
from secantus_server.mql.context import Collation, ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression, truthy
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import call, parse_arguments
from secantus_server.mql.expressions.registry import operator, operator_parser

Elements = dict[bytes, Any]


def _elements(collation: Collation | None, array: list[Any]) -> Elements:
    """Return an array's distinct elements, as a dict whose keys are the elements' key strings."""
    found: Elements = {}
    for element in array:
        found.setdefault(key_string(element, collation), element)
    return found


def _pair_parser(name: str, function: Callable[..., Any]) -> Callable[[Any, ParseContext], Expression]:
    """Return the parser for an operator on two arrays.

    Arguments:
        function: implements the operator. Its first argument is the collation, followed by the two arrays.
    """

    def parse(argument: Any, ctx: ParseContext) -> Expression:
        return call(partial(function, ctx.collation), parse_arguments(name, argument, ctx, 2, 2))

    return parse


def _commutative_parser(name: str, function: Callable[..., Any]) -> Callable[[Any, ParseContext], Expression]:
    """Return the parser for a commutative operator. To match MongoDB, the operator evaluates constant arguments last."""

    def parse(argument: Any, ctx: ParseContext) -> Expression:
        arrays = parse_arguments(name, argument, ctx, 0, None)
        return call(partial(function, ctx.collation), sorted(arrays, key=lambda array: array.is_constant))

    return parse


def set_union(collation: Collation | None, *arrays: Any) -> list[Any] | None:
    """Return the union of all arrays, or null if any argument is null. Arguments after a null are not validated.

    Raises:
        CommandError: 17043 for a value that is not an array.
    """
    found: Elements = {}
    for array in arrays:
        if is_nullish(array):
            return None
        if type(array) is not list:
            raise CommandError(17043, f"All operands of $setUnion must be arrays. One argument is of type: {type_name(array)}")
        for key, element in _elements(collation, array).items():
            found.setdefault(key, element)
    return list(found.values())


def set_intersection(collation: Collation | None, *arrays: Any) -> list[Any] | None:
    """Return the elements that all arrays contain, or null if any argument is null. Arguments after a null are not validated.

    Raises:
        CommandError: 17047 for a value that is not an array.
    """
    found: Elements | None = None
    for array in arrays:
        if is_nullish(array):
            return None
        if type(array) is not list:
            raise CommandError(17047, f"All operands of $setIntersection must be arrays. One argument is of type: {type_name(array)}")
        elements = _elements(collation, array)
        found = elements if found is None else {key: value for key, value in found.items() if key in elements}
    return list(found.values()) if found else []


def set_difference(collation: Collation | None, array: Any, other: Any) -> list[Any] | None:
    """Return the elements of the first array that the second array does not contain, or null if either array is null.

    Raises:
        CommandError: 17048 or 17049 for a value that is not an array.
    """
    if is_nullish(array) or is_nullish(other):
        return None
    for value, which, code in ((array, "First", 17048), (other, "Second", 17049)):
        if type(value) is not list:
            raise CommandError(code, f"both operands of $setDifference must be arrays. {which} argument is of type: {type_name(value)}")
    excluded = _elements(collation, other)
    return [value for key, value in _elements(collation, array).items() if key not in excluded]


def set_is_subset(collation: Collation | None, array: Any, other: Any) -> bool:
    """Return whether the second array contains all elements of the first.

    Raises:
        CommandError: 17046 or 17042 for a value that is not an array.
    """
    for value, which, code in ((array, "First", 17046), (other, "Second", 17042)):
        if type(value) is not list:
            raise CommandError(code, f"both operands of $setIsSubset must be arrays. {which} argument is of type: {type_name(value)}")
    return _elements(collation, array).keys() <= _elements(collation, other).keys()


def set_equals(collation: Collation | None, *arrays: Any) -> bool:
    """Return whether all arrays contain the same elements.

    Raises:
        CommandError: 17044 for a value that is not an array.
    """
    for index, array in enumerate(arrays):
        _check_operand(array, index, 17044)
    first, *others = (_elements(collation, array).keys() for array in arrays)
    return all(keys == first for keys in others)


def parse_set_equals(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$setEquals`.

    Raises:
        CommandError: 17045 for fewer than two arguments, 5887502 for a constant that is not an array.
    """
    count = len(argument) if type(argument) is list else 1
    if count < 2:
        raise CommandError(17045, f"$setEquals needs at least two arguments had: {count}")
    arrays = parse_arguments("$setEquals", argument, ctx, 2, None)
    for index, array in enumerate(arrays):
        if type(array) is Constant:
            _check_operand(array.value, index, 5887502)
    return call(partial(set_equals, ctx.collation), arrays)


def _check_operand(value: Any, index: int, code: int) -> None:
    if type(value) is not list:
        raise CommandError(code, f"All operands of $setEquals must be arrays. {index + 1}-th argument is of type: {type_name(value)}")


@operator("$anyElementTrue", arguments=1)
def any_element_true(array: Any) -> bool:
    """Return whether at least one element of an array is truthy.

    Raises:
        CommandError: 17041 for a value that is not an array.
    """
    if type(array) is not list:
        raise CommandError(17041, f"$anyElementTrue's argument must be an array, but is {type_name(array)}")
    return any(truthy(element) for element in array)


@operator("$allElementsTrue", arguments=1)
def all_elements_true(array: Any) -> bool:
    """Return whether all elements of an array are truthy.

    Raises:
        CommandError: 17040 for a value that is not an array.
    """
    if type(array) is not list:
        raise CommandError(17040, f"$allElementsTrue's argument must be an array, but is {type_name(array)}")
    return all(truthy(element) for element in array)


operator_parser("$setUnion")(_commutative_parser("$setUnion", set_union))
operator_parser("$setIntersection")(_commutative_parser("$setIntersection", set_intersection))
operator_parser("$setDifference")(_pair_parser("$setDifference", set_difference))
operator_parser("$setIsSubset")(_pair_parser("$setIsSubset", set_is_subset))
operator_parser("$setEquals")(parse_set_equals)
