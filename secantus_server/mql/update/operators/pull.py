"""The operators `$pull` and `$pullAll`, which remove elements from an array by a condition or by a list of values.

https://www.mongodb.com/docs/manual/reference/operator/update/pull/
https://www.mongodb.com/docs/manual/reference/operator/update/pullAll/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_server.bson import encode, key_string, type_name, values_equal
from secantus_server.bson.values import Regex
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import FIELD_OPERATORS, SPECIAL, parse_match
from secantus_server.mql.update._nodes import UNCHANGED, Leaf, State
from secantus_server.mql.update.registry import modifier

Test = Callable[[Any], bool]


@modifier("$pull")
def parse_pull(argument: Any, _path: str, ctx: ParseContext) -> Leaf:
    """Parse `$pull`, which removes the array elements that match a filter, match operators such as `{$gt: 5}`, or are equal to a value.

    A filter matches only elements that are documents.

    Raises:
        CommandError: if the filter is invalid; 2, 224 or 5626500 for an operator that is allowed only in the filters of queries.
    """
    return _cull(_parse_test(argument, ctx))


@modifier("$pullAll")
def parse_pull_all(argument: Any, _path: str, ctx: ParseContext) -> Leaf:
    """Parse `$pullAll`, which removes the array elements that are equal to one of the listed values.

    Raises:
        CommandError: 2 if the argument is not an array.
    """
    if type(argument) is not list:
        raise CommandError(2, f"$pullAll requires an array argument but was given a {type_name(argument)}")
    unwanted = {key_string(value, ctx.collation) for value in argument}
    return _cull(lambda element: key_string(element, ctx.collation) in unwanted)


def _cull(unwanted: Test) -> Leaf:
    def modify(old: Any, _state: State) -> Any:
        if type(old) is not list:
            raise CommandError(2, "Cannot apply $pull to a non-array value")
        kept = [element for element in old if not unwanted(element)]
        return UNCHANGED if len(kept) == len(old) else kept

    return Leaf(modify, creates=False, lenient=True)


def _parse_test(argument: Any, ctx: ParseContext) -> Test:
    if type(argument) is Regex or _is_operators(argument):
        return _wrapped_test(argument, ctx)
    if type(argument) is dict:
        return _document_test(argument, ctx)
    if ctx.collation is None:
        return lambda element: values_equal(element, argument)
    wanted = key_string(argument, ctx.collation)
    return lambda element: key_string(element, ctx.collation) == wanted


def _is_operators(argument: Any) -> bool:
    """Return whether the argument of `$pull` consists of operators that apply to the element, such as `{$gt: 5}`.

    The result is False for a filter such as `{$or: [...]}` and for a DBRef.
    """
    if type(argument) is not dict or not argument:
        return False
    first = next(iter(argument))
    return first in FIELD_OPERATORS and first != "$comment"


def _wrapped_test(argument: Any, ctx: ParseContext) -> Test:
    match = parse_match({"element": argument}, ctx, forbidden=SPECIAL)
    return lambda element: match.matches(encode({"element": element}))


def _document_test(argument: dict[str, Any], ctx: ParseContext) -> Test:
    match = parse_match(argument, ctx, forbidden=SPECIAL)
    return lambda element: type(element) is dict and match.matches(encode(element))
