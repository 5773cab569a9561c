"""The file `SecantusLog.marks` in a storage directory: how far WiredTiger's log must reach at the next start.

WiredTiger treats an unreadable log record as the end of the log. The marks distinguish the two. The file is mapped into memory: recording
the end after each commit costs a few nanoseconds, and survives the end of the process, as the log itself does.

The file also shows that the directory is in use: its opener holds a lock on it (flock), which ends with the process.
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
#: After the boot id, at a multiple of its size.
_AT_TURTLE: Final = 104
#: The file with which WiredTiger begins to read a store. It has no checksum of its own.
TURTLE: Final = "WiredTiger.turtle"
_MADE: Final = b"m"
_IN_USE: Final = b"u"
_CLOSED: Final = b"c"


class LogPosition(NamedTuple):
    """A position in the log."""

    file: int
    offset: int


class Marks(NamedTuple):
    """The marks recorded by the last opener of the directory.

    Arguments:
        end: the end of the last acknowledged commit in the log.
        on_disk: the end of the last commit known to be on disk.
        checkpoint: the position from which a start reads the log.
        complete: the tables had been created.
        closed: the store was closed, so that the tables contain everything.
        same_boot: the machine has not been restarted since.
        turtle: the checksum of WiredTiger's turtle file when the store was closed; 0 if it is not known.
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
        """The position that the log must reach. A machine that stops may lose data that was not synced to disk."""
        return self.end if self.same_boot else self.on_disk


class LogMarks:
    """The open file, created by Engine.open(); it reserves the directory until it is closed.

    Arguments:
        directory: the storage directory.

    Raises StorageError if the directory is in use or the file cannot be written; CommandError(14031) if the disk is full.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        path = directory / NAME
        try:
            # The mapping duplicates its descriptor. The lock has a separate one, which a forked child can close.
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
        """Lock the directory; on a file system without locks, WiredTiger's own lock must suffice."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError("The storage directory is in use by another server.", 98) from None
        except OSError:
            return

    def _read(self) -> Marks | None:
        """Return the marks of the last opener; None if nothing is readable."""
        content = os.pread(self._fd, _SIZE, 0)
        state = content[_AT_STATE : _AT_STATE + 1]
        if len(content) < _SIZE or not content.startswith(_MAGIC) or state not in (_MADE, _IN_USE, _CLOSED):
            return None
        words = _WORDS.unpack_from(content, _AT_WORDS)
        # Each position is stored twice. A crash between the two writes, or damage, makes them differ; then only the lower one is certain.
        end, on_disk, checkpoint = (_position(min(pair)) for pair in (words[0:2], words[2:4], words[4:6]))
        boot = content[_AT_BOOT : _AT_BOOT + _BOOT_SIZE]
        (turtle,) = _TURTLE.unpack_from(content, _AT_TURTLE)
        closed = state == _CLOSED
        return Marks(end, on_disk, checkpoint, state != _MADE, closed, boot == _boot_id(), turtle if closed else 0)

    def _prepare(self, path: Path) -> mmap.mmap:
        """Map the file after writing all its blocks: a page without a block could not be written once the disk is full."""
        try:
            if len(os.pread(self._fd, _SIZE, 0)) < _SIZE:
                # At the process's file size limit the first write is short, and only the next one fails.
                written = os.pwrite(self._fd, b"\0" * _SIZE, 0)
                os.pwrite(self._fd, b"\0" * (_SIZE - written), written)
            with path.open("r+b") as file:
                return mmap.mmap(file.fileno(), _SIZE)
        except ValueError as error:
            raise disk_full() from error

    def begin(self) -> memoryview:
        """Start new marks once the store is open and has its tables; return the memory for the positions of the log's end."""
        self._map[:] = b"\0" * _SIZE
        self._map[: len(_MAGIC)] = _MAGIC
        self._map[_AT_BOOT : _AT_BOOT + _BOOT_SIZE] = _boot_id()
        self._set_state(_IN_USE)
        self._sync()
        return memoryview(self._map)[_AT_WORDS : _AT_WORDS + 32]

    def note_opening(self, *, is_new: bool) -> None:
        """Record that WiredTiger is about to open the directory. From now on it changes its turtle file.

        Arguments:
            is_new: the tables are about to be created: until then the directory contains nothing that could be lost.
        """
        if is_new:
            self._map[: len(_MAGIC)] = _MAGIC
            self._set_state(_MADE)
        elif self.before is None or not self.before.turtle:
            return
        _TURTLE.pack_into(self._map, _AT_TURTLE, 0)
        self._sync()

    def note_checkpoint(self, end: int) -> None:
        """Record a checkpoint that began when the log ended at this position."""
        _CHECKPOINT.pack_into(self._map, _AT_CHECKPOINT, end, end)

    def note_closed(self) -> None:
        """Record that the store has been closed: the log is no longer needed."""
        _TURTLE.pack_into(self._map, _AT_TURTLE, turtle_checksum(self.directory))
        self._set_state(_CLOSED)

    def close(self) -> None:
        """Release the directory. The mapping lives until its last view is released."""
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
    """Return the checksum of WiredTiger's turtle file; 0 if it cannot be read."""
    try:
        return crc32((directory / TURTLE).read_bytes())
    except OSError:
        return 0


def _unusable(error: OSError) -> CommandError:
    """Return the error for what the operating system refuses."""
    if error.errno in DISK_FULL:
        return disk_full()
    return StorageError(f"The storage directory cannot be written: {(error.strerror or str(error)).lower()}.")


def _position(end: int) -> LogPosition:
    return LogPosition(end >> 32, end & 0xFFFFFFFF)


def _boot_id() -> bytes:
    """Return the machine's boot id, or blanks if the system has none."""
    try:
        return _BOOT_ID.read_bytes()[:_BOOT_SIZE].ljust(_BOOT_SIZE)
    except OSError:
        return b" " * _BOOT_SIZE


def reserve(path: str) -> tuple[Path, LogMarks]:
    """Create a storage directory if necessary, and reserve it for this process.

    Arguments:
        path: the directory; a relative path is resolved now, because WiredTiger reopens files by path, and a test may change the working
            directory.

    Raises:
        StorageError: the directory cannot be created, or another process uses it.
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
