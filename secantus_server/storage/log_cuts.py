"""Cutting the log off where it ceases to be intact, without losing what is cut off.

After a power loss the log may end in an incomplete record. It looks the same if one bit of a complete record was flipped, and then the
records after it are acknowledged commits. So the bytes that are cut off are kept in files next to the log.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from secantus_server.storage.errors import StorageError
from secantus_server.storage.log_marks import LogPosition, sync_directory

#: The prefix of the names of the files that contain the cut-off bytes; a number follows it.
PREFIX: Final = "SecantusLog.cut-"
#: A log file's first record describes it; it fills one unit of the log.
HEADER_BYTES: Final = 128
_DAMAGED: Final = 301


class Cut(NamedTuple):
    """Bytes that were cut off the log.

    Arguments:
        log_file: the name of the log file.
        offset: the position in that file at which the cut begins.
        size: the number of bytes, without trailing zeros.
        kept: the file that contains them now.
    """

    log_file: str
    offset: int
    size: int
    kept: Path

    def described(self) -> str:
        """Return a sentence about what may be lost."""
        return (
            f"The log file {self.log_file} was not intact from byte {self.offset} on, so the {self.size} bytes after it were not applied: "
            "writes that were acknowledged without being synced to disk may be lost."
        )


def earlier_cuts(directory: Path) -> list[Path]:
    """Return the files with what was cut off the log of a directory, in order."""
    found = ((path.name[len(PREFIX) :], path) for path in directory.glob(f"{PREFIX}*"))
    return [path for _, path in sorted((int(number), path) for number, path in found if number.isdigit())]


def cut_off(files: dict[int, Path], end: LogPosition, *, keep: bool) -> list[Cut]:
    """Remove the log after a position, the last files first. A file is deleted if only its header would remain.

    Arguments:
        files: the log files by number.
        keep: whether to keep what is cut off, because it may contain acknowledged commits.

    Returns:
        what was kept.

    Raises:
        StorageError: what is cut off cannot be kept; the log is unchanged.
    """
    offsets = {number: end.offset if number == end.file else 0 for number in sorted(files, reverse=True) if number >= end.file}
    cuts = [cut for number, offset in offsets.items() for cut in _keep(files[number], offset)] if keep else []
    for number, offset in offsets.items():
        if offset <= HEADER_BYTES:
            files[number].unlink()
        else:
            os.truncate(files[number], offset)
            _sync(files[number])
    # Before anything is appended: another power loss must not bring back what was cut off.
    for directory in {path.parent for path in files.values()}:
        sync_directory(directory)
    return cuts


def _keep(path: Path, offset: int) -> list[Cut]:
    """Copy the bytes of a log file after a position to a new file, and sync it; return nothing if there are only zeros."""
    with path.open("rb") as file:
        file.seek(offset)
        content = file.read().rstrip(b"\0")
    if not content or offset + len(content) <= HEADER_BYTES:
        return []
    earlier = earlier_cuts(path.parent)
    number = 1 + int(earlier[-1].name[len(PREFIX) :]) if earlier else 1
    kept = path.with_name(f"{PREFIX}{number}")
    try:
        kept.write_bytes(content)
        _sync(kept)
        sync_directory(path.parent)
    except OSError as error:
        kept.unlink(missing_ok=True)
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"The log file {path} is not intact from byte {offset} on, and the {len(content)} bytes after it cannot be kept in {kept}: "
            f"{reason}. Free some disk space.",
            _DAMAGED,
        ) from error
    return [Cut(path.name, offset, len(content), kept)]


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
