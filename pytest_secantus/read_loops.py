"""Detection of reads in a loop that one command could replace, for the plan check n_plus_one."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pytest_secantus.check_names import READS
from secantus_server.diagnostics.plurals import counted
from secantus_server.records import NamedTuple

if TYPE_CHECKING:
    from secantus_server.work._command_records import CommandRecord

_WRITES: Final = frozenset(["insert", "update", "delete", "findAndModify", "findandmodify", "bulkWrite"])
# Not compiled here, because few test runs need it.
_POSITION: Final = r"(?:\.(?:skip|limit)\([?\d]+\))+$"
_RANGE: Final = frozenset(["$gt", "$gte", "$lt", "$lte"])


class Loop(NamedTuple):
    """Reads of the same shape and with different values that were sent from one source line.

    Arguments:
        records: all of these reads.
        times: the largest number of these reads that a single thread has sent.
        values: the largest number of different reads among those of a single thread.
        threads: the number of threads in which such a loop was found.
    """

    records: list[CommandRecord]
    times: int
    values: int
    threads: int

    @property
    def what(self) -> str:
        """A description of the loop for a report."""
        values = "other values" if self.values == self.times else counted(self.values, "different value")
        where = f", in each of {self.threads} threads" if self.threads > 1 else ""
        return f"the same command {counted(self.times, 'time')} from one line{where}, with {values}"

    @property
    def remedy(self) -> str:
        """Advice on how to remove the loop."""
        shape = self.records[0].shape
        if ".skip(" in shape:
            return "Read them with one command, without skip(): each skip() reads what it leaves out."
        if _changing(self.records) <= _RANGE:
            return "Read them together: with one command for the whole range, before the loop."
        if "$group: " in shape or self.records[0].name in ("count", "distinct"):
            return "Read them together: with $in instead of a value, and $group by its field, before the loop."
        if "{ $in: [?] }" in shape:
            return "Read them together: with one $in of all values, or with $lookup, before the loop."
        return "Read them together: with $in instead of a value, or with $lookup or $graphLookup, before the loop."


def find_loops(records: list[CommandRecord], threshold: int) -> Iterator[Loop]:
    """Yield the loops of at least `threshold` different reads that a single read could replace."""
    # Reads are grouped by all project lines on the stack, so that callers of one shared helper stay apart. They are also grouped by
    # thread, because threads that do the same at the same time stand for separate clients; and by example or subtest, because the loop
    # over these belongs to the test, not to the application.
    groups: dict[tuple[tuple[str, ...], str, str], dict[tuple[int, int], list[CommandRecord]]] = {}
    for record in records:
        if record.name in READS and record.stack:
            of_line = groups.setdefault((record.stack, record.namespace, record.shape), {})
            of_line.setdefault((record.thread, record.part), []).append(record)
    writes = _Writes(records)
    for of_line in groups.values():
        independent = [writes.without_dependent(group, threshold) for group in of_line.values()]
        # The same read again is a poll, a retry or a repeated request: reading it together with the others would not replace it.
        found = [group for group in independent if len(group) >= threshold and _different(group) >= threshold and not _reads_pages(group)]
        if found:
            threads = {group[0].thread for group in found}
            yield Loop([record for group in found for record in group], max(map(len, found)), max(map(_different, found)), len(threads))


def _different(reads: list[CommandRecord]) -> int:
    return len({read.text for read in reads})


def _reads_pages(reads: list[CommandRecord]) -> bool:
    """Return whether reads differ only in the beginning of a page, which is a range of a key with a limit."""
    shape = reads[0].shape
    return (".limit(" in shape or "$limit: " in shape) and bool(changing := _changing(reads)) and changing <= _RANGE


def _changing(reads: list[CommandRecord]) -> set[str]:
    """Return the names of the fields and operators whose constants differ between reads of the same shape."""
    constants = [constants_of(read) for read in reads]
    return {of_name[0][0] for of_name in zip(*constants, strict=False) if len(set(of_name)) > 1}


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
    constants = constants_of(read)
    if not all(name for name, _ in constants):
        return []
    return [re.compile(rf"{re.escape(name)}: {re.escape(value)}(?!\w)") for name, value in constants]


def constants_of(read: CommandRecord) -> list[tuple[str, str]]:
    """Return the constants in a read's query in mongosh syntax, each with the name of its field or operator or an empty name."""
    shape, text = (re.sub(_POSITION, "", one) for one in (read.shape, read.text))
    pieces = shape.split("?")
    match = re.fullmatch("(.+?)".join(map(re.escape, pieces)), text, re.DOTALL)
    if match is None:
        return []
    names = [re.search(r"([\w$.]+): $", piece) for piece in pieces[:-1]]
    return [(name[1] if name else "", value) for name, value in zip(names, match.groups(), strict=True)]
