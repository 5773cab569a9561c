"""The operator `$toHashedIndexKey`, which returns the hash that a hashed index uses for a value.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/toHashedIndexKey/
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable
from typing import Any

from bson.int64 import Int64
from bson.objectid import ObjectId

from secantus_server.bson import type_name
from secantus_server.bson.numbers import INT64_MAX, INT64_MIN
from secantus_server.bson.values import MISSING, Date
from secantus_server.errors import not_supported
from secantus_server.mql.expressions.registry import operator

SEED = struct.pack("<i", 0)


def _of_number(number: float) -> bytes:
    """Encode a number for hashing. It is converted to a long by truncating its fraction and clamping it to the range of a long."""
    if math.isnan(number):
        return struct.pack("<q", 0)
    if not INT64_MIN <= number <= INT64_MAX:
        number = INT64_MAX if number > 0 else INT64_MIN
    return struct.pack("<q", min(INT64_MAX, int(number)))


def _of_string(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape") + b"\0"
    return struct.pack("<i", len(data)) + data


# For each type, the canonical type number (which numeric types share), and the function that encodes a value to the bytes to hash.
HASHED: dict[type, tuple[int, Callable[[Any], bytes]]] = {
    type(None): (5, lambda _: b""),
    type(MISSING): (5, lambda _: b""),
    int: (10, _of_number),
    Int64: (10, _of_number),
    float: (10, _of_number),
    str: (15, _of_string),
    ObjectId: (35, lambda value: value.binary),
    bool: (40, lambda value: b"\1" if value else b"\0"),
    Date: (45, lambda value: struct.pack("<q", value.ms)),
}


@operator("$toHashedIndexKey", arguments=1)
def to_hashed_index_key(value: Any) -> Int64:
    """Return the hash of a value as a long. A missing value has the hash of null, as in a hashed index.

    Raises:
        CommandError: 238 for the types that Secantus does not hash, which are rare in hashed indexes.
    """
    if type(value) not in HASHED:
        raise not_supported(f"$toHashedIndexKey of a value of type {type_name(value)}", "hash a number, string, objectId, bool or date")
    kind, to_bytes = HASHED[type(value)]
    digest = hashlib.md5(SEED + struct.pack("<i", kind) + to_bytes(value), usedforsecurity=False).digest()
    return Int64(struct.unpack("<q", digest[:8])[0])
