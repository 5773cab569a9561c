"""Restores a storage directory from an archive."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from secantus_server.backup.archive import unpack_archive, verify_archive
from secantus_server.backup.manifest import Manifest, Progress
from secantus_server.errors import CommandError
from secantus_server.storage import Engine


def restore_archive(
    archive: Path, target: Path, progress: Progress, finish: Callable[[Path, Manifest], object] = lambda directory, manifest: None
) -> Manifest:
    """Restore an archive to a directory that does not exist or is empty. The restored directory has a temporary name until it is complete.

    Arguments:
        archive: the archive, which is verified before anything is written.
        target: the directory.
        progress: called with the size of each piece that is verified or written.
        finish: applies further changes to the restored directory.

    Raises:
        CommandError: 301 if the archive is damaged, 2 if it cannot be read or the target is not empty.
    """
    check_target(target)
    manifest = verify_archive(archive, progress)
    partial = target.with_name(f".{target.name}.partial")
    try:
        # Remove the files left by an interrupted restore.
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True, mode=0o700)
        unpack_archive(archive, partial, progress)
        # Opening the store makes the storage engine convert the backup's files to its own and apply its log.
        Engine.open(str(partial)).close()
        finish(partial, manifest)
        partial.rename(target)
    except OSError as error:
        raise CommandError(2, f"The directory {target} cannot be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def check_target(target: Path) -> None:
    """Check that a directory to restore to does not exist or is empty.

    Raises:
        CommandError: 2 if the directory exists and is not empty.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CommandError(2, f"{target} is not an empty directory: restore to a new one.")
