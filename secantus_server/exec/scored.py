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
        whole: a match expression that needs no index; it decides again on documents that another transaction may have changed.
        score_of: returns the score in the key of an entry.
        check: called regularly; it raises to end the scan.
    """

    def __init__(
        self,
        index: Index,
        intervals: list[tuple[bytes, bytes]],
        collection: Any,
        match: Any,
        whole: Any,
        score_of: Callable[[bytes], float],
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
        self._score_of = score_of
        self._check = check
        self._unit: RecoveryUnit | None = None
        self._rows: Iterator[tuple[int, float]] | None = None
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
        for record_id, score in self._rows:
            self.record_id, self.score = record_id, score
            document = self._fetch()
            if document is not None:
                self.advanced += 1
                return document
        self.finished = True
        raise StopIteration

    def _fetch(self) -> bytes | None:
        document = fetch(self._unit, self.collection.ident, self.record_id)
        if document is None:
            return None
        self.docs_examined += 1
        if self.docs_examined % _BREATH == 0:
            self._check()
        if self._is_stale and not self._whole.matches(document):
            return None
        return document if self._match is None or self._match.matches(document) else None

    def _scores(self) -> dict[int, float]:
        """Return the RecordIds that have an entry, with the sums of their scores."""
        assert self._unit is not None, "the reader is attached"
        found: dict[int, float] = {}
        prefix, score_of = self._index.prefix, self._score_of
        for low, high in self._intervals:
            cursor = self._unit.scan(INDEX_ENTRIES, prefix + low, prefix + high)
            for key, _ in cursor:
                self.keys_examined += 1
                if self.keys_examined % _BREATH == 0:
                    self._check()
                record_id = int.from_bytes(key[-8:], "big")
                found[record_id] = found.get(record_id, 0.0) + score_of(key)
            cursor.close()
        self.duplicates = self.keys_examined - len(found)
        return found
