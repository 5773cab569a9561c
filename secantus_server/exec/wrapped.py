"""The base class of iterators that modify or skip the documents of another iterator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Wrapped(Iterator[bytes]):
    """An iterator that reads documents from another iterator and has the same `record_id`.

    Arguments:
        documents: an iterator whose `record_id` is the RecordId of the last document that it returned.
    """

    def __init__(self, documents: Any) -> None:
        self._documents = documents

    @property
    def record_id(self) -> int:
        """Return the RecordId of the last returned document."""
        return self._documents.record_id  # type: ignore[no-any-return]
