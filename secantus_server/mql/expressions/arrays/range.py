"""The operator `$range`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/range/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import is_number, type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.numbers.integers import to_int32
from secantus_server.mql.expressions.registry import operator
from secantus_server.mql.expressions.value_text import value_text

MEMORY_LIMIT = 100 * 1024 * 1024
BYTES_PER_NUMBER = 16


@operator("$range", arguments=(2, 3))
def range_(start: Any, end: Any, step: Any = 1) -> list[int]:
    """Return the ints from `start` up to, but not including, `end`.

    Raises:
        CommandError: 34443 to 34449 for an invalid argument, 146 if the array would exceed the memory limit.
    """
    first = _number("starting value", "a starting value", start, 34443)
    last = _number("ending value", "an ending value", end, 34445)
    width = _number("step value", "a step value", step, 34447)
    if width == 0:
        raise CommandError(34449, "$range requires a non-zero step value")
    numbers = range(first, last, width)
    if len(numbers) * BYTES_PER_NUMBER > MEMORY_LIMIT:
        needed = len(numbers) * BYTES_PER_NUMBER
        raise CommandError(
            146, f"$range would use too much memory ({needed} bytes) and cannot spill to disk. Memory limit: {MEMORY_LIMIT} bytes"
        )
    return list(numbers)


def _number(what: str, a_what: str, value: Any, code: int) -> int:
    if not is_number(value):
        raise CommandError(code, f"$range requires a numeric {what}, found value of type: {type_name(value)}")
    number = to_int32(value)
    if number is None:
        raise CommandError(
            code + 1, f"$range requires {a_what} that can be represented as a 32-bit integer, found value: {value_text(value)}"
        )
    return number
