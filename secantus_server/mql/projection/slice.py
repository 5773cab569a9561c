"""The operator `$slice` in the projection of a find: `{array: {$slice: n}}` or `{array: {$slice: [skip, limit]}}`.

https://www.mongodb.com/docs/manual/reference/operator/projection/slice/
"""

from __future__ import annotations

import math
from typing import Any

from secantus_server.bson import is_number
from secantus_server.bson.numbers import INT32_MAX, INT32_MIN, to_float
from secantus_server.errors import CommandError
from secantus_server.mql.describe import describe_document
from secantus_server.mql.projection._apply import Slice


def parse_slice(argument: Any) -> Slice:
    """Parse `$slice` as a projection operator of find.

    Raises:
        CommandError: 31273, 31272 or 31257 if the argument does not have the required form. It may still be a valid expression.
    """
    if is_number(argument):
        count = _int32(argument)
        return Slice(0, count) if count >= 0 else Slice(count, -count)
    if type(argument) is not list:
        raise CommandError(31273, "$slice only supports numbers and [skip, limit] arrays")
    if len(argument) != 2 or not is_number(argument[0]) or not is_number(argument[1]):
        raise CommandError(31272, "$slice array argument should be of form [skip, limit]")
    skip, limit = map(_int32, argument)
    if limit <= 0:
        raise CommandError(31257, f"$slice limit must be positive, got: {limit}")
    return Slice(skip, limit)


def slice_error(spec: dict[str, Any], as_find: CommandError, as_expression: CommandError) -> CommandError:
    """Return the error for a `$slice` that is valid neither as a projection operator of find nor as an expression.

    Arguments:
        spec: the document that contains the `$slice`.
        as_find: the error of parsing it as a projection operator.
        as_expression: the error of parsing it as an expression.
    """
    return CommandError(
        as_expression.code,
        f"Invalid $slice syntax. The given syntax {describe_document(spec)} did not match the find() syntax because :: "
        f"{as_find.code_name}: {as_find.message} :: The given syntax did not match the expression $slice syntax. :: caused by :: "
        f"{as_expression.message}",
    )


def _int32(number: Any) -> int:
    """Truncate a number and clamp it to the range of an int32. NaN is converted to 0."""
    value = to_float(number)
    if math.isnan(value):
        return 0
    return int(max(INT32_MIN, min(INT32_MAX, value)))
