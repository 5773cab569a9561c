"""The operators `$tsSecond` and `$tsIncrement`, which return the two parts of a timestamp as longs.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/tsSecond/
"""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64
from bson.timestamp import Timestamp

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.registry import operator


@operator("$tsSecond", arguments=1)
def ts_second(value: Any) -> Int64 | None:
    """Return the seconds of a timestamp, or null for null.

    Raises:
        CommandError: 5687301 for any other type.
    """
    if type(value) is Timestamp:
        return Int64(value.time)
    if is_nullish(value):
        return None
    raise CommandError(5687301, f" Argument to $tsSecond must be a timestamp, but is {type_name(value)}")


@operator("$tsIncrement", arguments=1)
def ts_increment(value: Any) -> Int64 | None:
    """Return the increment of a timestamp, or null for null.

    Raises:
        CommandError: 5687302 for any other type.
    """
    if type(value) is Timestamp:
        return Int64(value.inc)
    if is_nullish(value):
        return None
    raise CommandError(5687302, f" Argument to $tsIncrement must be a timestamp, but is {type_name(value)}")
