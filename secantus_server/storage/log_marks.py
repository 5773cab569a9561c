"""The file `SecantusLog.marks` in a storage directory, which records the position that WiredTiger's log must reach at the next start.

WiredTiger treats an unreadable log record as the end of the log. The marks make it possible to distinguish damage from the end. The file
is mapped into memory, so that recording the log's end after each commit costs only a few nanoseconds. Like the log itself, the recorded
position survives the end of the process.

The file also reserves the directory. The process that has opened the directory holds a lock (flock) on the file, which is released when
the process ends.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from binascii import crc32
from pathlib import Path
from typing import Final, NamedTuple

from secantus_server.errors import CommandError
from secantus_server.storage.errors import DISK_FULL, StorageError, disk_full
from secantus_server.system.syncing import sync_path

NAME: Final = "SecantusLog.marks"
_MAGIC: Final = b"SecantusMarks 1\n"
_SIZE: Final = 4096
_WORDS: Final = struct.Struct("=6Q")
_AT_WORDS: Final = len(_MAGIC)
_CHECKPOINT: Final = struct.Struct("=2Q")
_AT_CHECKPOINT: Final = _AT_WORDS + 32
_AT_STATE: Final = _AT_WORDS + _WORDS.size
_AT_BOOT: Final = _AT_STATE + 1
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_BOOT_SIZE: Final = 36
_TURTLE: Final = struct.Struct("=I")
#: The position of the turtle file's checksum: behind the boot id, and a multiple of the checksum's size.
_AT_TURTLE: Final = 104
#: The first file that WiredTiger reads when it opens a store. The file contains no checksum.
TURTLE: Final = "WiredTiger.turtle"
_MADE: Final = b"m"
_IN_USE: Final = b"u"
_CLOSED: Final = b"c"


class LogPosition(NamedTuple):
    """A position in the log: the number of a log file and an offset."""

    file: int
    offset: int


class Marks(NamedTuple):
    """The marks recorded by the process that last opened the directory.

    Arguments:
        end: the end of the last acknowledged commit in the log.
        on_disk: the end of the last commit known to be on disk.
        checkpoint: the position from which recovery reads the log.
        complete: whether the tables had been created.
        closed: whether the store was closed, so that the tables contain all data.
        same_boot: whether the machine has not been restarted since the marks were written.
        turtle: the checksum of WiredTiger's turtle file when the store was closed; 0 if unknown.
    """

    end: LogPosition
    on_disk: LogPosition
    checkpoint: LogPosition
    complete: bool
    closed: bool
    same_boot: bool
    turtle: int

    @property
    def required_end(self) -> LogPosition:
        """The position that the log must reach. After a restart of the machine, commits that were not synced to disk are not required."""
        return self.end if self.same_boot else self.on_disk


class LogMarks:
    """The open marks file, created by Engine.open(). The directory is reserved until the file is closed.

    Arguments:
        directory: the storage directory.

    Raises StorageError if the directory is in use or the file cannot be written, CommandError(14031) if the disk is full.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        path = directory / NAME
        try:
            # The mapping uses a duplicate of another descriptor. The lock has this separate
            # descriptor, so that a forked child can close it.
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _unusable(error) from error
        try:
            self._lock()
            self.before = self._read()
            self._map = self._prepare(path)
        except OSError as error:
            os.close(self._fd)
            raise _unusable(error) from error
        except BaseException:
            os.close(self._fd)
            raise

    def _lock(self) -> None:
        """Lock the directory. On a file system without flock, only WiredTiger's own lock protects the directory."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError("The storage directory is in use by another server.", 98) from None
        except OSError:
            return

    def _read(self) -> Marks | None:
        """Return the marks of the process that last opened the directory, or None if the file contains no readable marks."""
        content = os.pread(self._fd, _SIZE, 0)
        state = content[_AT_STATE : _AT_STATE + 1]
        if len(content) < _SIZE or not content.startswith(_MAGIC) or state not in (_MADE, _IN_USE, _CLOSED):
            return None
        words = _WORDS.unpack_from(content, _AT_WORDS)
        # Each position is stored twice. After damage, or a crash between the two writes, they differ, and only the lower one is certain.
        end, on_disk, checkpoint = (_position(min(pair)) for pair in (words[0:2], words[2:4], words[4:6]))
        boot = content[_AT_BOOT : _AT_BOOT + _BOOT_SIZE]
        (turtle,) = _TURTLE.unpack_from(content, _AT_TURTLE)
        closed = state == _CLOSED
        return Marks(end, on_disk, checkpoint, state != _MADE, closed, boot == _boot_id(), turtle if closed else 0)

    def _prepare(self, path: Path) -> mmap.mmap:
        """Allocate all blocks of the file on disk, then map it into memory. Otherwise a write to a mapped page could fail when the disk
        is full.
        """
        try:
            if len(os.pread(self._fd, _SIZE, 0)) < _SIZE:
                # At the process's file size limit, the first write is short and only the second write fails.
                written = os.pwrite(self._fd, b"\0" * _SIZE, 0)
                os.pwrite(self._fd, b"\0" * (_SIZE - written), written)
            with path.open("r+b") as file:
                return mmap.mmap(file.fileno(), _SIZE)
        except ValueError as error:
            raise disk_full() from error

    def begin(self) -> memoryview:
        """Start new marks, and return the memory in which the end of the log is recorded.

        Call this after the store was opened and its tables exist.
        """
        self._map[:] = b"\0" * _SIZE
        self._map[: len(_MAGIC)] = _MAGIC
        self._map[_AT_BOOT : _AT_BOOT + _BOOT_SIZE] = _boot_id()
        self._set_state(_IN_USE)
        self._sync()
        return memoryview(self._map)[_AT_WORDS : _AT_WORDS + 32]

    def note_opening(self, *, is_new: bool) -> None:
        """Record that WiredTiger is about to open the directory and will then change its turtle file.

        Arguments:
            is_new: whether the tables are about to be created. Until then, the directory contains no data that could be lost.
        """
        if is_new:
            self._map[: len(_MAGIC)] = _MAGIC
            self._set_state(_MADE)
        elif self.before is None or not self.before.turtle:
            return
        _TURTLE.pack_into(self._map, _AT_TURTLE, 0)
        self._sync()

    def note_checkpoint(self, end: int) -> None:
        """Record a checkpoint.

        Arguments:
            end: the end of the log when the checkpoint began.
        """
        _CHECKPOINT.pack_into(self._map, _AT_CHECKPOINT, end, end)

    def note_closed(self) -> None:
        """Record that the store has been closed, so that the log is no longer required."""
        _TURTLE.pack_into(self._map, _AT_TURTLE, turtle_checksum(self.directory))
        self._set_state(_CLOSED)

    def close(self) -> None:
        """Release the reservation of the directory. The memory mapping exists until its last view is released."""
        os.close(self._fd)

    def _sync(self) -> None:
        """Sync the marks to disk. Otherwise a start after a power loss could read the marks of an earlier run."""
        try:
            self._map.flush()
            sync_path(self.directory)
        except OSError as error:
            raise _unusable(error) from error

    def _set_state(self, state: bytes) -> None:
        self._map[_AT_STATE : _AT_STATE + 1] = state


def turtle_checksum(directory: Path) -> int:
    """Return the checksum of WiredTiger's turtle file, or 0 if the file cannot be read."""
    try:
        return crc32((directory / TURTLE).read_bytes())
    except OSError:
        return 0


def _unusable(error: OSError) -> CommandError:
    """Return the error for a failed write to the marks file."""
    if error.errno in DISK_FULL:
        return disk_full()
    return StorageError(f"The storage directory cannot be written: {(error.strerror or str(error)).lower()}.")


def _position(end: int) -> LogPosition:
    return LogPosition(end >> 32, end & 0xFFFFFFFF)


def _boot_id() -> bytes:
    """Return the machine's boot id, or blanks if the system does not provide one."""
    try:
        return _BOOT_ID.read_bytes()[:_BOOT_SIZE].ljust(_BOOT_SIZE)
    except OSError:
        return b" " * _BOOT_SIZE


def reserve(path: str) -> tuple[Path, LogMarks]:
    """Create a storage directory if necessary, and reserve it for this process. Return its resolved path and its marks file.

    Arguments:
        path: the directory. A relative path is resolved immediately, because WiredTiger reopens files by path and a test may change the
            working directory.

    Raises:
        StorageError: if the directory cannot be created or is in use by another process.
    """
    directory = Path(path).absolute()
    try:
        missing = [one for one in (directory, *directory.parents) if not one.exists()]
        directory.mkdir(parents=True, exist_ok=True)
        for made in missing:
            sync_path(made.parent)
    except OSError as error:
        raise StorageError(f"The storage directory {path} cannot be created: {error.strerror}.") from error
    try:
        return directory, LogMarks(directory)
    except StorageError as error:
        raise StorageError(f"{error.message} ({path})", error.code) from error
