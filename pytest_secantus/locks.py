"""Locks between the processes of a run, by locked files.

They use only system calls. A lock made of `threading`'s parts, such as those of the package filelock, breaks if eventlet patches the
process after it was made.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType


class FileLock:
    """A lock that one process at a time holds. The operating system releases it when the process ends, even if it was killed.

    There is no timeout: in a test that has stopped the clock, it would never expire.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._owner = 0

    def acquire(self) -> None:
        """Wait for the lock and take it. The file is created if necessary, and stays."""
        self._take(fcntl.LOCK_EX)

    def release(self) -> None:
        """Release the lock, if it was taken. A fork of its owner only closes its copy."""
        if self._descriptor == -1:
            return
        descriptor, self._descriptor = self._descriptor, -1
        if self._owner == os.getpid():
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)

    def is_held(self) -> bool:
        """Return whether a living process holds the lock, through whichever object."""
        try:
            self._take(fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        self.release()
        return False

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()

    def _take(self, operation: int) -> None:
        with contextlib.ExitStack() as undo:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            undo.callback(os.close, descriptor)
            fcntl.flock(descriptor, operation)
            self._descriptor, self._owner = descriptor, os.getpid()
            undo.pop_all()
