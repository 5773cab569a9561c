"""The inspection of a storage directory before WiredTiger opens it: are all files present, and is the log intact?

The log is read from the last checkpoint. These faults are detected:

- a file is missing before the one that contains the end of the last acknowledged commit;
- a damaged record is followed by intact ones, in its file or in a later one;
- a file is shorter than the next one states;
- the log ends before the last acknowledged commit: it was truncated, or its last records are damaged.

After the last acknowledged commit - after a power loss, the last that was synced - a crash may leave anything: an incomplete record, with
intact ones after it, because a disk writes in any order; a log file without its header; a gap in the numbers of the files. Nothing that was
promised lies there, and WiredTiger would refuse to read some of it, so the log is cut off where it ceases to be intact. After a power loss
what is cut off is kept: see log_cuts.py.
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
#: The files of a store, besides its log.
FILES: Final = ("WiredTiger", TURTLE, "WiredTiger.wt", "WiredTigerHS.wt", *(f"{name}.wt" for name in NAMES))
#: The file that makes a directory a copy of a backup.
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
    """Return the log files by number."""
    return numbered_files(directory, _LOG)


def check_files(directory: Path, marks: Marks | None) -> bool:
    """Check that all files of a store exist; return whether the directory contains a store.

    Arguments:
        marks: the marks of the last opener; None if there are none.

    Raises StorageError if some are missing.
    """
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
            f"The storage directory {directory} contains a store without {names}: restore the directory from a backup.", DAMAGED
        )
    return True


class LogState(NamedTuple):
    """The log of a store that may be opened.

    Arguments:
        needs_checkpoint: the tables may refer to a position in a log file that was missing or was removed; without a checkpoint after
            the opening, a later start would not read the new log from its start.
        cuts: what was cut off the log and may contain acknowledged commits.
    """

    needs_checkpoint: bool
    cuts: tuple[Cut, ...] = ()


def inspect(directory: Path, marks: Marks | None) -> LogState | None:
    """Check a storage directory before it is opened; return the state of its log, or None if it contains no store.

    The files of an interrupted creation of a store are removed: they contain no data, and WiredTiger cannot always open them.

    Arguments:
        marks: the marks of the last opener; None if there are none.

    Raises StorageError if files or acknowledged commits are missing.
    """
    if marks is not None and not marks.complete:
        if _is_unfinished(directory):
            for path in (*directory.glob("WiredTiger*"), *(directory / name for name in FILES)):
                path.unlink(missing_ok=True)
            return None
        # Someone has put a store into the directory since.
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
    """Return whether the turtle file of a closed store has changed since. WiredTiger would believe it, or crash."""
    return marks.turtle not in (0, turtle_checksum(directory))


def _is_unfinished(directory: Path) -> bool:
    """Return whether there is no backup, and no table has more than the block with which it was created."""
    tables = (directory / f"{name}.wt" for name in NAMES)
    return not (directory / BACKUP).exists() and all(table.stat().st_size <= _FIRST_BLOCK for table in tables if table.exists())


def check_log(directory: Path, marks: Marks | None) -> LogState:
    """Check that the log contains every acknowledged commit, and cut off what a crash has left after the last of them.

    Raises StorageError if it does not.
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
    """Remove the last log files that have no record after the header, because a crash interrupted their creation.

    WiredTiger refuses a file that ends with its header.

    Returns:
        whether a file was removed.
    """
    removed = False
    for number in sorted(files, reverse=True):
        if _records_end(files[number], 0) > _SECOND_RECORD:
            break
        files[number].unlink()
        removed = True
    return removed


def _records_end(path: Path, start: int) -> int:
    """Return where the intact records of a log file end, from a position on."""
    if path.stat().st_size == 0:
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return log_records_end(content, start)


def _intact_end(files: dict[int, Path], start: LogPosition, required: LogPosition, *, to_last_byte: bool) -> LogPosition | None:
    """Return where a log file ceases to be intact, from a position on; None if it is intact to its end.

    Arguments:
        to_last_byte: whether an incomplete or damaged last record counts, which WiredTiger would ignore.
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
