"""Sorts and groups that move what exceeds their memory limit to temporary files.

https://www.mongodb.com/docs/manual/core/aggregation-pipeline-limits/
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any, TypeVar

from bson.int64 import Int64

from secantus_server.exec._rows import ROW_COST, pack, sort_rows, unpack
from secantus_server.exec.interruption import never_interrupt
from secantus_server.storage.temporary import TemporaryFile, TemporaryFiles

Row = tuple[bytes, bytes, int]  # sort key, document, RecordId
AnyRow = TypeVar("AnyRow", bound=tuple[Any, ...])

# The number of runs of one level that are merged into a run of the next level. A merge holds a block of each run in memory.
FAN_IN = 32
BLOCK_BYTES = 64 * 1024
# The number of rows between two writes while runs are merged into a longer run.
_MERGED_ROWS = 512
_KEY = itemgetter(0)


class Spill:
    """How a stage moves data to temporary files, and how much it has moved.

    Arguments:
        kind: the name of the stage's counters in serverStatus, such as `sort`.
        max_bytes: the memory limit of the stage.
        files: the temporary files of the server.
        check: raises an error if the operation was killed or timed out.
    """

    def __init__(self, kind: str, max_bytes: int, files: TemporaryFiles, check: Callable[[], None] = never_interrupt) -> None:
        self.kind = kind
        self.max_bytes = max_bytes
        self.check = check
        self.files = files
        self.spills = self.spilled_bytes = self.records = self.stored_bytes = 0

    def open(self) -> TemporaryFile:
        """Create a temporary file."""
        return self.files.open()

    def note(self, spills: int, spilled_bytes: int, records: int, stored_bytes: int) -> None:
        """Count data that was moved to a file.

        Arguments:
            spills: the number of times that the memory limit was reached.
            spilled_bytes, records: the data's size in memory, and the number of documents or groups.
            stored_bytes: the data's size in the file.
        """
        self.spills += spills
        self.spilled_bytes += spilled_bytes
        self.records += records
        self.stored_bytes += stored_bytes
        self.files.count(self.kind, (spills, spilled_bytes, records, stored_bytes))

    def shown(self) -> dict[str, Any]:
        """Return the counters as explain shows them."""
        return _shown(self.spills, self.spilled_bytes, self.records, self.stored_bytes)


def named_counters(spills: int, spilled_bytes: int, records: int, stored_bytes: int) -> dict[str, Any]:
    """Return the counters of `TemporaryFiles.count` by their names in explain and serverStatus."""
    counts = {"spills": spills, "spilledBytes": spilled_bytes, "spilledRecords": records, "spilledDataStorageSize": stored_bytes}
    return {name: Int64(number) for name, number in counts.items()}


def _shown(spills: int, spilled_bytes: int, records: int, stored_bytes: int) -> dict[str, Any]:
    return {"usedDisk": spills > 0, **named_counters(spills, spilled_bytes, records, stored_bytes)}


#: The counters of a stage that moved nothing to the disk, as explain shows them.
NOTHING_SPILLED = _shown(0, 0, 0, 0)


class Blocks:
    """Blocks of rows in temporary files.

    Arguments:
        spill: creates the file and counts what is written.
    """

    def __init__(self, spill: Spill) -> None:
        self._spill = spill
        self._file = spill.open()

    def write(self, rows: list[Row]) -> list[tuple[int, int]]:
        """Append rows, and return the position and size of each of their blocks."""
        blocks: list[tuple[int, int]] = []
        start = 0
        while start < len(rows):
            self._spill.check()
            block, start = pack(rows, start, BLOCK_BYTES)
            blocks.append((self._file.append(block), len(block)))
        return blocks

    def read(self, blocks: Iterable[tuple[int, int]]) -> Iterator[Row]:
        """Yield the rows of blocks."""
        for start, size in blocks:
            self._spill.check()
            yield from unpack(self._file.read(start, size))

    def clear(self) -> None:
        """Remove all blocks."""
        self._file.clear()


class SortedRuns:
    """Sorted runs of rows in temporary files. There is a file for each level, and FAN_IN runs of a level become one run of the next.

    Arguments:
        spill: the limit and the files.
        limit: the number of rows that are needed; 0 means all.
    """

    def __init__(self, spill: Spill, limit: int) -> None:
        self._spill = spill
        self._limit = limit
        self._files: list[Blocks] = []
        # The runs of each level, oldest first. Runs of a higher level are older than those of a lower one.
        self._runs: list[list[list[tuple[int, int]]]] = []

    def add(self, rows: list[Row]) -> None:
        """Write a run of sorted rows, all of which were read after the rows of earlier runs."""
        run = self._file(0).write(rows)
        self._spill.note(1, bytes_of(rows), len(rows), sum(size for _, size in run))
        self._runs[0].append(run)
        level = 0
        while len(self._runs[level]) == FAN_IN:
            file, longer = self._file(level + 1), list[tuple[int, int]]()
            merged = self._limited(heapq.merge(*map(self._files[level].read, self._runs[level]), key=_KEY))
            while batch := list(islice(merged, _MERGED_ROWS)):
                longer += file.write(batch)
            self._runs[level + 1].append(longer)
            self._runs[level].clear()
            self._files[level].clear()
            level += 1

    def merged(self) -> Iterator[Row]:
        """Return all rows in sorted order. Rows with equal keys are in the order in which they were read."""
        runs = [self._files[level].read(run) for level in reversed(range(len(self._runs))) for run in self._runs[level]]
        return self._limited(heapq.merge(*runs, key=_KEY))

    def _file(self, level: int) -> Blocks:
        if level == len(self._files):
            self._files.append(Blocks(self._spill))
            self._runs.append([])
        return self._files[level]

    def _limited(self, rows: Iterator[Row]) -> Iterator[Row]:
        return islice(rows, self._limit) if self._limit else rows


def bytes_of(rows: list[Row]) -> int:
    """Return the approximate memory that rows use, in bytes."""
    return sum(len(row[0]) + len(row[1]) for row in rows) + ROW_COST * len(rows)


def sort_spilling(spill: Spill, limit: int, fill: Callable[[list[Row], int], bool], first: list[Row] | None = None) -> Iterable[Row]:
    """Return rows in sorted order. The sort is stable.

    Arguments:
        spill: the memory limit, and the files for what exceeds it.
        limit: the number of rows to return; 0 means all.
        fill: appends rows to a list until they use more memory than a number of bytes, and returns whether there are no more rows.
        first: the rows that precede those of `fill`.
    """
    rows: list[Row] = [] if first is None else first
    used = bytes_of(rows)
    runs: SortedRuns | None = None
    while True:
        has_ended = used <= spill.max_bytes and fill(rows, spill.max_bytes - used)
        sort_rows(rows)
        if limit:
            del rows[limit:]
        if has_ended and runs is None:
            return rows
        used = bytes_of(rows) if limit else spill.max_bytes
        # Below this bound, sorting again and again what the limit needs takes little time.
        if has_ended or used * 8 > spill.max_bytes * 7:
            runs = runs or SortedRuns(spill, limit)
            if rows:
                runs.add(rows)
            rows, used = [], 0
        if has_ended:
            return runs.merged()  # type: ignore[union-attr]


def gather_rows(source: Iterable[AnyRow], rows: list[AnyRow], max_bytes: int) -> bool:
    """Append rows to a list, until they use more than `max_bytes` of memory. Return whether there are no more rows."""
    used = 0
    for row in source:
        rows.append(row)
        used += len(row[0]) + len(row[1]) + ROW_COST
        if used > max_bytes:
            return False
    return True
