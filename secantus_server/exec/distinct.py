"""A scan for the distinct values of an index's first field. It reads one entry per value and skips the other entries with equal values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from secantus_server.bson.values import MISSING
from secantus_server.exec._covered import first_value
from secantus_server.index._index import Index
from secantus_server.storage import INDEX_ENTRIES, RecoveryUnit


class DistinctScan:
    """A scan for distinct values, in index order. Of several equal values (such as 1 and 1.0), it returns the first one in the index.

    Arguments:
        index: an index that is not multikey.
        intervals: pairs of key strings [low, high) that bound only the first field.
        after: a function that returns the smallest key greater than all keys whose first field has the given value.
        check: called regularly; raises an error to interrupt the scan.
    """

    def __init__(
        self, index: Index, intervals: list[tuple[bytes, bytes]], after: Callable[[Any], bytes], check: Callable[[], None]
    ) -> None:
        self._index = index
        self._intervals = intervals
        self._after = after
        self._check = check
        self.keys_examined = 0

    def values(self, unit: RecoveryUnit) -> Iterator[Any]:
        """Yield the distinct values. Documents without the field yield no value, although their index key equals the key of null."""
        prefix = self._index.prefix
        skip = 8 if self._index.unique else 0
        for low, high in self._intervals:
            cursor = unit.scan(INDEX_ENTRIES, prefix + low, prefix + high)
            for _, covered in cursor:
                self.keys_examined += 1
                self._check()
                value = first_value(covered[skip:])
                if value is not MISSING:
                    yield value
                    cursor.seek_at(prefix + self._after(value))
            cursor.close()
