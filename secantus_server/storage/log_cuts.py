"""Truncation of the log at the end of its intact part. The removed bytes are saved.

After a power loss, the log may end in an incomplete record. A complete record with a flipped bit looks the same, but the records after it
are acknowledged commits. Therefore the removed bytes are saved in files next to the log.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from secantus_server.storage.errors import DAMAGED, StorageError
from secantus_server.storage.log_marks import LogPosition
from secantus_server.storage.numbered_files import numbered_files
from secantus_server.system.syncing import sync_path

#: The files that contain removed bytes are named by this prefix and a number.
PREFIX: Final = "SecantusLog.cut-"
#: The size of a log file's first record, which describes the file and fills one unit of the log.
HEADER_BYTES: Final = 128
#: The consequence of a cut for users, as part of a sentence.
MAY_BE_LOST: Final = "writes that were acknowledged without being synced to disk may be lost."


class Cut(NamedTuple):
    """A part that was removed from the log.

    Arguments:
        log_file: the name of the log file.
        offset: the position in that file from which bytes were removed.
        size: the number of removed bytes, without trailing zeros.
        kept: the file in which the removed bytes are saved.
    """

    log_file: str
    offset: int
    size: int
    kept: Path

    def described(self) -> str:
        """Return a sentence that tells users which writes may be lost."""
        return (
            f"The log file {self.log_file} was not intact from byte {self.offset} on, so the {self.size} bytes after it were not applied: "
            f"{MAY_BE_LOST}"
        )


def earlier_cuts(directory: Path) -> list[Path]:
    """Return the files in a directory that contain the bytes saved by earlier truncations, in order."""
    return [path for _, path in sorted(numbered_files(directory, PREFIX).items())]


def cut_off(directory: Path, files: dict[int, Path], end: LogPosition, *, keep: bool) -> list[Cut]:
    """Remove the part of the log after a position, from the last file to the first. Delete a file if only its header would remain.

    Arguments:
        directory: the storage directory.
        files: the log files by number.
        end: the position after which the log is removed.
        keep: whether to save the removed bytes, because they may contain acknowledged commits.

    Returns:
        the cuts whose bytes were saved.

    Raises:
        StorageError: if the bytes to remove cannot be saved. The log is then unchanged.
    """
    offsets = {number: end.offset if number == end.file else 0 for number in sorted(files, reverse=True) if number >= end.file}
    cuts = [cut for number, offset in offsets.items() for cut in _keep(files[number], offset)] if keep else []
    for number, offset in offsets.items():
        if offset <= HEADER_BYTES:
            files[number].unlink()
        else:
            os.truncate(files[number], offset)
            sync_path(files[number])
    # Sync before anything is appended, so that another power loss cannot bring the removed bytes back.
    sync_path(directory)
    return cuts


def _keep(path: Path, offset: int) -> list[Cut]:
    """Copy the bytes after a position of a log file to a new file, and sync the new file.

    Returns:
        the cut in a list. The list is empty if there are only zeros or only the file's header after the position.
    """
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
