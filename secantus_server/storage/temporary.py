"""Temporary files, to which operations move data that exceeds their memory limits.

The files of a store in a directory are in its subdirectory `_tmp`, as MongoDB's are. An in-memory store uses the system's temporary
directory. A file has no name: it is unlinked right after its creation, so the operating system frees it even if the process is killed.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import Final

from secantus_server.errors import CommandError
from secantus_server.system._threads import Lock
from secantus_server.system.files import UNPATCHED

#: The subdirectory of a storage directory.
DIRECTORY: Final = "_tmp"
# The files in it are unlinked before anything is written to them.
_SYSTEM_DIRECTORY: Final = "/tmp"  # noqa: S108
_OUT_OF_SPACE: Final = 14031
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_INTERNAL_ERROR: Final = 1


class TemporaryFile:
    """A file without a name, which grows at its end. It is closed with the object.

    Arguments:
        descriptor: the file descriptor, which belongs to this object.
        directory: the directory of the file, for error messages.
    """

    def __init__(self, descriptor: int, directory: str) -> None:
        self._descriptor = descriptor
        self._directory = directory
        #: The number of bytes in the file.
        self.size = 0

    def append(self, data: bytes) -> int:
        """Write bytes at the end of the file, and return their position.

        Raises:
            CommandError: 14031 OutOfDiskSpace if the disk is full, 1 InternalError for other errors of the operating system.
        """
        start, rest = self.size, memoryview(data)
        try:
            while rest:
                written = UNPATCHED.pwrite(self._descriptor, rest, self.size)
                self.size += written
                rest = rest[written:]
        except OSError as error:
            raise _failed(error, self._directory) from error
        return start

    def read(self, start: int, size: int) -> bytes:
        """Return `size` bytes from the position `start`. The file must contain them.

        Raises:
            CommandError: 1 InternalError for errors of the operating system.
        """
        parts = []
        try:
            while size:
                parts.append(UNPATCHED.pread(self._descriptor, size, start))
                assert parts[-1], "a read ends at the end of the file"
                start, size = start + len(parts[-1]), size - len(parts[-1])
        except OSError as error:
            raise _failed(error, self._directory) from error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def clear(self) -> None:
        """Remove all bytes, so that their space on the disk is free again."""
        UNPATCHED.ftruncate(self._descriptor, 0)
        self.size = 0

    def close(self) -> None:
        """Close the file, which frees its space on the disk. A second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            UNPATCHED.close(descriptor)

    def __del__(self) -> None:
        self.close()


class TemporaryFiles:
    """The temporary files of one store, and the counters of what was written to them.

    Arguments:
        path: the storage directory, or None for an in-memory store.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._made = False
        self._lock = Lock()
        # The spills, bytes, records and written bytes for each kind of stage, guarded by the lock.
        self._counts: dict[str, tuple[int, int, int, int]] = {}

    def open(self) -> TemporaryFile:
        """Create a file.

        Raises:
            CommandError: 14031 OutOfDiskSpace if the disk is full, 1 InternalError for other errors of the operating system.
        """
        directory = os.environ.get("TMPDIR", _SYSTEM_DIRECTORY) if self._path is None else f"{self._path}{os.sep}{DIRECTORY}"
        try:
            if self._path is not None:
                UNPATCHED.make_directory(directory)
                self._made = True
            return TemporaryFile(UNPATCHED.open_unlinked(directory), directory)
        except OSError as error:
            raise _failed(error, directory) from error

    def count(self, kind: str, spilled: tuple[int, int, int, int]) -> None:
        """Add to the counters of a kind of stage.

        Arguments:
            kind: the name of the counters in serverStatus, such as `sort`.
            spilled: the numbers of spills, of bytes in memory, of records, and of bytes written.
        """
        with self._lock:
            spills, size, records, stored = self._counts.get(kind, (0, 0, 0, 0))
            self._counts[kind] = spills + spilled[0], size + spilled[1], records + spilled[2], stored + spilled[3]

    def counts(self, kind: str) -> tuple[int, int, int, int]:
        """Return the counters of a kind of stage, in the order of `count`."""
        return self._counts.get(kind, (0, 0, 0, 0))

    def close(self) -> None:
        """Remove the subdirectory. Open files remain usable until they are closed."""
        if self._made and self._path is not None:
            with suppress(OSError):
                UNPATCHED.remove_directory(f"{self._path}{os.sep}{DIRECTORY}")


def _failed(error: OSError, directory: str) -> CommandError:
    """Return the error for a failed operation on a temporary file."""
    if error.errno in _FULL:
        return CommandError(_OUT_OF_SPACE, f"The disk is full: {directory} cannot take more temporary data. Make room and try again.")
    reason = (error.strerror or str(error)).lower()
    return CommandError(_INTERNAL_ERROR, f"Cannot use a temporary file in {directory}: {reason}. Check the directory's permissions.")
