"""The size of a capped collection while one transaction writes to it.

https://www.mongodb.com/docs/manual/core/capped-collections/
"""

from __future__ import annotations

from secantus_server.catalog.collection import Collection
from secantus_server.exec._scan import RecordScan
from secantus_server.exec.interruption import never_interrupt
from secantus_server.storage import RecoveryUnit


class Cap:
    """The size of a capped collection and its limits.

    Arguments:
        collection: the capped collection; it caches its size after each commit, so it is measured only once.
        unit: a recovery unit whose transaction has begun.
    """

    def __init__(self, collection: Collection, unit: RecoveryUnit) -> None:
        self._most_bytes = int(collection.options.get("size", 0))
        self._most_documents = int(collection.options.get("max", 0))
        self._count, self._bytes = collection.size() or _measure(collection, unit)

    @property
    def size(self) -> tuple[int, int]:
        """The number of documents and of bytes."""
        return self._count, self._bytes

    @property
    def is_exceeded(self) -> bool:
        """Whether the oldest document must be removed; the newest is always kept."""
        too_many = 0 < self._most_documents < self._count
        return self._count > 1 and (too_many or 0 < self._most_bytes < self._bytes)

    def added(self, document: bytes) -> None:
        """Count a new document."""
        self._count += 1
        self._bytes += len(document)

    def removed(self, document: bytes) -> None:
        """Count a removed document."""
        self._count -= 1
        self._bytes -= len(document)


def _measure(collection: Collection, unit: RecoveryUnit) -> tuple[int, int]:
    scan = RecordScan(collection.ident, None, never_interrupt)
    scan.attach(unit)
    sizes = [len(document) for document in scan]
    scan.close()
    return len(sizes), sum(sizes)
