"""The base class of iterators that change or skip the documents of another iterator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Wrapped(Iterator[bytes]):
    """An iterator over the documents of another iterator, with the same `record_id`.

    Arguments:
        documents: an iterator with the RecordId of its last document in `record_id`.
    """

    def __init__(self, documents: Any) -> None:
        self._documents = documents

    @property
    def record_id(self) -> int:
        """The RecordId of the last document returned."""
        return self._documents.record_id  # type: ignore[no-any-return]
