"""Sorting of documents, either completely or only for the first few."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from sys import maxsize
from typing import Any, TypeVar

from secantus_server.errors import CommandError
from secantus_server.exec._rows import SortBuffer, gather, keep_best, sort_rows
from secantus_server.exec._scan import Scan
from secantus_server.exec.spilling import Row, Spill, sort_spilling

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


class RowDocuments(Iterator[bytes]):
    """An iterator over the documents of rows. `record_id` is the RecordId of the last returned document."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = iter(rows)
        self.record_id = 0

    def __next__(self) -> bytes:
        _, document, self.record_id = next(self._rows)
        return document


class SortedDocuments(Iterator[bytes]):
    """An iterator over the documents of another iterator, sorted by key. The sort is stable.

    Arguments:
        source: the documents. They are read completely when the first document is requested.
        key: a function that returns a document's sort key.
        limit: the maximum number of documents to return; 0 means all.
        max_bytes: the maximum total size of documents in memory if the disk must not be used; None means no such limit.
        spill: the memory limit and the files if the disk may be used, or None.
    """

    def __init__(
        self,
        source: Scan | Iterator[bytes],
        key: Callable[[bytes], bytes],
        limit: int,
        max_bytes: int | None = None,
        spill: Spill | None = None,
    ) -> None:
        self._source = source
        self._key = key
        self._limit = limit
        self._max_bytes = max_bytes
        self._spill = spill
        self._documents: RowDocuments | SortBuffer | None = None
        self._project: Callable[[bytes], bytes] | None = None
        self.record_id = 0
        # The collection whose drop ends the cursor; see `read_scope.Reader`.
        self.collection: Any = None
        self.finished = False

    def __next__(self) -> bytes:
        ordered = self.ordered()
        document = next(ordered, None)
        if document is None:
            self.finished = True
            raise StopIteration
        self.record_id = ordered.record_id
        return document

    def project(self, project: Callable[[bytes], bytes]) -> bool:
        """Return what a function makes of each document instead of the document, and return True. Return False if documents must be whole.

        The function is called once for each document of the source, when its sort key is known. So the sort holds no whole documents. The
        function must be cheap and must not fail, because it is also called for documents that are never requested.
        """
        if self._max_bytes is not None or self._limit or self._documents is not None:
            return False
        self._project = project
        return True

    def ordered(self) -> RowDocuments | SortBuffer:
        """Return the iterator over the remaining documents, which a caller may advance instead of this object."""
        if self._documents is None:
            found = self._sorted()
            self._documents = found if isinstance(found, SortBuffer) else RowDocuments(found)
        return self._documents

    def attach(self, unit: Any) -> None:
        """Do nothing, because sorted documents need no transaction."""

    def detach(self) -> None:
        """Do nothing, because sorted documents need no transaction."""

    def close(self) -> None:
        """Release the documents in memory."""
        self._documents = RowDocuments(())
        self.finished = True

    def _sorted(self) -> Iterable[Row] | SortBuffer:
        if self._max_bytes is not None:
            source = self._source
            rows = ((self._key(document), document, source.record_id) for document in source)  # type: ignore[union-attr]
            return sorted_within(rows, self._limit, self._max_bytes)
        return self._top() if 0 < self._limit <= LONGEST_TOP else self._all([])

    def _all(self, first: list[Row]) -> Iterable[Row] | SortBuffer:
        """Return all rows in sorted order, given the rows that have been read."""
        key, source, spill, project = self._key, self._source, self._spill, self._project
        if not first:
            buffer = SortBuffer()
            # Half of the limit, because for a moment the rows are both in the buffer and in the list.
            if buffer.gather(source, source, key, maxsize if spill is None else spill.max_bytes // 2, project):
                buffer.sort(self._limit)
                return buffer
            first = buffer.rows()
            del buffer
        if spill is None:
            gather(source, source, key, first, maxsize, project)
            sort_rows(first)
            return first[: self._limit] if self._limit else first
        return sort_spilling(spill, self._limit, lambda rows, room: gather(source, source, key, rows, room, project), first)

    def _top(self) -> Iterable[Row] | SortBuffer:
        rows: list[Row] = []
        return rows if self.keep_best(self._source, [], rows) else self._all(rows)

    def keep_best(self, documents: Iterable[bytes], keys: list[bytes], rows: list[Row]) -> bool:
        """Insert documents into the list of the first documents in sort order that were found so far.

        For most documents, a comparison with the last key of the list suffices. Return False, before all documents are read, if the list
        needs more memory than the sort may use.

        Arguments:
            documents: some of the source's documents.
            keys, rows: the keys and rows of the list, which are modified in place.
        """
        max_bytes = maxsize if self._spill is None else self._spill.max_bytes
        return keep_best(documents, self._source, self._key, self._limit, keys, rows, max_bytes)


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
                sort_rows(kept)
                del kept[limit:]
                used = sum(len(row[1]) for row in kept)
            if used > max_bytes:
                raise too_much_to_sort(used, max_bytes)
    sort_rows(kept)
    return kept[:limit] if limit else kept


def too_much_to_sort(_used: int, max_bytes: float) -> CommandError:
    """Return the error for a sort that exceeds its memory limit and must not use the disk."""
    return CommandError(292, f"Sort exceeded memory limit of {max_bytes} bytes, but did not opt in to external sorting.")
