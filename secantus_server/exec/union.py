"""The union of several scans."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any


class UnionScan(Iterator[bytes]):
    """An iterator over the documents of several scans in sequence. The scans share a set of RecordIds to prevent duplicates."""

    def __init__(self, scans: Sequence[Any]) -> None:
        self._scans = list(scans)
        self.record_id = 0

    def __next__(self) -> bytes:
        while self._scans:
            scan = self._scans[0]
            for document in scan:
                self.record_id = scan.record_id
                return document  # type: ignore[no-any-return]
            self._scans.pop(0)
        raise StopIteration

    def count(self, most: int = sys.maxsize) -> int:
        """Count the documents that have not been read yet, but at most `most` of them."""
        found = 0
        for scan in self._scans:
            found += scan.count(most - found)
        return found
