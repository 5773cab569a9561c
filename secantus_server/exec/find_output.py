"""Iterators that implement the options `skip` and `showRecordId` of find."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from secantus_server.exec.wrapped import Wrapped


class Skipping(Wrapped):
    """An iterator that skips the first documents of another iterator.

    Unlike `itertools.islice`, it tries to read again after it has reached the end, because the source of a tailable cursor may grow.
    """

    def __init__(self, documents: Any, count: int) -> None:
        super().__init__(documents)
        self._left = count

    def __next__(self) -> bytes:
        while self._left:
            next(self._documents)
            self._left -= 1
        return next(self._documents)  # type: ignore[no-any-return]


class WithRecordId(Wrapped):
    """An iterator that adds the field `$recordId` to each document.

    Arguments:
        documents: an iterator whose `record_id` is the RecordId of the last document that it returned.
        shown: a function that applies the query's projection to a document.
    """

    def __init__(self, documents: Any, shown: Callable[[bytes], bytes]) -> None:
        super().__init__(documents)
        self._shown = shown

    def __next__(self) -> bytes:
        fields = self._shown(next(self._documents))[4:-1] + b"\x12$recordId\0" + struct.pack("<q", self._documents.record_id)
        return struct.pack("<i", len(fields) + 5) + fields + b"\0"
