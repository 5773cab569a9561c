"""The rows of the engine itself in the table `meta`. Only the keys of these rows begin with a zero byte."""

from __future__ import annotations

import struct
from typing import Final

from secantus_server.records import NamedTuple

IDENT_MARK: Final = b"\0idents"
_ORPHAN: Final = b"\0orphan"
_RANGE: Final = struct.Struct(">BII")


class IdentRange(NamedTuple):
    """A range [low, high) of dropped idents of a table, whose entries are unreachable."""

    table: int
    low: int
    high: int

    def meta_key(self) -> bytes:
        """Return the key of the `meta` row that lists this range until all its entries are removed."""
        return _ORPHAN + _RANGE.pack(self.table, self.low, self.high)

    def bounds(self) -> tuple[bytes, bytes]:
        """Return the lower and upper bound of the keys of all entries in this range."""
        return pack_ident(self.low), pack_ident(self.high)


def pack_ident(ident: int) -> bytes:
    """Return an ident as a four-byte key prefix."""
    return ident.to_bytes(4, "big")


def unpack_range(key: bytes) -> IdentRange:
    """Parse the key of a `meta` row that lists a range of dropped idents, and return the range."""
    return IdentRange(*_RANGE.unpack(key[len(_ORPHAN) :]))


def orphan_bounds() -> tuple[bytes, bytes]:
    """Return the lower and upper bound of the keys of `meta` rows that list ranges of dropped idents."""
    return _ORPHAN, _ORPHAN + b"\xff"
