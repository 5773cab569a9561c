"""Documents with the sum of the scores of their index entries, for searches in a text index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.exec._point import fetch
from secantus_server.index._index import Index
from secantus_server.storage import INDEX_ENTRIES, RecoveryUnit

# The entries between two checks for interruption.
_BREATH = 1000


class ScoredDocuments(Iterator[bytes]):
    """A reader that first adds up the scores of all entries, then fetches the documents.

    Arguments:
        intervals: the keys to read, as [lower, upper) without the index's own prefix.
        collection: the collection of the documents.
        match: a match expression for the documents, or None.
        whole: a match expression that needs no index; it decides again on documents whose entry is gone when a later transaction reads on.
        read: returns the score and the RecordId of an entry, whose key and value are given.
        check: called regularly; it raises to end the scan.
    """

    def __init__(
        self,
        index: Index,
        intervals: list[tuple[bytes, bytes]],
        collection: Any,
        match: Any,
        whole: Any,
        read: Callable[[bytes, bytes], tuple[float, int]],
        check: Callable[[], None],
    ) -> None:
        self.collection = collection
        self.finished = False
        self.record_id = 0
        self.score = 0.0
        self.keys_examined = self.docs_examined = self.advanced = self.duplicates = 0
        self._index = index
        self._intervals = intervals
        self._match = match
        self._whole = whole
        self._read = read
        self._check = check
        self._unit: RecoveryUnit | None = None
        self._rows: Iterator[tuple[int, tuple[float, bytes]]] | None = None
        self._is_stale = False

    def attach(self, unit: RecoveryUnit) -> None:
        """Read in this unit's transaction.

        Raises:
            CommandError: 175 QueryPlanKilled if the index was dropped.
        """
        if self._index.dropped and not self.finished:
            raise CommandError(175, f"query plan killed :: index '{self._index.name}' dropped")
        self._unit = unit

    def detach(self) -> None:
        """Release the transaction."""
        self._unit = None
        self._is_stale = self._rows is not None

    def close(self) -> None:
        """Release it and do not read again."""
        self._unit = None
        self.finished = True

    def __next__(self) -> bytes:
        if self._rows is None:
            self._rows = iter(self._scores().items())
        ident = self.collection.ident
        for record_id, (score, key) in self._rows:
            document = fetch(self._unit, ident, record_id)
            if document is not None and self._accepts(document, key):
                self.record_id, self.score = record_id, score
                self.advanced += 1
                return document
        self.finished = True
        raise StopIteration

    def _accepts(self, document: bytes, key: bytes) -> bool:
        self.docs_examined += 1
        if self.docs_examined % _BREATH == 0:
            self._check()
        if self._is_stale and self._is_gone(key) and not self._whole.matches(document):
            return False
        return self._match is None or self._match.matches(document)

    def _is_gone(self, key: bytes) -> bool:
        assert self._unit is not None, "the reader is attached"
        return self._unit.get(INDEX_ENTRIES, key) is None

    def _scores(self) -> dict[int, tuple[float, bytes]]:
        """Return the RecordIds that have an entry, with the sums of their scores and the key of one entry."""
        assert self._unit is not None, "the reader is attached"
        found: dict[int, tuple[float, bytes]] = {}
        prefix, read, examined = self._index.prefix, self._read, 0
        for low, high in self._intervals:
            cursor = self._unit.scan(INDEX_ENTRIES, prefix + low, prefix + high)
            for key, value in cursor:
                examined += 1
                if examined % _BREATH == 0:
                    self._check()
                score, record_id = read(key, value)
                before = found.get(record_id)
                found[record_id] = (score, key) if before is None else (before[0] + score, key)
            cursor.close()
        self.keys_examined = examined
        self.duplicates = self.keys_examined - len(found)
        return found
