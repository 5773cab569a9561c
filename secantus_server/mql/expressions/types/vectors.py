"""The conversions between arrays and vectors, which are binary data of subtype 9. They exist since MongoDB 8.3.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/convert/#convert-to-array
https://github.com/mongodb/specifications/blob/master/source/bson-binary-vector/bson-binary-vector.md
"""

from __future__ import annotations

import struct
from typing import Any

from bson.binary import Binary
from bson.int64 import Int64

from secantus_server.mql.expressions.types.failure import failure

VECTOR_SUBTYPE = 9
INT8, FLOAT32, PACKED_BIT = 0x03, 0x27, 0x10
_BITS = 8


def array_of_vector(data: Binary) -> list[Any]:
    """Convert a vector to an array of ints, doubles or bools.

    Raises:
        CommandError: 241 if the data is not a valid vector.
    """
    if data.subtype != VECTOR_SUBTYPE:
        raise failure("Unsupported conversion from binData to array: the subtype must be 9")
    body = bytes(data[2:])
    padding = data[1] if len(data) > 1 else -1
    if len(data) >= 2 and data[0] == INT8 and padding == 0:
        return list(struct.unpack(f"{len(body)}b", body))
    if len(data) >= 2 and data[0] == FLOAT32 and padding == 0 and len(body) % 4 == 0:
        return list(struct.unpack(f"<{len(body) // 4}f", body))
    if len(data) >= 2 and data[0] == PACKED_BIT and 0 <= padding < _BITS and (body or not padding):
        bits = [bool(byte >> (_BITS - 1 - place) & 1) for byte in body for place in range(_BITS)]
        return bits[: len(bits) - padding]
    raise failure("The binary data is not a valid vector")


def vector_of_array(items: list[Any]) -> Binary:
    """Convert an array to a vector. Its elements must be all bools, all integers from -128 to 127, or all doubles.

    Raises:
        CommandError: 241 if the elements do not fit into one type of vector.
    """
    kinds = {int if type(item) is Int64 else type(item) for item in items}
    if kinds == {int} and all(-128 <= item <= 127 for item in items):
        return _vector(INT8, 0, struct.pack(f"{len(items)}b", *items))
    if kinds == {float}:
        try:
            return _vector(FLOAT32, 0, struct.pack(f"<{len(items)}f", *items))
        except OverflowError:
            raise failure("The array has a number that a vector of FLOAT32 cannot hold") from None
    if kinds <= {bool}:
        padding = -len(items) % _BITS
        whole = int("".join("1" if item else "0" for item in items) + "0" * padding or "0", 2)
        return _vector(PACKED_BIT, padding, whole.to_bytes((len(items) + padding) // _BITS, "big"))
    raise failure("The elements of the array are not all bools, integers from -128 to 127, or doubles")


def _vector(kind: int, padding: int, body: bytes) -> Binary:
    vector: Binary = Binary(bytes([kind, padding]) + body, VECTOR_SUBTYPE)
    return vector
