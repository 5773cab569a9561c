"""Sorting documents: all of them, or only the first few that are wanted."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from operator import itemgetter

from secantus_server.exec._scan import Scan

Row = tuple[bytes, bytes, int]  # sort key, document, RecordId

# An insertion into a list longer than this costs more than to sort everything.
LONGEST_TOP = 2000


class Measured(Iterator[bytes]):
    """The documents of another iterator, whose bytes it counts."""

    def __init__(self, source: Scan | Iterator[bytes]) -> None:
        self._source = source
        self.size = 0

    @property
    def record_id(self) -> int:
        """The RecordId of the last document."""
        return self._source.record_id  # type: ignore[union-attr]

    def __next__(self) -> bytes:
        document = next(self._source)
        self.size += len(document)
        return document


class SortedDocuments(Iterator[bytes]):
    """The documents of another iterator in the order of their keys; equal keys stay in the order they came.

    Arguments:
        source: what to sort; it is read whole at the first document asked for.
        key: makes the sort key of a document.
        limit: only so many documents are wanted; 0 means all.
    """

    def __init__(self, source: Scan | Iterator[bytes], key: Callable[[bytes], bytes], limit: int) -> None:
        self._source = source
        self._key = key
        self._limit = limit
        self._rows: Iterator[Row] | None = None
        self.record_id = 0

    def __next__(self) -> bytes:
        if self._rows is None:
            self._rows = iter(self._top() if 0 < self._limit <= LONGEST_TOP else self._all())
        _, document, self.record_id = next(self._rows)
        return document

    def _all(self) -> list[Row]:
        key, source = self._key, self._source
        rows = [(key(document), document, source.record_id) for document in source]  # type: ignore[union-attr]
        rows.sort(key=itemgetter(0))
        return rows[: self._limit] if self._limit else rows

    def _top(self) -> list[Row]:
        """An insertion into the short list of the best so far; most documents only meet its last key."""
        key, source, limit = self._key, self._source, self._limit
        keys: list[bytes] = []
        rows: list[Row] = []
        for document in source:
            own = key(document)
            if len(keys) == limit:
                if own >= keys[-1]:
                    continue
                keys.pop()
                rows.pop()
            place = bisect_right(keys, own)
            keys.insert(place, own)
            rows.insert(place, (own, document, source.record_id))  # type: ignore[union-attr]
        return rows
