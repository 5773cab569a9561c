"""The rows in the `meta` table that the engine itself uses. Only the keys of these rows begin with a zero byte."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

IDENT_MARK: Final = b"\0idents"
_ORPHAN: Final = b"\0orphan"
_RANGE: Final = struct.Struct(">BII")


class IdentRange(NamedTuple):
    """A range of dropped idents [low, high) of a table, whose entries are unreachable."""

    table: int
    low: int
    high: int

    def meta_key(self) -> bytes:
        """Return the key of the `meta` row that lists this range until its entries are removed."""
        return _ORPHAN + _RANGE.pack(self.table, self.low, self.high)

    def bounds(self) -> tuple[bytes, bytes]:
        """Return the bounds of the keys of all entries in this range."""
        return pack_ident(self.low), pack_ident(self.high)


def pack_ident(ident: int) -> bytes:
    """Return the four-byte key prefix of a collection or an index."""
    return ident.to_bytes(4, "big")


def unpack_range(key: bytes) -> IdentRange:
    """Parse the key of a row within `orphan_bounds()`."""
    return IdentRange(*_RANGE.unpack(key[len(_ORPHAN) :]))


def orphan_bounds() -> tuple[bytes, bytes]:
    """Return the bounds of the rows in `meta` that list orphaned ranges."""
    return _ORPHAN, _ORPHAN + b"\xff"
