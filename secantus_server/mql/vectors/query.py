"""Parses a query vector, which is an array of numbers or a BSON vector.

https://github.com/mongodb/specifications/blob/master/source/bson-binary-vector/bson-binary-vector.md
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

from bson.binary import Binary

from secantus_server.bson import is_number
from secantus_server.bson.numbers import to_float
from secantus_server.errors import CommandError
from secantus_server.mql.vectors._pack import BITS, BYTES, FLOATS

VECTOR_SUBTYPE = 9
_TYPES = {0x27: FLOATS, 0x03: BYTES, 0x10: BITS}
#: The names of the representations in error messages.
REPRESENTATION_NAMES = {FLOATS: "float32", BYTES: "int8", BITS: "int1"}


@dataclass(frozen=True)
class QueryVector:
    """A parsed query vector.

    Arguments:
        representation: the type of the elements: FLOATS, BYTES or BITS.
        dimensions: the number of elements.
        data: the packed elements, in the format of `Rows`.
    """

    representation: int
    dimensions: int
    data: bytes

    @property
    def is_zero(self) -> bool:
        """Return whether all elements of the vector are zero."""
        return not any(self.data) or (self.representation == FLOATS and not any(struct.unpack(f"<{self.dimensions}f", self.data)))


def parse_query_vector(name: str, value: Any) -> QueryVector:
    """Parse the vector of a query.

    Arguments:
        name: the name of the field that contains the vector, for error messages.
        value: the field's value.

    Raises:
        CommandError: 8 if the value is neither an array of numbers nor a BSON vector.
    """
    if isinstance(value, Binary) and value.subtype == VECTOR_SUBTYPE:
        return _parse_binary(name, bytes(value))
    if type(value) is not list or not value:
        raise CommandError(8, f'"{name}" must be a non-empty array of numbers or a BSON vector')
    if not all(map(is_number, value)):
        raise CommandError(8, f'"{name}" must contain only numbers')
    numbers = list(map(to_float, value))
    return _floats(name, numbers)


def _floats(name: str, numbers: list[float]) -> QueryVector:
    try:
        data = struct.pack(f"<{len(numbers)}f", *numbers)
    except OverflowError:
        raise CommandError(8, f'"{name}" contains a number that is too large for a 32-bit float') from None
    if not all(map(math.isfinite, numbers)):
        raise CommandError(8, f'"{name}" contains a number that is not finite')
    return QueryVector(FLOATS, len(numbers), data)


def _parse_binary(name: str, data: bytes) -> QueryVector:
    representation = _TYPES.get(data[0]) if len(data) > 2 else None
    unused = data[1] if len(data) > 2 else 0
    if representation is None or (representation != BITS and unused) or unused > 7:
        raise CommandError(8, f'"{name}" is not a valid BSON vector')
    elements = data[2:]
    if representation == BITS:
        return QueryVector(BITS, 8 * len(elements) - unused, elements)
    if representation == BYTES:
        return QueryVector(BYTES, len(elements), elements)
    if len(elements) % 4:
        raise CommandError(8, f'"{name}" is not a valid BSON vector')
    return _floats(name, list(struct.unpack(f"<{len(elements) // 4}f", elements)))
