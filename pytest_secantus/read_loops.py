"""Detection of reads in a loop that one command could replace, for the plan check n_plus_one."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from secantus_server.work.command_records import CommandRecord

_READS: Final = frozenset(["find", "aggregate", "count", "distinct"])
_WRITES: Final = frozenset(["insert", "update", "delete", "findAndModify", "findandmodify", "bulkWrite"])
_POSITION: Final = re.compile(r"(?:\.(?:skip|limit)\([?\d]+\))+$")


class Loop(NamedTuple):
    """Reads of the same shape that were sent from one source line.

    Arguments:
        records: all of these reads.
        times: the largest number of these reads that a single thread has sent.
        threads: the number of threads in which such a loop was found.
    """

    records: list[CommandRecord]
    times: int
    threads: int

    @property
    def what(self) -> str:
        """A description of the loop for a report."""
        values = "the same" if self.repeats else "other"
        where = f", in each of {self.threads} threads" if self.threads > 1 else ""
        return f"the same command {self.times} times from one line{where}, with {values} values"

    @property
    def repeats(self) -> bool:
        """Whether all reads are identical, including their values."""
        return len({record.text for record in self.records}) == 1

    @property
    def remedy(self) -> str:
        """Advice on how to remove the loop."""
        if self.repeats:
            return "Read it once, before the loop."
        if ".skip(" in self.records[0].shape:
            return "Read them with one command, without skip(): each skip() reads what it leaves out."
        return "Read them together: with $in instead of a value, or with $lookup, before the loop."


def find_loops(records: list[CommandRecord], threshold: int) -> Iterator[Loop]:
    """Yield the loops of at least `threshold` reads that a single read could replace."""
    # Reads are grouped by all project lines on the stack, so that callers of one shared helper stay apart. They are also grouped by
    # thread, because threads that do the same at the same time stand for separate clients; and by example or subtest, because the loop
    # over these belongs to the test, not to the application.
    groups: dict[tuple[tuple[str, ...], str, str], dict[tuple[int, int], list[CommandRecord]]] = {}
    for record in records:
        if record.name in _READS and record.stack:
            of_line = groups.setdefault((record.stack, record.namespace, record.shape), {})
            of_line.setdefault((record.thread, record.part), []).append(record)
    writes = _Writes(records)
    for of_line in groups.values():
        found = [independent for group in of_line.values() if len(independent := writes.without_dependent(group, threshold)) >= threshold]
        if found:
            threads = {group[0].thread for group in found}
            yield Loop([record for group in found for record in group], max(map(len, found)), len(threads))


class _Writes:
    """A test's writes, indexed to find the reads that depend on them."""

    def __init__(self, records: list[CommandRecord]) -> None:
        self._of: dict[str, list[CommandRecord]] = {}
        for record in records:
            if record.name in _WRITES:
                of_all = record.name == "bulkWrite"
                self._of.setdefault(record.database if of_all else record.namespace, []).append(record)

    def without_dependent(self, reads: list[CommandRecord], threshold: int) -> list[CommandRecord]:
        """Return the reads of a loop that could run before the loop, because they do not depend on the loop's writes."""
        if len(reads) < threshold or not any(name in self._of for name in (reads[0].database, reads[0].namespace)):
            return reads
        # Reads are compared per task, because several tasks that write and read stand for separate clients. The first read of a task may
        # then depend on what the task wrote before.
        before: dict[int, CommandRecord] = {}
        are_clients = len({read.task for read in reads}) > 1
        kept = []
        for read in reads:
            if not self._depends(read, before.get(read.task), are_clients):
                kept.append(read)
            before[read.task] = read
        return kept

    def _depends(self, read: CommandRecord, before: CommandRecord | None, are_clients: bool) -> bool:
        """Return whether a read depends on writes since the previous read.

        It does if it is identical to the previous read, or if it looks up the written documents.
        """
        if before is None and not are_clients:
            return False
        writes = list(self._between(before, read))
        if before is None:
            writes = [write for write in writes if write.task == read.task]
        elif before.text == read.text:
            return bool(writes)
        wanted = wanted_by(read) if writes else []
        return bool(wanted) and any(all(pattern.search(write.text) for pattern in wanted) for write in writes)

    def _between(self, before: CommandRecord | None, read: CommandRecord) -> Iterator[CommandRecord]:
        for name in (read.database, read.namespace):
            of_name = self._of.get(name, [])
            numbers = (0 if before is None else before.number, read.number)
            first, end = (bisect_left(of_name, number, key=lambda write: write.number) for number in numbers)
            yield from of_name[first:end]


def wanted_by(read: CommandRecord) -> list[re.Pattern[str]]:
    """Return regular expressions that match the fields and constants in a read's query, in mongosh syntax."""
    shape, text = (_POSITION.sub("", one) for one in (read.shape, read.text))
    pieces = shape.split("?")
    match = re.fullmatch("(.+?)".join(map(re.escape, pieces)), text, re.DOTALL)
    names = [re.search(r"[\w$.]+: $", piece) for piece in pieces[:-1]]
    if match is None or not all(names):
        return []
    return [re.compile(rf"{re.escape(name[0])}{re.escape(value)}(?!\w)") for name, value in zip(names, match.groups(), strict=True) if name]
