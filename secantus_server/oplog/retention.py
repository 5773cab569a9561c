"""The limits of the oplog: a maximum size, and a minimum age. Entries below the minimum age are retained even above the maximum size.

https://www.mongodb.com/docs/manual/core/replica-set-oplog/#minimum-oplog-retention-period
"""

from __future__ import annotations

import struct

from secantus_server.records import NamedTuple
from secantus_server.storage import META, RecoveryUnit

MEGABYTE = 1024 * 1024
# If the user has set no size, the oldest rows are removed beyond this number of rows, or beyond DEFAULT_BYTES.
DEFAULT_ROWS = 50_000
DEFAULT_BYTES = 64 * MEGABYTE
# The default byte limit of an in-memory store, before and after the first change stream or snapshot read. The larger limit lets a stream
# fall behind by two documents of the maximum size. A server without such readers does not need that memory.
DEFAULT_BYTES_IN_MEMORY = 8 * MEGABYTE
READER_BYTES_IN_MEMORY = 40 * MEGABYTE
# The row of `meta` with the limits set by replSetResizeOplog.
_ROW = b"oplog.retention"
_FORMAT = struct.Struct(">Qd")


class Retention(NamedTuple):
    """The limits of the oplog.

    Arguments:
        max_bytes: the size above which the oldest entries are removed.
        max_rows: the number of rows above which the oldest rows are removed; None for no limit.
        min_hours: younger entries are retained regardless of the other limits.
    """

    max_bytes: int
    max_rows: int | None
    min_hours: float = 0.0

    def save(self, unit: RecoveryUnit) -> None:
        """Store the limits so that they survive a restart."""
        unit.put(META, _ROW, _FORMAT.pack(self.max_bytes, self.min_hours))


def retention_of(size_mb: int, min_hours: float, *, in_memory: bool) -> Retention:
    """Return the oplog limits for a server's settings.

    Arguments:
        size_mb: the size in megabytes; 0 for the default.
        min_hours: see `Retention`.
        in_memory: whether the store is in memory only.
    """
    if size_mb:
        return Retention(size_mb * MEGABYTE, None, min_hours)
    return Retention(DEFAULT_BYTES_IN_MEMORY if in_memory else DEFAULT_BYTES, DEFAULT_ROWS, min_hours)


def saved_retention(unit: RecoveryUnit) -> Retention | None:
    """Return the limits that `Retention.save` has stored, or None if absent."""
    row = unit.get(META, _ROW)
    if row is None:
        return None
    max_bytes, min_hours = _FORMAT.unpack(row)
    return Retention(max_bytes, None, min_hours)
