"""Taking a backup of an open store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from secantus_server.backup.manifest import ArchivedFile, Manifest, Progress
from secantus_server.clock import Clock
from secantus_server.oplog.oplog import Oplog
from secantus_server.storage import Engine
from secantus_server.version import MONGODB_8_2


def take_backup(
    engine: Engine, oplog: Oplog, clock: Clock, path: Path, progress: Progress, begin: Callable[[int], object] = lambda total: None
) -> Manifest:
    """Write an archive of the store as it is at one moment; writes go on meanwhile.

    Arguments:
        path: the archive's name.
        progress: called after each piece; see `Progress`.
        begin: called with the number of bytes to copy.

    Raises:
        CommandError: 2 for a name that cannot be written, 117 while another backup runs, 238 for an in-memory store.
    """
    # Imported here, because every server imports this module and few take backups: tarfile and gzip take milliseconds to import.
    from secantus_server.backup.archive import check_archive_name, write_archive

    check_archive_name(path)
    stamp = now_ms = 0

    def note() -> None:
        nonlocal stamp, now_ms
        stamp, now_ms = oplog.settled_stamp(), clock.now_ms()

    def describe(files: tuple[ArchivedFile, ...]) -> Manifest:
        return Manifest(now_ms, stamp, MONGODB_8_2.version, files)

    with engine.backup(note) as backup:
        begin(sum(file.size for file in backup.files))
        return write_archive(path, backup.files, describe, progress)
