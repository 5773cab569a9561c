"""Restores a storage directory from an archive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from secantus_server.backup.archive import unpack_archive, verify_archive
from secantus_server.backup.manifest import Manifest, Progress
from secantus_server.backup.reserving import reserved_directory
from secantus_server.errors import CommandError
from secantus_server.storage import Engine


def restore_archive(
    archive: Path, target: Path, progress: Progress, finish: Callable[[Path, Manifest], object] = lambda directory, manifest: None
) -> Manifest:
    """Restore an archive to a directory that does not exist or is empty. Until the restore is complete, the files are in a temporary
    directory.

    Arguments:
        archive: the archive, which is verified before anything is written.
        target: the directory.
        progress: called with the size of each piece that is verified or written.
        finish: applies further changes to the restored directory.

    Raises:
        CommandError: 301 if the archive is damaged, 2 if it cannot be read or the target is not empty, 117 if another restore to the
            target is running.
    """
    check_target(target)
    manifest = verify_archive(archive, progress)
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        with reserved_directory(partial):
            unpack_archive(archive, partial, progress)
            # The storage engine makes its own files from the backup's, and applies the log.
            Engine.open(str(partial)).close()
            finish(partial, manifest)
            partial.rename(target)
    except OSError as error:
        raise CommandError(2, f"The directory {target} cannot be written: {error.strerror}.") from error
    return manifest


def check_target(target: Path) -> None:
    """Check that the target directory of a restore does not exist or is empty.

    Raises:
        CommandError: 2 if the directory exists and is not empty.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CommandError(2, f"{target} is not an empty directory: restore to a new one.")
