"""Taking a backup of an open store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from secantus_server.backup.manifest import ArchivedFile, Manifest, Progress
from secantus_server.clock import Clock
from secantus_server.oplog.oplog import Oplog
from secantus_server.storage import Engine
from secantus_server.version import MONGODB_8_2

#: The files are copied, their entries are copied, and the new files are archived.
_PASSES_WITHOUT_USERS: Final = 3


class _Moment(NamedTuple):
    """When a backup was taken: the time in milliseconds since the epoch, and the timestamp of the last write before, as a 64-bit number."""

    now_ms: int
    stamp: int

    def manifest(self, files: tuple[ArchivedFile, ...], with_users: bool) -> Manifest:
        """Return the manifest of the archive."""
        return Manifest(self.now_ms, self.stamp, MONGODB_8_2.version, files, with_users)


def take_backup(
    engine: Engine,
    oplog: Oplog,
    clock: Clock,
    path: Path,
    progress: Progress,
    begin: Callable[[int], object] = lambda total: None,
    *,
    with_users: bool = False,
) -> Manifest:
    """Write an archive of the store as it is at one moment; writes go on meanwhile.

    Arguments:
        path: the archive's name.
        progress: called after each piece; see `Progress`.
        begin: called with the number of bytes to copy.
        with_users: whether the archive contains users and roles. Without them it takes twice the space of the store, in temporary files
            next to the archive.

    Raises:
        CommandError: 2 for a name that cannot be written, 117 while another backup runs, 238 for an in-memory store.
    """
    # Imported here, because every server imports this module and few take backups: tarfile and gzip take milliseconds to import.
    from secantus_server.backup.archive import check_archive_name, write_archive
    from secantus_server.backup.without_users import copied_without_users

    check_archive_name(path)
    moments: list[_Moment] = []

    with ExitStack() as stack:
        running = stack.enter_context(ExitStack())
        backup = running.enter_context(engine.backup(lambda: moments.append(_Moment(clock.now_ms(), oplog.settled_stamp()))))
        size = sum(file.size for file in backup.files)
        begin(size if with_users else _PASSES_WITHOUT_USERS * size)
        if not with_users:
            directory = path.with_name(f".{path.name}.copying")
            rewritten = stack.enter_context(copied_without_users(backup.files, directory, progress, running.close))
            backup = stack.enter_context(rewritten.backup())
        return write_archive(path, backup.files, lambda files: moments[0].manifest(files, with_users), progress)
