"""The engine's own rows of the `meta` table; they begin with a zero byte, which no one else's may."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

IDENT_MARK: Final = b"\0idents"
_ORPHAN: Final = b"\0orphan"
_RANGE: Final = struct.Struct(">BII")


class IdentRange(NamedTuple):
    """The idents [low, high) of a table, whose entries nobody can reach any more."""

    table: int
    low: int
    high: int

    def meta_key(self) -> bytes:
        """The row that says so, until the entries are removed."""
        return _ORPHAN + _RANGE.pack(self.table, self.low, self.high)

    def bounds(self) -> tuple[bytes, bytes]:
        """The bounds of the entries' keys."""
        return pack_ident(self.low), pack_ident(self.high)


def pack_ident(ident: int) -> bytes:
    """The first four bytes of the keys that belong to a collection or an index."""
    return ident.to_bytes(4, "big")


def unpack_range(key: bytes) -> IdentRange:
    """Reads a row of `orphan_bounds()`."""
    return IdentRange(*_RANGE.unpack(key[len(_ORPHAN) :]))


def orphan_bounds() -> tuple[bytes, bytes]:
    """Where in `meta` the ranges are listed."""
    return _ORPHAN, _ORPHAN + b"\xff"
