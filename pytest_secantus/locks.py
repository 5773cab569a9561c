"""File locks between the processes of a test run.

The locks use only system calls. A lock that is based on `threading`, like the one in the package filelock, breaks if eventlet patches the
process after the lock is created.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType


class FileLock:
    """A lock that only one process can hold. The operating system releases it when the process ends, even if the process is killed.

    Acquiring has no timeout, because a timeout would never expire in a test that has stopped the clock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._owner = 0

    def acquire(self) -> None:
        """Block until the lock is acquired. Create the file if necessary; it is never deleted."""
        self._take(fcntl.LOCK_EX)

    def release(self) -> None:
        """Release the lock, if it is acquired. A fork of the owner only closes its copy of the file descriptor."""
        if self._descriptor == -1:
            return
        descriptor, self._descriptor = self._descriptor, -1
        if self._owner == os.getpid():
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)

    def is_held(self) -> bool:
        """Return whether any object in any living process holds the lock."""
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
