"""Copying of a store entry by entry. Unlike a copy of the files, the result contains no removed or overwritten data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from secantus_server.storage.engine import Engine
from secantus_server.storage.tables import NAMES

#: The bytes of one transaction: few enough to fit into the cache, enough that the commits do not matter.
_BATCH_BYTES: Final = 4 << 20


def rewrite_store(source: Engine, target: Engine, is_copied: Callable[[int, bytes], bool], progress: Callable[[int], object]) -> None:
    """Copy the entries of a store to a new one. No other thread may use the two stores during the copy.

    Arguments:
        source: the store to copy. First, the entries of dropped collections and indexes are removed from it.
        target: a new store.
        is_copied: a function that returns whether to copy the entry with the given table and key.
        progress: a function called with the size of each copied batch. It may raise an error to stop the copy.
    """
    while source.purge_orphans():
        progress(0)
    for table in range(len(NAMES)):
        lower: bytes | None = b""
        while lower is not None:
            lower, size = _copy_batch(source, target, table, lower, is_copied)
            progress(size)


def _copy_batch(
    source: Engine, target: Engine, table: int, lower: bytes, is_copied: Callable[[int, bytes], bool]
) -> tuple[bytes | None, int]:
    """Copy the next entries of a table. Return the lower bound of the remaining keys (None at the end) and the number of bytes copied."""
    size = 0
    with source.transaction() as reading, target.transaction() as writing:
        for key, value in reading.scan(table, lower, None):
            if is_copied(table, key):
                writing.put(table, key, value, True)
            size += len(key) + len(value)
            if size >= _BATCH_BYTES:
                return key + b"\0", size
    return None, size
