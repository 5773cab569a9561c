"""Helpers for the accumulators that select n values. They validate the arguments and sort the values.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/firstN/
"""

from __future__ import annotations

from functools import cmp_to_key
from typing import Any

from secantus_server.bson import compare_values, key_string, type_name
from secantus_server.errors import CommandError
from secantus_server.mql.context import Collation
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.numbers.integers import to_int64
from secantus_server.mql.expressions.value_text import value_text


def parse_fields(name: str, argument: Any) -> dict[str, Any]:
    """Validate the argument `{n, input}` of an accumulator and return it.

    Raises:
        CommandError: 5787900 to 5787907 for a malformed argument.
    """
    if type(argument) is not dict:
        raise CommandError(5787900, f"specification must be an object; found {name}: {type_name(argument)}")
    for field in argument:
        if field not in ("n", "input"):
            raise CommandError(5787901, f"Unknown argument for 'n' operator: {field}")
    if "n" not in argument:
        raise CommandError(5787906, "Missing value for 'n'")
    if "input" not in argument:
        raise CommandError(5787907, "Missing value for 'input'")
    return argument


def checked_n(value: Any) -> int:
    """Validate an evaluated `n` and return it.

    Raises:
        CommandError: 7548606 if the value is not a positive integer.
    """
    n = to_int64(value)
    if n is None or n <= 0:
        raise CommandError(7548606, f"'n' must be a positive integer, but found {value_text(value)}")
    return n


def in_order(values: list[Any], n: int, greatest: bool, collation: Collation | None) -> list[Any]:
    """Return the n least values in ascending order, or the n greatest values in descending order. Null and missing values are ignored."""
    present = [value for value in values if not is_nullish(value)]
    if collation is None:
        present.sort(key=cmp_to_key(compare_values), reverse=greatest)
    else:
        present.sort(key=lambda value: key_string(value, collation), reverse=greatest)
    return present[:n]
