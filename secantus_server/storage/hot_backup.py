"""The files of a store in a directory as they are at one moment, while writes go on.

WiredTiger's backup cursor keeps what the files contain of the last checkpoint, and the log files that follow it. The log is cut where it
ended at that moment, so that a start from a copy restores exactly the commits up to then.

https://source.wiredtiger.com/develop/backup.html
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from secantus_server.storage.wiredtiger._binding import BackupCursor, Connection

_LOG: Final = "WiredTigerLog."


class BackupFile(NamedTuple):
    """A file of a backup.

    Arguments:
        name: its name in the storage directory.
        path: its path.
        size: the number of bytes to copy; the file may become longer meanwhile.
    """

    name: str
    path: Path
    size: int


class HotBackup:
    """An open backup, from `Engine.open_backup()`. Close it, so that WiredTiger can reuse space and remove log files again.

    `files` lists the files to copy.

    Arguments:
        connection: the open database; no transaction runs.
        directory: the storage directory.
    """

    def __init__(self, connection: Connection, directory: Path) -> None:
        end = connection.log_end()
        self._cursor = BackupCursor(connection)
        try:
            self.files = tuple(self._files(directory, end >> 32, end & 0xFFFFFFFF))
        except BaseException:
            self._cursor.close()
            raise

    def _files(self, directory: Path, last_log: int, log_size: int) -> Iterator[BackupFile]:
        for name in self._cursor.files:
            size = (directory / name).stat().st_size
            number = int(name.removeprefix(_LOG)) if name.startswith(_LOG) else 0
            if number <= last_log:
                yield BackupFile(name, directory / name, min(size, log_size) if number == last_log else size)

    def close(self) -> None:
        """End the backup. A second call does nothing."""
        self._cursor.close()
