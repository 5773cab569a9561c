"""Reserves temporary names, so that two backups or restores to one path do not use each other's files.

A reservation is a file lock, which the operating system releases when the process ends. Files of a killed process can therefore be
reused.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from secantus_server.errors import CommandError

_BUSY: Final = 117


def lock(descriptor: int, path: Path) -> None:
    """Lock an open file or directory. Do nothing on a file system without flock.

    Raises:
        CommandError: 117 if another backup or restore holds the lock, or has just released it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _busy(path) from None
    except OSError:
        return
    # Its owner may have removed or renamed it after it was opened here.
    if not _has_name(descriptor, path):
        raise _busy(path)


def _has_name(descriptor: int, path: Path) -> bool:
    """Return whether a path still refers to an open file or directory."""
    return path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor))


def _busy(path: Path) -> CommandError:
    return CommandError(_BUSY, f"{path} is in use by another backup or restore to the same path: wait until it has ended.")


@contextmanager
def reserved_directory(directory: Path) -> Iterator[None]:
    """Context manager: create and lock an empty directory. At the end, remove it unless it was renamed.

    Arguments:
        directory: the path, which does not exist or was left behind by a killed process.

    Raises:
        CommandError: 117 if another backup or restore uses the directory.
        OSError: the directory cannot be created.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lock(descriptor, directory)
        try:
            for entry in directory.iterdir():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            yield
        finally:
            if _has_name(descriptor, directory):
                shutil.rmtree(directory, ignore_errors=True)
    finally:
        os.close(descriptor)
