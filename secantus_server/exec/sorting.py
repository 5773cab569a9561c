"""Sorting of documents, either completely or only for the first few."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any, TypeVar

from secantus_server.errors import CommandError
from secantus_server.exec._scan import Scan, keep_best, keyed_rows

Row = tuple[bytes, bytes, int]  # sort key, document, RecordId

AnyRow = TypeVar("AnyRow", bound=tuple[Any, ...])

# If more documents than this are requested, sorting all documents is faster than inserting each one into a sorted list.
LONGEST_TOP = 2000


class Measured(Iterator[bytes]):
    """An iterator over the documents of another iterator that counts their total size in bytes."""

    def __init__(self, source: Scan | Iterator[bytes]) -> None:
        self._source = source
        self.size = 0

    @property
    def record_id(self) -> int:
        """Return the RecordId of the last returned document."""
        return self._source.record_id  # type: ignore[union-attr]

    def __next__(self) -> bytes:
        document = next(self._source)
        self.size += len(document)
        return document


class SortedDocuments(Iterator[bytes]):
    """An iterator over the documents of another iterator, sorted by key. The sort is stable.

    Arguments:
        source: the documents. They are read completely when the first document is requested.
        key: a function that returns a document's sort key.
        limit: the maximum number of documents to return; 0 means all.
        max_bytes: the maximum total size of documents in memory; None means no limit.
    """

    def __init__(self, source: Scan | Iterator[bytes], key: Callable[[bytes], bytes], limit: int, max_bytes: int | None = None) -> None:
        self._source = source
        self._key = key
        self._limit = limit
        self._max_bytes = max_bytes
        self._rows: Iterator[Row] | None = None
        self.record_id = 0
        # The collection whose drop ends the cursor; see `read_scope.Reader`.
        self.collection: Any = None
        self.finished = False

    def __next__(self) -> bytes:
        if self._rows is None:
            self._rows = iter(self._sorted())
        row = next(self._rows, None)
        if row is None:
            self.finished = True
            raise StopIteration
        _, document, self.record_id = row
        return document

    def attach(self, unit: Any) -> None:
        """Do nothing, because sorted documents need no transaction."""

    def detach(self) -> None:
        """Do nothing, because sorted documents need no transaction."""

    def close(self) -> None:
        """Release the documents in memory."""
        self._rows = iter(())
        self.finished = True

    def _sorted(self) -> list[Row]:
        if self._max_bytes is not None:
            source = self._source
            rows = ((self._key(document), document, source.record_id) for document in source)  # type: ignore[union-attr]
            return sorted_within(rows, self._limit, self._max_bytes)
        return self._top() if 0 < self._limit <= LONGEST_TOP else self._all()

    def _all(self) -> list[Row]:
        rows = keyed_rows(self._source, self._key)
        rows.sort(key=itemgetter(0))
        return rows[: self._limit] if self._limit else rows

    def _top(self) -> list[Row]:
        rows: list[Row] = []
        self.keep_best(self._source, [], rows)
        return rows

    def keep_best(self, documents: Iterable[bytes], keys: list[bytes], rows: list[Row]) -> None:
        """Insert documents into the list of the first documents in sort order that were found so far.

        Arguments:
            documents: some of the source's documents.
            keys, rows: the keys and rows of the list, which are modified in place.
        """
        keep_best(documents, self._source, self._key, self._limit, keys, rows)


def sorted_within(rows: Iterable[AnyRow], limit: int, max_bytes: float) -> list[AnyRow]:
    """Return the rows in sorted order. Only rows within `limit` count towards `max_bytes`.

    Arguments:
        rows: tuples whose first two items are the sort key and the document.
        limit: the maximum number of rows to return; 0 means all.
        max_bytes: the maximum total size of documents in memory.

    Raises:
        CommandError: 292 QueryExceededMemoryLimitNoDiskUseAllowed.
    """
    kept: list[AnyRow] = []
    used = 0
    for row in rows:
        kept.append(row)
        used += len(row[1])
        if used > max_bytes:
            if limit:
                kept.sort(key=itemgetter(0))
                del kept[limit:]
                used = sum(len(row[1]) for row in kept)
            if used > max_bytes:
                raise too_much_to_sort(used, max_bytes)
    kept.sort(key=itemgetter(0))
    return kept[:limit] if limit else kept


def too_much_to_sort(_used: int, max_bytes: float) -> CommandError:
    """Return the error for a sort that exceeds its memory limit and must not use the disk."""
    return CommandError(292, f"Sort exceeded memory limit of {max_bytes} bytes, but did not opt in to external sorting.")
