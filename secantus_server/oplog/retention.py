"""How much of the oplog is kept: a size, and a time for which entries are kept even beyond it.

https://www.mongodb.com/docs/manual/core/replica-set-oplog/#minimum-oplog-retention-period
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from secantus_server.storage import META, RecoveryUnit

MEGABYTE = 1024 * 1024
# Without a size that the user has set, the oldest rows are removed beyond this number of rows, or beyond DEFAULT_BYTES.
DEFAULT_ROWS = 50_000
DEFAULT_BYTES = 64 * MEGABYTE
# The default byte limit of an in-memory store, before and after the first change stream or snapshot read. A stream may fall behind by two
# documents of the largest size; a server without such readers does not spend memory on them.
DEFAULT_BYTES_IN_MEMORY = 8 * MEGABYTE
READER_BYTES_IN_MEMORY = 40 * MEGABYTE
# The row of `meta` with what replSetResizeOplog has set.
_ROW = b"oplog.retention"
_FORMAT = struct.Struct(">Qd")


class Retention(NamedTuple):
    """The limits of the oplog.

    Arguments:
        max_bytes: the oldest entries are removed beyond this size.
        max_rows: they are also removed beyond this number of rows; None for no limit.
        min_hours: entries younger than this are kept in any case.
    """

    max_bytes: int
    max_rows: int | None
    min_hours: float = 0.0

    def save(self, unit: RecoveryUnit) -> None:
        """Store the limits, so that they hold after a restart too."""
        unit.put(META, _ROW, _FORMAT.pack(self.max_bytes, self.min_hours))


def retention_of(size_mb: int, min_hours: float, *, in_memory: bool) -> Retention:
    """Return the limits of a server's settings.

    Arguments:
        size_mb: the size in megabytes; 0 for the default.
        min_hours: see `Retention`.
        in_memory: whether the store ends with the process.
    """
    if size_mb:
        return Retention(size_mb * MEGABYTE, None, min_hours)
    return Retention(DEFAULT_BYTES_IN_MEMORY if in_memory else DEFAULT_BYTES, DEFAULT_ROWS, min_hours)


def saved_retention(unit: RecoveryUnit) -> Retention | None:
    """Return the limits that `Retention.save` has stored, or None."""
    row = unit.get(META, _ROW)
    if row is None:
        return None
    max_bytes, min_hours = _FORMAT.unpack(row)
    return Retention(max_bytes, None, min_hours)
