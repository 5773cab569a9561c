"""The operator `$zip`, which transposes several arrays into one array per index.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/zip/
"""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import Any

from secantus_server.bson import type_name
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import call, parse_expression
from secantus_server.mql.expressions.registry import operator_parser
from secantus_server.mql.expressions.value_text import value_text


@operator_parser("$zip")
def parse_zip(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `{$zip: {inputs: [...], useLongestLength, defaults: [...]}}`.

    Raises:
        CommandError: 34460 to 34467 for a malformed argument.
    """
    if type(argument) is not dict:
        raise CommandError(34460, f"$zip only supports an object as an argument, found {type_name(argument)}")
    for name, value in argument.items():
        _check_field(name, value)
    inputs, defaults = argument.get("inputs", []), argument.get("defaults", [])
    longest = argument.get("useLongestLength", False)
    if not inputs:
        raise CommandError(34465, "$zip requires at least one input array")
    if defaults and not longest:
        raise CommandError(34466, "cannot specify defaults unless useLongestLength is true")
    if defaults and len(defaults) != len(inputs):
        raise CommandError(34467, "defaults and inputs must have the same length")
    expressions = [parse_expression(spec, ctx) for spec in chain(inputs, defaults)]
    return call(partial(_zip, len(inputs), longest), expressions)


def _check_field(name: str, value: Any) -> None:
    if name == "inputs" or name == "defaults":
        if type(value) is not list:
            code = 34461 if name == "inputs" else 34462
            raise CommandError(code, f"{name} must be an array of expressions, found {type_name(value)}")
    elif name == "useLongestLength":
        if type(value) is not bool:
            raise CommandError(34463, f"useLongestLength must be a bool, found {type_name(value)}")
    else:
        raise CommandError(34464, f"$zip found an unknown argument: {name}")


def _zip(count: int, longest: bool, *values: Any) -> list[list[Any]] | None:
    """Return the transposed arrays, or null if any of the arrays is null.

    Arguments:
        count: the number of leading values that are arrays.
        longest: whether the result is as long as the longest array.
        values: the arrays, followed by the default values that fill arrays that are too short.
    """
    arrays = values[:count]
    if any(is_nullish(array) for array in arrays):
        return None
    for array in arrays:
        if type(array) is not list:
            raise CommandError(34468, f"$zip found a non-array expression in input: {value_text(array)}")
    if not longest:
        return [list(row) for row in zip(*arrays, strict=False)]
    defaults = [None if value is MISSING else value for value in values[count:]] or [None] * count
    length = max(len(array) for array in arrays)
    columns = [array + [default] * (length - len(array)) for array, default in zip(arrays, defaults, strict=True)]
    return [list(row) for row in zip(*columns, strict=True)]
