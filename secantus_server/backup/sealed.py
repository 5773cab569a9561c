"""Gzip files with a seal: an empty gzip member at the end, which contains the SHA-256 checksum of all preceding bytes.

Other programs can read a sealed file like any gzip file. A reader can verify the seal before it decompresses the data. The seal also
covers the headers and the padding of the compressed data.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final

from secantus_server.backup.manifest import DAMAGED
from secantus_server.backup.reserving import lock
from secantus_server.errors import CommandError
from secantus_server.system.syncing import sync_path

CHUNK: Final = 1 << 20
_LEVEL: Final = 4
# The empty gzip member up to the checksum: a gzip header with an extra field, whose only subfield "Sb" has 32 bytes.
_HEAD: Final = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x24\0Sb\x20\0"
_TAIL: Final = b"\x03\0" + b"\0" * 8
_DIGEST_SIZE: Final = 32
SEAL_SIZE: Final = len(_HEAD) + _DIGEST_SIZE + len(_TAIL)


class _Hashing:
    """A binary file that computes the checksum of the bytes written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Write bytes to the file and add them to the checksum."""
        self.digest.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        """Flush the file."""
        self._file.flush()


def check_is_new(path: Path) -> None:
    """Check that the file to write does not exist.

    Raises:
        CommandError: 2 if the file exists.
    """
    if path.exists():
        raise CommandError(2, f"The file {path} exists already: choose another name, or remove it.")


class SealedWriter:
    """Writes a sealed file under a temporary name in the same directory. Once the file is complete and synced, it is renamed.

    Arguments:
        path: the file's final name, which must not exist.

    Raises:
        CommandError: 2 if the file exists or cannot be created, 117 if another writer of the same file is still active.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.partial")
        check_is_new(path)
        try:
            # Only the owner may read the file, because it contains the data of all users.
            descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CommandError(2, f"The file {path} cannot be written: {error.strerror}.") from error
        self._file = os.fdopen(descriptor, "wb")
        try:
            lock(descriptor, self._partial)
            os.ftruncate(descriptor, 0)
        except BaseException:
            self._file.close()
            raise
        self._hashing = _Hashing(self._file)
        self.stream = gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=self._hashing, mtime=0)

    def __enter__(self) -> SealedWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        renamed = False
        try:
            if kind is None:
                self._finish()
                renamed = True
        except OSError as failure:
            raise CommandError(14031, f"The file {self._path} cannot be written: {failure.strerror}.") from failure
        finally:
            # Closing releases the lock: afterwards the temporary name can be another writer's.
            if not renamed:
                self._partial.unlink(missing_ok=True)
            self._file.close()

    def _finish(self) -> None:
        self.stream.close()
        self._file.write(_HEAD + self._hashing.digest.digest() + _TAIL)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._partial.rename(self._path)
        sync_path(self._path.parent)


def check_seal(path: Path) -> None:
    """Verify the checksum of a sealed file.

    Raises:
        CommandError: 301 if a bit has changed or the file has no seal; 2 if the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            remaining = os.fstat(file.fileno()).st_size - SEAL_SIZE
            digest = hashlib.sha256()
            while remaining > 0 and (chunk := file.read(min(CHUNK, remaining))):
                digest.update(chunk)
                remaining -= len(chunk)
            seal = file.read() if remaining == 0 else b""
    except OSError as error:
        raise CommandError(2, f"The file {path} cannot be read: {error.strerror}.") from error
    if seal != _HEAD + digest.digest() + _TAIL:
        raise CommandError(DAMAGED, f"The file {path} is damaged or incomplete: its checksum does not match.")
