"""Loads the marks of wildcard indexes, which record the paths with arrays, when a store is opened or restored."""

from __future__ import annotations

from secantus_server.index._index import Index
from secantus_server.index.kinds._wildcard import MARK
from secantus_server.storage import INDEX_ENTRIES, RecoveryUnit

_RECORD_ID_BYTES = 8


def read_marks(unit: RecoveryUnit, index: Index) -> None:
    """Load the marks of an index from its entries, unless all marks are already in memory.

    The caller must ensure that no other thread writes to the index during the call.

    Arguments:
        unit: a recovery unit with an open transaction.
    """
    if index.knows_marks or not index.kind.has_wildcard:
        return
    low, end = index.prefix + MARK, index.prefix + b"\xff"
    while True:
        cursor = unit.scan(INDEX_ENTRIES, low, end)
        found = next(cursor, None)
        cursor.close()
        if found is None:
            break
        mark = found[0][len(index.prefix) : -_RECORD_ID_BYTES]
        index.marks.add(mark)
        # Skip the entries that other documents have for the same mark.
        low = index.prefix + mark + b"\xff" * (_RECORD_ID_BYTES + 1)
    index.knows_marks = True
