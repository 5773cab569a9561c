"""Iterators that set the metadata of each document when it is read, and sorts that preserve the metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import Any

from secantus_server.bson import decode, encode
from secantus_server.bson.values import MISSING
from secantus_server.exec.sorting import SortedDocuments, sorted_within
from secantus_server.exec.spilling import Row, Spill, gather_rows, sort_spilling
from secantus_server.exec.wrapped import Wrapped
from secantus_server.mql.metadata import Metadata

AnnotatedRow = tuple[bytes, bytes, int, dict[str, Any]]  # sort key, document, RecordId, metadata


class Annotated(Wrapped):
    """An iterator over documents that sets the metadata of each document.

    Arguments:
        documents: an iterator whose `record_id` is the RecordId of the last document that it returned.
        sources: the metadata to set: a dict from keyword to a function that returns the value for the last document.
        metadata: the metadata of the query.
    """

    def __init__(self, documents: Any, sources: list[tuple[str, Callable[[bytes], Any]]], metadata: Metadata) -> None:
        super().__init__(documents)
        self._sources = sources
        self._metadata = metadata

    def __next__(self) -> bytes:
        document: bytes = next(self._documents)
        values: dict[str, Any] = {}
        for keyword, value in self._sources:
            values[keyword] = value(document)
        self._metadata.values = values
        return document


class SortKeys(Wrapped):
    """An iterator over sorted documents that adds the sort key of each document to its metadata.

    Arguments:
        documents: sorted documents with metadata.
        values: a function that returns the values by which a document is sorted.
        metadata: the metadata of the query.
    """

    def __init__(self, documents: Any, values: Callable[[bytes], list[Any]], metadata: Metadata) -> None:
        super().__init__(documents)
        self._values = values
        self._metadata = metadata

    def __next__(self) -> bytes:
        document: bytes = next(self._documents)
        self._metadata.values = {**self._metadata.values, "sortKey": self._values(document)}
        return document


class SortedWithMetadata(SortedDocuments):
    """An iterator over sorted documents. Before it returns a document, it restores the metadata from the time when the document was read.

    See `SortedDocuments` for the other arguments.

    Arguments:
        metadata: the metadata of the query.
    """

    def __init__(
        self,
        source: Any,
        key: Callable[[bytes], bytes],
        limit: int,
        max_bytes: int | None,
        spill: Spill | None,
        metadata: Metadata,
    ) -> None:
        super().__init__(source, key, limit, max_bytes, spill)
        self._metadata = metadata
        self._ordered: Iterator[AnnotatedRow] | None = None

    def __next__(self) -> bytes:
        if self._ordered is None:
            self._ordered = iter(self._with_metadata())
        row = next(self._ordered, None)
        if row is None:
            self.finished = True
            raise StopIteration
        _, document, self.record_id, self._metadata.values = row
        return document

    def close(self) -> None:
        """Release the documents in memory."""
        super().close()
        self._ordered = iter(())

    def _with_metadata(self) -> Iterable[AnnotatedRow]:
        source, metadata = self._source, self._metadata
        rows = ((self._key(document), document, source.record_id, metadata.values) for document in source)  # type: ignore[union-attr]
        return sort_annotated(rows, self._limit, self._max_bytes, self._spill)


def sort_annotated(rows: Iterator[AnnotatedRow], limit: int, max_bytes: int | None, spill: Spill | None) -> Iterable[AnnotatedRow]:
    """Return rows with metadata in sorted order.

    Arguments:
        limit: the maximum number of rows to return; 0 means all.
        max_bytes: the maximum total size of documents if the disk must not be used, or None.
        spill: the memory limit and the files if the disk may be used, or None.

    Raises:
        CommandError: 292 QueryExceededMemoryLimitNoDiskUseAllowed.
    """
    if spill is None:
        return sorted_within(rows, limit, inf if max_bytes is None else max_bytes)
    first: list[AnnotatedRow] = []
    if gather_rows(rows, first, spill.max_bytes):
        return sorted_within(first, limit, inf)
    joined = map(_joined, rows)
    return map(_divided, sort_spilling(spill, limit, lambda found, room: gather_rows(joined, found, room), list(map(_joined, first))))


def _joined(row: AnnotatedRow) -> Row:
    """Return a row whose metadata follows its document. Missing metadata and absent metadata are the same."""
    key, document, number, values = row
    return key, document + encode({name: value for name, value in values.items() if value is not MISSING}), number


def _divided(row: Row) -> AnnotatedRow:
    """Return a row with metadata, given a row whose metadata follows its document."""
    key, joined, number = row
    size = int.from_bytes(joined[:4], "little")
    return key, joined[:size], number, decode(joined[size:])
