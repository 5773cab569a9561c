"""Hot backups, which copy a store's files in the state of one moment while writes continue.

WiredTiger's backup cursor protects the last checkpoint in the files, and the log files written since then. The copy of the log ends at
the position that the log had reached at the moment of the backup. A server that starts from the copy therefore recovers exactly the
commits up to that moment.

https://source.wiredtiger.com/develop/backup.html
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from secantus_server.storage.wiredtiger._binding import BackupCursor, Connection

_LOG: Final = "WiredTigerLog."


class BackupFile(NamedTuple):
    """A file in a backup.

    Arguments:
        name: the file's name in the storage directory.
        path: the file's path.
        size: the number of bytes to copy. The file may grow during the copy.
    """

    name: str
    path: Path
    size: int


class HotBackup:
    """An open backup, created by `Engine.backup()`. While it is open, WiredTiger can neither reuse space nor remove log files.

    The attribute `files` lists the files to copy.

    Arguments:
        connection: the open database. No transaction may be running.
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
