"""Inspection of a storage directory before WiredTiger opens it. All files must exist, and the log must be intact.

The log is read from the last checkpoint on. The inspection detects these faults:

- a log file is missing before the file that contains the end of the last acknowledged commit;
- a damaged record is followed by intact records, in the same file or in a later one;
- a log file is shorter than the next file states;
- the log ends before the last acknowledged commit, because it was truncated or its last records are damaged.

The log must be intact up to the last acknowledged commit or, after a power loss, up to the last synced commit. After that position, a
crash may leave an incomplete record. Intact records may follow it, because a disk writes in any order. A crash may also leave a log file
without a header, or a gap in the numbers of the log files. WiredTiger would refuse to read some of these remains. They contain no data
that must survive, so the log is truncated at the end of its intact part. After a power loss, the removed bytes are saved (see
log_cuts.py).
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Final, NamedTuple

from secantus_server.storage.errors import DAMAGED, StorageError
from secantus_server.storage.log_cuts import HEADER_BYTES, Cut, cut_off
from secantus_server.storage.log_marks import NAME, TURTLE, LogPosition, Marks, turtle_checksum
from secantus_server.storage.numbered_files import numbered_files
from secantus_server.storage.tables import NAMES
from secantus_server.storage.wiredtiger._binding import has_log_record, log_records_end

_LOG: Final = "WiredTigerLog."
#: The files of a store except its log.
FILES: Final = ("WiredTiger", TURTLE, "WiredTiger.wt", "WiredTigerHS.wt", *(f"{name}.wt" for name in NAMES))
#: The file by which a directory that was copied from a backup is recognized.
BACKUP: Final = "WiredTiger.backup"
_MADE_FROM_BACKUP: Final = (TURTLE, "WiredTiger.wt")
_HELP: Final = (
    "Restore the directory from a backup; or, to continue from the last checkpoint without later writes, "
    f"remove {NAME} and all files {_LOG}*."
)
#: The second record of a log file states where the previous file ended.
_SECOND_RECORD: Final = HEADER_BYTES
_RECORD_HEADER: Final = 16
_SYSTEM_RECORD: Final = 4
_FIRST_BLOCK: Final = 4096
_FIRST_POSITIONS: Final = (LogPosition(0, 0), LogPosition(1, 0))


def log_files(directory: Path) -> dict[int, Path]:
    """Return the log files of a directory, keyed by their numbers."""
    return numbered_files(directory, _LOG)


def check_files(directory: Path, marks: Marks | None) -> bool:
    """Raise if files of a store are missing. Otherwise return whether the directory contains a store.

    Arguments:
        marks: the marks of the process that last opened the directory, or None.

    Raises StorageError if files are missing.
    """
    # A restored backup describes its tables in the file BACKUP, from which WiredTiger creates the files _MADE_FROM_BACKUP. In a directory
    # with marks, BACKUP was left by a server that was killed during a backup.
    is_restored = marks is None and (directory / BACKUP).exists()
    needed = [name for name in FILES if not (is_restored and name in _MADE_FROM_BACKUP)]
    missing = [name for name in needed if not (directory / name).exists()]
    if marks is None and len(missing) == len(FILES):
        return False
    if missing:
        names = missing[0] if len(missing) == 1 else f"{missing[0]} and {len(missing) - 1} other files"
        raise StorageError(
            f"The storage directory {directory} contains a store without {names}: restore the directory from a backup.", DAMAGED
        )
    return True


class LogState(NamedTuple):
    """The state of the log of a store that can be opened.

    Arguments:
        needs_checkpoint: whether a checkpoint is required after the store is opened, because the tables may refer to a position in a
            missing or removed log file. Without the checkpoint, a later start would not read the new log from its beginning.
        cuts: the parts that were removed from the log and may contain acknowledged commits.
    """

    needs_checkpoint: bool
    cuts: tuple[Cut, ...] = ()


def inspect(directory: Path, marks: Marks | None) -> LogState | None:
    """Inspect a storage directory before it is opened. Return the state of its log, or None if the directory contains no store.

    If the creation of a store was interrupted, remove its files. They contain no data, and WiredTiger cannot always open them.

    Arguments:
        marks: the marks of the process that last opened the directory, or None.

    Raises StorageError if files or acknowledged commits are missing.
    """
    if marks is not None and not marks.complete:
        if _is_unfinished(directory):
            for path in (*directory.glob("WiredTiger*"), *(directory / name for name in FILES)):
                path.unlink(missing_ok=True)
            return None
        # The tables have data, so the files of another store were copied into the directory after the marks were written.
        marks = None
    if not check_files(directory, marks):
        return None
    if marks is not None and is_turtle_damaged(directory, marks):
        raise StorageError(
            f"The file {TURTLE} in {directory} is not as the server left it: restore the directory from a backup; or, if it was replaced "
            f"on purpose, remove {NAME}.",
            DAMAGED,
        )
    return check_log(directory, marks)


def is_turtle_damaged(directory: Path, marks: Marks) -> bool:
    """Return whether WiredTiger's turtle file has changed since the store was closed. WiredTiger would trust a damaged file, or crash."""
    return marks.turtle not in (0, turtle_checksum(directory))


def _is_unfinished(directory: Path) -> bool:
    """Return whether the creation of a store was interrupted: no table has more than one block, and there is no backup file."""
    tables = (directory / f"{name}.wt" for name in NAMES)
    return not (directory / BACKUP).exists() and all(table.stat().st_size <= _FIRST_BLOCK for table in tables if table.exists())


def check_log(directory: Path, marks: Marks | None) -> LogState:
    """Raise if the log lacks acknowledged commits. Otherwise remove the remains of a crash after the last commit, and return the log's
    state.

    Raises StorageError if acknowledged commits are missing.
    """
    files = log_files(directory)
    if marks is not None and marks.closed:
        removed = _remove_begun(files)
        return LogState(removed or max(files, default=0) < marks.end.file)
    start = LogPosition(min(files, default=1), 0)
    required = LogPosition(0, 0)
    if marks is not None:
        start, required = max(start, marks.checkpoint), marks.required_end
    if not files and required.file == 0:
        return LogState(needs_checkpoint=True)
    lost_power = marks is not None and not marks.same_boot
    for number in range(start.file, max(required.file, *files, start.file) + 1):
        position = LogPosition(number, start.offset if number == start.file else 0)
        end = _intact_end(files, position, required, to_last_byte=lost_power) if number in files else position
        if end is None:
            continue
        if marks is not None and end >= max(required, marks.checkpoint):
            return LogState(True, tuple(cut_off(directory, files, end, keep=lost_power)))
        if number not in files:
            raise StorageError(f"The log file {_LOG}{number:010} is missing from {directory}. {_HELP}", DAMAGED)
        raise StorageError(
            f"The log file {files[number]} is damaged at byte {end.offset}: all later writes would be lost. {_HELP}", DAMAGED
        )
    if marks is None:
        return LogState(needs_checkpoint=False)
    return LogState(_remove_begun({number: path for number, path in files.items() if number > required.file}))


def _remove_begun(files: dict[int, Path]) -> bool:
    """Remove log files at the end of the log that contain only a header, because a crash interrupted their creation.

    WiredTiger refuses to read a file that ends with its header.

    Returns:
        whether any file was removed.
    """
    removed = False
    for number in sorted(files, reverse=True):
        if _records_end(files[number], 0) > _SECOND_RECORD:
            break
        files[number].unlink()
        removed = True
    return removed


def _records_end(path: Path, start: int) -> int:
    """Return the position at which the intact records of a log file end, starting at `start`."""
    if path.stat().st_size == 0:
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return log_records_end(content, start)


def _intact_end(files: dict[int, Path], start: LogPosition, required: LogPosition, *, to_last_byte: bool) -> LogPosition | None:
    """Return the position at which the log stops being intact, or None if it is intact from `start` to its end.

    Arguments:
        start: the position to start from, including the number of the file.
        required: the position that the log must reach.
        to_last_byte: whether an incomplete or damaged last record counts as a fault. WiredTiger would ignore such a record.
    """
    path = files[start.file]
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            end, goes_on = 0, False
        else:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                end = log_records_end(content, start.offset)
                goes_on = has_log_record(content, end) or (to_last_byte and bool(content[end:].strip(b"\0")))
    before_next = _end_before(files[start.file + 1], start.file) if start.file + 1 in files else 0
    if goes_on or end < before_next or (LogPosition(start.file, end) < required and start.file == required.file):
        return LogPosition(start.file, end)
    return None


def _end_before(path: Path, number: int) -> int:
    """Return the end of a log file as recorded in the next log file, or 0 if it is not recorded there.

    Arguments:
        path: the next log file.
        number: the number of the log file whose end is returned.
    """
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
    """Decode an unsigned integer in WiredTiger's packed format at a position. Return it and the position after it."""
    mark = content[at]
    if mark < 0xC0:
        return mark & 0x3F, at + 1
    if mark < 0xE0:
        return ((mark & 0x1F) << 8 | content[at + 1]) + 64, at + 2
    size = mark & 0x0F
    return int.from_bytes(content[at + 1 : at + 1 + size], "big") + 64 + 8192, at + 1 + size
