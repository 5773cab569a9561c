"""Iterators that set the metadata of each document when it is read, and sorts that preserve the metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from secantus_server.exec.sorting import SortedDocuments, sorted_within
from secantus_server.exec.wrapped import Wrapped
from secantus_server.mql.metadata import Metadata


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
        metadata: Metadata,
    ) -> None:
        super().__init__(source, key, limit, max_bytes)
        self._metadata = metadata
        self._ordered: Iterator[tuple[bytes, bytes, int, dict[str, Any]]] | None = None

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

    def _with_metadata(self) -> list[tuple[bytes, bytes, int, dict[str, Any]]]:
        source, metadata = self._source, self._metadata
        rows = ((self._key(document), document, source.record_id, metadata.values) for document in source)  # type: ignore[union-attr]
        return sorted_within(rows, self._limit, float("inf") if self._max_bytes is None else self._max_bytes)
