"""`$type` and `$isNumber`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/type/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import is_number, type_name
from secantus_server.mql.expressions.registry import operator


@operator("$type", arguments=1)
def type_(value: Any) -> str:
    """Return the alias of the value's type; "missing" for a missing value."""
    return type_name(value)


@operator("$isNumber", arguments=1)
def is_number_(value: Any) -> bool:
    """Return whether a value is an int, long, double or decimal."""
    return is_number(value)
