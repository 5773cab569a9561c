"""The version of the store's format. It is stored in the table `meta`, so that no program opens a directory with an unknown format.

| Format | What is stored |
|---|---|
| none | Directories without a version row, which this version can read. A row of the oplog is one entry, several entries, or packed. |
| 1 | The same as without a version row, plus this row. |

If a change would make an older program misread a newer directory, or a newer program an older directory, increment VERSION and extend
this table.
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
    """Raise if this program cannot read the store's format. If the store has no version row, write one with the current format.

    Arguments:
        directory: the storage directory, for the error message.
        is_new: whether the store was just created.

    Raises:
        StorageError: if this program cannot read the format.
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
