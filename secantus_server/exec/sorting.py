"""Sorting documents: all of them, or only the first few that are wanted."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any, TypeVar

from secantus_server.errors import CommandError
from secantus_server.exec._scan import Scan

Row = tuple[bytes, bytes, int]  # sort key, document, RecordId

AnyRow = TypeVar("AnyRow", bound=tuple[Any, ...])

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
        max_bytes: the most bytes of documents to keep; None is no limit.
    """

    def __init__(self, source: Scan | Iterator[bytes], key: Callable[[bytes], bytes], limit: int, max_bytes: int | None = None) -> None:
        self._source = source
        self._key = key
        self._limit = limit
        self._max_bytes = max_bytes
        self._rows: Iterator[Row] | None = None
        self.record_id = 0
        # As a reader of a ReadScope: whose documents these are, for a cursor that must not outlive its collection.
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
        """Do nothing: once the documents are sorted, no transaction is needed for them."""

    def detach(self) -> None:
        """Do nothing; see `attach`."""

    def close(self) -> None:
        """Forget the documents."""
        self._rows = iter(())
        self.finished = True

    def _sorted(self) -> list[Row]:
        if self._max_bytes is not None:
            source = self._source
            rows = ((self._key(document), document, source.record_id) for document in source)  # type: ignore[union-attr]
            return sorted_within(rows, self._limit, self._max_bytes)
        return self._top() if 0 < self._limit <= LONGEST_TOP else self._all()

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


def sorted_within(rows: Iterable[AnyRow], limit: int, max_bytes: int) -> list[AnyRow]:
    """Return the rows in order; only those that are wanted count against the memory.

    Arguments:
        rows: each has its key first and its document second.
        limit: how many of the first rows are wanted; 0 means all.
        max_bytes: the most bytes of documents to keep.

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


def too_much_to_sort(_used: int, max_bytes: int) -> CommandError:
    """Return the error for a sort that would need the disk, which it may not use."""
    return CommandError(292, f"Sort exceeded memory limit of {max_bytes} bytes, but did not opt in to external sorting.")
