"""Cutting the log off where it ceases to be intact, without losing what is cut off.

After a power loss the log may end in an incomplete record. It looks the same if one bit of a complete record was flipped, and then the
records after it are acknowledged commits. So the bytes that are cut off are kept in files next to the log.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from secantus_server.storage.errors import DAMAGED, StorageError
from secantus_server.storage.log_marks import LogPosition
from secantus_server.storage.numbered_files import numbered_files
from secantus_server.system.syncing import sync_path

#: The prefix of the names of the files that contain the cut-off bytes; a number follows it.
PREFIX: Final = "SecantusLog.cut-"
#: A log file's first record describes it; it fills one unit of the log.
HEADER_BYTES: Final = 128
#: What the lost bytes mean for users.
MAY_BE_LOST: Final = "writes that were acknowledged without being synced to disk may be lost."


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
            f"{MAY_BE_LOST}"
        )


def earlier_cuts(directory: Path) -> list[Path]:
    """Return the files with what was cut off the log of a directory, in order."""
    return [path for _, path in sorted(numbered_files(directory, PREFIX).items())]


def cut_off(directory: Path, files: dict[int, Path], end: LogPosition, *, keep: bool) -> list[Cut]:
    """Remove the log after a position, the last files first. A file is deleted if only its header would remain.

    Arguments:
        directory: the storage directory.
        files: its log files by number.
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
            sync_path(files[number])
    # Before anything is appended: another power loss must not bring back what was cut off.
    sync_path(directory)
    return cuts


def _keep(path: Path, offset: int) -> list[Cut]:
    """Copy the bytes of a log file after a position to a new file, and sync it; return nothing if there are only zeros."""
    with path.open("rb") as file:
        file.seek(offset)
        content = file.read().rstrip(b"\0")
    if not content or offset + len(content) <= HEADER_BYTES:
        return []
    kept = path.with_name(f"{PREFIX}{max(numbered_files(path.parent, PREFIX), default=0) + 1}")
    try:
        kept.write_bytes(content)
        sync_path(kept)
        sync_path(path.parent)
    except OSError as error:
        kept.unlink(missing_ok=True)
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"The log file {path} is not intact from byte {offset} on, and the {len(content)} bytes after it cannot be kept in {kept}: "
            f"{reason}. Free some disk space.",
            DAMAGED,
        ) from error
    return [Cut(path.name, offset, len(content), kept)]
