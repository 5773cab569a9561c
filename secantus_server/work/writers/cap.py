"""The size of a capped collection, tracked in each transaction that writes to the collection.

The size is stored in a row in the table of index entries, under the collection's own ident, which no index uses. Every transaction that
writes to the collection first writes this row. Overlapping transactions therefore conflict and are executed one after the other. As a
result, the collection never exceeds its cap, and documents become visible in RecordId order.

https://www.mongodb.com/docs/manual/core/capped-collections/
"""

from __future__ import annotations

import struct
from typing import Final

from secantus_server.catalog.collection import Collection
from secantus_server.exec._scan import RecordScan
from secantus_server.exec.interruption import never_interrupt
from secantus_server.storage import INDEX_ENTRIES, RecoveryUnit, pack_ident

# The number of documents and of bytes.
_SIZE: Final = struct.Struct(">QQ")


class Cap:
    """The current size and the limits of a capped collection.

    Arguments:
        collection: the capped collection.
        unit: a recovery unit with an open transaction.

    Raises:
        WriteConflict: if another transaction is writing to the collection.
    """

    def __init__(self, collection: Collection, unit: RecoveryUnit) -> None:
        self._most_bytes = int(collection.options.get("size", 0))
        self._most_documents = int(collection.options.get("max", 0))
        self._unit = unit
        self._key = pack_ident(collection.ident)
        row = unit.get(INDEX_ENTRIES, self._key)
        self._count: int
        self._bytes: int
        # The row is missing in a store that was written by an earlier version.
        self._count, self._bytes = _measure(collection, unit) if row is None else _SIZE.unpack(row)
        self.save()

    def save(self) -> None:
        """Write the size to its row in the transaction."""
        self._unit.put(INDEX_ENTRIES, self._key, _SIZE.pack(self._count, self._bytes))

    @property
    def is_exceeded(self) -> bool:
        """Whether the oldest document must be removed. The newest document is never removed."""
        too_many = 0 < self._most_documents < self._count
        return self._count > 1 and (too_many or 0 < self._most_bytes < self._bytes)

    def added(self, document: bytes) -> None:
        """Add a new document to the size."""
        self._count += 1
        self._bytes += len(document)

    def removed(self, document: bytes) -> None:
        """Subtract a removed document from the size."""
        self._count -= 1
        self._bytes -= len(document)


def _measure(collection: Collection, unit: RecoveryUnit) -> tuple[int, int]:
    scan = RecordScan(collection.ident, None, never_interrupt)
    scan.attach(unit)
    sizes = [len(document) for document in scan]
    scan.close()
    return len(sizes), sum(sizes)
