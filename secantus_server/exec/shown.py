"""What a find does to the documents of its plan: it leaves out the first, and shows more than them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any


class Skipping(Iterator[bytes]):
    """The documents behind the first few.

    Unlike `itertools.islice` it asks its source again after an end: that of a tailable cursor may have more then.
    """

    def __init__(self, documents: Any, count: int) -> None:
        self._documents = documents
        self._left = count

    @property
    def record_id(self) -> int:
        """The RecordId of the last document."""
        return self._documents.record_id  # type: ignore[no-any-return]

    def __next__(self) -> bytes:
        while self._left:
            next(self._documents)
            self._left -= 1
        return next(self._documents)  # type: ignore[no-any-return]


class WithRecordId(Iterator[bytes]):
    """Documents with their RecordId as the last field, `$recordId`.

    Arguments:
        documents: an iterator that knows the RecordId of its last document.
        shown: makes what is shown of a document.
    """

    def __init__(self, documents: Any, shown: Callable[[bytes], bytes]) -> None:
        self._documents = documents
        self._shown = shown

    def __next__(self) -> bytes:
        fields = self._shown(next(self._documents))[4:-1] + b"\x12$recordId\0" + struct.pack("<q", self._documents.record_id)
        return struct.pack("<i", len(fields) + 5) + fields + b"\0"
