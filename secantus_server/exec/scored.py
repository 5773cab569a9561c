"""A search through a text index, which sums the scores of each document's index entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from secantus_server.exec._point import fetch
from secantus_server.exec.index_reader import BREATH, IndexReader
from secantus_server.index._index import Index
from secantus_server.storage import INDEX_ENTRIES


class ScoredDocuments(IndexReader):
    """A reader that first sums the scores of all index entries and then fetches the documents.

    See `IndexReader` for the other arguments.

    Arguments:
        intervals: the ranges of keys to read, as [lower, upper) without the index's prefix.
        whole: the complete match expression, which can be evaluated without an index. If a document is fetched in a later transaction
            than
            its index entry, it is checked again with this expression, because the entry may have been deleted in the meantime.
        read: a function that returns the score and the RecordId in an index entry, given the key and the value of the entry.
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
        super().__init__(index, collection, match, check)
        self.score = 0.0
        self.keys_examined = self.docs_examined = self.duplicates = 0
        self._intervals = intervals
        self._whole = whole
        self._read = read
        self._rows: Iterator[tuple[int, tuple[float, bytes]]] | None = None
        self._is_stale = False

    def detach(self) -> None:
        """Detach the reader from its transaction."""
        super().detach()
        self._is_stale = self._rows is not None

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
        if self.docs_examined % BREATH == 0:
            self._check()
        if self._is_stale and self._is_gone(key) and not self._whole.matches(document):
            return False
        return self._match is None or self._match.matches(document)

    def _is_gone(self, key: bytes) -> bool:
        assert self._unit is not None, "the reader is attached"
        return self._unit.get(INDEX_ENTRIES, key) is None

    def _scores(self) -> dict[int, tuple[float, bytes]]:
        """Read all index entries. For each RecordId, return the sum of the scores and the key of one entry."""
        assert self._unit is not None, "the reader is attached"
        found: dict[int, tuple[float, bytes]] = {}
        prefix, read, examined = self._index.prefix, self._read, 0
        for low, high in self._intervals:
            cursor = self._unit.scan(INDEX_ENTRIES, prefix + low, prefix + high)
            for key, value in cursor:
                examined += 1
                if examined % BREATH == 0:
                    self._check()
                score, record_id = read(key, value)
                before = found.get(record_id)
                found[record_id] = (score, key) if before is None else (before[0] + score, key)
            cursor.close()
        self.keys_examined = examined
        self.duplicates = self.keys_examined - len(found)
        return found
