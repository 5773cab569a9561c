"""The inspection of a storage directory before WiredTiger opens it: are all files present, and is the log intact?

The log is read from the last checkpoint. These faults are detected:

- a file is missing before the one that contains the end of the last acknowledged commit;
- a damaged record is followed by intact ones, in its file or in a later one;
- a file is shorter than the next one states;
- the log ends before the last acknowledged commit: it was truncated, or its last records are damaged.

A crash may leave an incomplete record after the last acknowledged commit; WiredTiger removes it.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Final

from secantus_server.storage.errors import StorageError
from secantus_server.storage.log_marks import NAME, LogPosition, Marks
from secantus_server.storage.tables import NAMES
from secantus_server.storage.wiredtiger._binding import has_log_record, log_records_end

_DAMAGED: Final = 301
_LOG: Final = "WiredTigerLog."
#: The files of a store, besides its log.
FILES: Final = ("WiredTiger", "WiredTiger.turtle", "WiredTiger.wt", "WiredTigerHS.wt", *(f"{name}.wt" for name in NAMES))
#: The file that makes a directory a copy of a backup.
BACKUP: Final = "WiredTiger.backup"
_MADE_FROM_BACKUP: Final = ("WiredTiger.turtle", "WiredTiger.wt")
_HELP: Final = (
    "Restore the directory from a backup; or, to continue from the last checkpoint without later writes, "
    f"remove {NAME} and all files {_LOG}*."
)
#: A log file's first record describes it; the second one states where the previous file ended.
_SECOND_RECORD: Final = 128
_RECORD_HEADER: Final = 16
_SYSTEM_RECORD: Final = 4
_FIRST_POSITIONS: Final = (LogPosition(0, 0), LogPosition(1, 0))


def log_files(directory: Path) -> dict[int, Path]:
    """Return the log files by number."""
    found = ((path.name[len(_LOG) :], path) for path in directory.glob(f"{_LOG}*"))
    return {int(number): path for number, path in found if number.isdigit()}


def check_files(directory: Path, marks: Marks | None) -> bool:
    """Check that all files of a store exist; return whether the directory contains a store.

    Arguments:
        marks: the marks of the last opener; None if there are none.

    Raises StorageError if some are missing.
    """
    if marks is not None and not marks.complete:
        return False
    # A restored backup has the descriptions of the tables in one file, from which the storage engine makes its own. In a directory with
    # marks the same file is left over from a server that was killed during a backup.
    is_restored = marks is None and (directory / BACKUP).exists()
    needed = [name for name in FILES if not (is_restored and name in _MADE_FROM_BACKUP)]
    missing = [name for name in needed if not (directory / name).exists()]
    if marks is None and len(missing) == len(FILES):
        return False
    if missing:
        names = missing[0] if len(missing) == 1 else f"{missing[0]} and {len(missing) - 1} other files"
        raise StorageError(
            f"The storage directory {directory} contains a store without {names}: restore the directory from a backup.", _DAMAGED
        )
    return True


def check_log(directory: Path, marks: Marks | None) -> None:
    """Check that the log contains every acknowledged commit.

    Raises StorageError if it does not.
    """
    if marks is not None and marks.closed:
        return
    files = log_files(directory)
    start = LogPosition(min(files, default=1), 0)
    required = LogPosition(0, 0)
    if marks is not None:
        start, required = max(start, marks.checkpoint), marks.required_end
    if not files and required.file == 0:
        return
    for number in range(start.file, max(required.file, *files, start.file) + 1):
        if number not in files:
            raise StorageError(f"The log file {_LOG}{number:010} is missing from {directory}. {_HELP}", _DAMAGED)
        _check_log_file(files, LogPosition(number, start.offset if number == start.file else 0), required)


def _check_log_file(files: dict[int, Path], start: LogPosition, required: LogPosition) -> None:
    """Check one log file from a position on."""
    path = files[start.file]
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            end, goes_on = 0, False
        else:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                end = log_records_end(content, start.offset)
                goes_on = has_log_record(content, end)
    before_next = _end_before(files[start.file + 1], start.file) if start.file + 1 in files else 0
    if goes_on or end < before_next or (LogPosition(start.file, end) < required and start.file == required.file):
        raise StorageError(f"The log file {path} is damaged at byte {end}: all later writes would be lost. {_HELP}", _DAMAGED)


def _end_before(path: Path, number: int) -> int:
    """Return where the log file with this number ended according to the next one; 0 if that does not state it."""
    with path.open("rb") as file:
        content = file.read(2 * _SECOND_RECORD)
    if log_records_end(content, 0) < _SECOND_RECORD or content[_SECOND_RECORD:].count(0) == len(content) - _SECOND_RECORD:
        return 0
    at = _SECOND_RECORD + _RECORD_HEADER
    kind, at = _unpack(content, at)
    if kind != _SYSTEM_RECORD:
        return 0
    _operation, at = _unpack(content, at)
    _size, at = _unpack(content, at)
    file_number, at = _unpack(content, at)
    offset, at = _unpack(content, at)
    told = LogPosition(file_number, offset)
    return offset if told not in _FIRST_POSITIONS and file_number == number else 0


def _unpack(content: bytes, at: int) -> tuple[int, int]:
    """Return one of WiredTiger's packed unsigned integers, and the position after it."""
    mark = content[at]
    if mark < 0xC0:
        return mark & 0x3F, at + 1
    if mark < 0xE0:
        return ((mark & 0x1F) << 8 | content[at + 1]) + 64, at + 2
    size = mark & 0x0F
    return int.from_bytes(content[at + 1 : at + 1 + size], "big") + 64 + 8192, at + 1 + size
