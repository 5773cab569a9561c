"""The union of several scans: each document once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


class UnionScan(Iterator[bytes]):
    """The documents of several iterators that have `record_id`, one after another, without repeats."""

    def __init__(self, scans: Sequence[Any]) -> None:
        self._scans = list(scans)
        self._seen: set[int] = set()
        self.record_id = 0

    def __next__(self) -> bytes:
        while self._scans:
            scan = self._scans[0]
            for document in scan:
                if scan.record_id not in self._seen:
                    self.record_id = scan.record_id
                    self._seen.add(self.record_id)
                    return document  # type: ignore[no-any-return]
            self._scans.pop(0)
        raise StopIteration
