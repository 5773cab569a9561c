"""The operators `$bitAnd`, `$bitOr`, `$bitXor` and `$bitNot`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#bitwise-operators
"""

from __future__ import annotations

import operator as python_operator
from collections.abc import Callable
from typing import Any

from bson.int64 import Int64

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.numbers.operands import same_width
from secantus_server.mql.expressions.registry import operator


def _register(name: str, combine: Callable[[int, int], int], neutral: int) -> None:
    @operator(name, arguments=(0, None))
    def apply(*values: Any) -> Any:
        result = neutral
        if any(is_nullish(value) for value in values):
            return None
        for value in values:
            if type(value) is not int and type(value) is not Int64:
                raise CommandError(14, f"{name} only supports int and long operands.")
            result = combine(result, int(value))
        return same_width(result, *values)


_register("$bitAnd", python_operator.and_, -1)
_register("$bitOr", python_operator.or_, 0)
_register("$bitXor", python_operator.xor, 0)


@operator("$bitNot", arguments=1)
def bit_not(value: Any) -> Any:
    """Return the bitwise complement of an int or long.

    Raises:
        CommandError: 14 if the value is neither an int nor a long.
    """
    if is_nullish(value):
        return None
    if type(value) is not int and type(value) is not Int64:
        raise CommandError(14, f"$bitNot only supports int and long, not: {type_name(value)}.")
    return same_width(~int(value), value)
