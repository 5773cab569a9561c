"""The version of the store's format. It is stored in the table `meta`, so that no program opens a directory with an unknown format.

| Format | What is stored |
|---|---|
| none | Directories from before this row, which this version reads. A row of the oplog is one entry, several, or packed. |
| 1 | The same, with this row. |

Increment VERSION and extend this table with each change because of which an older program would misread a newer directory, or a newer
program an older directory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from secantus_server.storage._unit import RecoveryUnit
from secantus_server.storage.errors import StorageError
from secantus_server.storage.tables import META, WITHOUT_USERS

VERSION: Final = 1
_ROW: Final = b"\0format"
_SIZE: Final = 4


def check_version(unit: RecoveryUnit, directory: Path, *, is_new: bool) -> None:
    """Check that this program can read the store's format. Record the current format if the store has no format row.

    Arguments:
        directory: the storage directory, for the error.
        is_new: whether the store was just created.

    Raises:
        StorageError: this program cannot read the format.
    """
    row = unit.get(META, _ROW)
    if row is None:
        unit.put(META, _ROW, VERSION.to_bytes(_SIZE, "big"))
        if is_new:
            unit.put(META, WITHOUT_USERS, b"")
        return
    stored = int.from_bytes(row, "big")
    if stored != VERSION:
        which = "a later" if stored > VERSION else "an earlier"
        raise StorageError(
            f"The storage directory {directory} has format {stored}, that of {which} version of Secantus; this one reads format {VERSION}. "
            "Start the version that wrote it, save the data with mongodump, and load it into a new directory with mongorestore."
        )
