"""The operators `$bitsAllSet`, `$bitsAllClear`, `$bitsAnySet` and `$bitsAnyClear`.

https://www.mongodb.com/docs/manual/reference/operator/query-bitwise/
"""

from __future__ import annotations

from typing import Any

from bson.binary import Binary

from secantus_server.bson import is_number
from secantus_server.errors import CommandError
from secantus_server.mql.describe import describe_element
from secantus_server.mql.match._nodes import MatchExpression
from secantus_server.mql.match._predicates import Bits
from secantus_server.mql.match.numbers import parse_size
from secantus_server.mql.match.registry import Clause, field_operator


@field_operator("$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear")
def parse_bits(clause: Clause) -> MatchExpression:
    """Parse a bit operator. Its argument is a list of bit positions, or a bit mask given as a number or as binary data."""
    return Bits(clause.path, clause.name, _positions(clause))


def _positions(clause: Clause) -> list[int]:
    argument = clause.argument
    if type(argument) is list:
        return [_position(str(index), value) for index, value in enumerate(argument)]
    if is_number(argument):
        return _set_bits(parse_size(clause.name, argument, code=9))
    if type(argument) is Binary:
        return _set_bits(int.from_bytes(argument, "little"))
    received = describe_element(clause.name, argument)
    raise CommandError(2, f"{clause.path} takes an Array, a number, or a BinData but received: {received}")


def _position(index: str, value: Any) -> int:
    return parse_size(index, value, code=2, prefix="Failed to parse bit position. ", bits=32)


def _set_bits(mask: int) -> list[int]:
    return [position for position in range(mask.bit_length()) if mask >> position & 1]
