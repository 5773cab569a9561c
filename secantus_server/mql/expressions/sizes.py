"""The operators `$binarySize` and `$bsonSize`, which return the size of a value in bytes.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/bsonSize/
"""

from __future__ import annotations

from typing import Any

from bson.binary import Binary

from secantus_server.bson import encode, type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.registry import operator


@operator("$binarySize", arguments=1)
def binary_size(value: Any) -> int | None:
    """Return the size in bytes of binary data or of a string encoded as UTF-8.

    Raises:
        CommandError: 51276 for any other type.
    """
    if is_nullish(value):
        return None
    if type(value) is Binary:
        return len(value)
    if type(value) is str:
        return len(value.encode("utf-8", "surrogateescape"))
    raise CommandError(51276, f"$binarySize requires a string or BinData argument, found: {type_name(value)}")


@operator("$bsonSize", arguments=1)
def bson_size(value: Any) -> int | None:
    """Return the BSON size of a document in bytes.

    Raises:
        CommandError: 31393 for a value that is not a document.
    """
    if is_nullish(value):
        return None
    if type(value) is not dict:
        raise CommandError(31393, f"$bsonSize requires a document input, found: {type_name(value)}")
    return len(encode(value))
