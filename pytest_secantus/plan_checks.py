"""The plan checks, which report commands of a test that would become slow on a larger database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from sys import maxsize
from typing import TYPE_CHECKING

from pytest_secantus.check_names import READS
from pytest_secantus.command_watch import ALLOW_MARKER
from secantus_server.diagnostics.plurals import counted

if TYPE_CHECKING:
    from secantus_server.work._command_records import CommandRecord

# The databases of the server itself.
_SYSTEM = frozenset(["admin", "config", "local"])
#: The maximum number of source lines in a finding.
SHOWN_SOURCES = 3


class Finding:
    """A group of commands with the same shape that a check reports. It is not a dataclass, which would take longer to import.

    Arguments:
        check: the check's name.
        what: describes what the commands do.
        records: the commands.
        remedy: how to fix the problem; may have several lines.
    """

    def __init__(self, check: str, what: str, records: list[CommandRecord], remedy: str) -> None:
        self.check = check
        self.what = what
        self.records = records
        self.remedy = remedy

    def text(self) -> str:
        """Return the text of the finding for a report."""
        first = self.records[0]
        count = sum(record.name != "getMore" for record in self.records)
        times = f", {count} times" if count > 1 else ""
        lines = [f"{self.check}: {first.shape}", f"    on {first.namespace}{times}: {self.what}"]
        sources = dict.fromkeys(record.place for record in self.records if record.place)
        lines += [f"    at {place}" for place in list(sources)[:SHOWN_SOURCES]]
        if len(sources) > SHOWN_SOURCES:
            lines.append(f"    and {counted(len(sources) - SHOWN_SOURCES, 'more line')}")
        return "\n".join([*lines, *(f"    {line}" for line in self.remedy.splitlines())])


def find_problems(records: list[CommandRecord], checks: Mapping[str, int]) -> list[Finding]:
    """Run the plan checks on a test's commands, and return their findings.

    Arguments:
        checks: the names of checks with their thresholds.
    """
    if _are_harmless(records, checks):
        return []
    looked_at = [record for record in records if record.error is None and not _is_of_the_server(record)]
    return [finding for name, threshold in checks.items() for finding in _CHECKS[name](looked_at, threshold)]


def _are_harmless(records: list[CommandRecord], checks: Mapping[str, int]) -> bool:
    """Return whether the counts of the commands alone exclude findings, as in most tests. The checks themselves compute shapes."""
    scanned, ordered = checks.get("collscan", maxsize), checks.get("in_memory_sort", maxsize)
    results, size = checks.get("unbounded_find", maxsize), checks.get("large_reply", maxsize)
    reads = 0
    for record in records:
        if record.scanned > scanned or record.sorted > ordered or record.results > results or record.reply_bytes > size:
            return False
        reads += record.name in READS
    return reads < checks.get("n_plus_one", maxsize)


def _is_of_the_server(record: CommandRecord) -> bool:
    """Return whether a command accesses a database or collection that the server uses internally."""
    return record.database in _SYSTEM or record.namespace.partition(".")[2].startswith("system.")


def _by_shape(records: list[CommandRecord]) -> Iterator[list[CommandRecord]]:
    groups: dict[tuple[str, str], list[CommandRecord]] = {}
    for record in records:
        # A getMore belongs to the command that opened the cursor.
        groups.setdefault((record.namespace, record.shape.removeprefix("getMore of ")), []).append(record)
    yield from groups.values()


def _collscan(records: list[CommandRecord], threshold: int) -> Iterator[Finding]:
    # If a scan returns most of the documents that it reads, an index would hardly shorten it.
    for group in _by_shape([record for record in records if record.scanned > threshold and 2 * record.rejected > record.scanned]):
        examined, rejected = sum(record.scanned for record in group), sum(record.rejected for record in group)
        what = (
            f"examined {counted(examined, 'document')}{_others(group)}, {examined - rejected:,} of which matched ({group[0].plan_summary})"
        )
        yield Finding("collscan", what, group, remedy_of(group[0], "would have served"))


def _others(group: list[CommandRecord]) -> str:
    """Return a phrase with the scanned collections, if they are not only the one that the commands name."""
    names = dict.fromkeys(name for record in group for name in record.scanned_collections)
    return f" of {' and '.join(names)}" if names.keys() - {group[0].namespace.partition(".")[2]} else ""


def _in_memory_sort(records: list[CommandRecord], threshold: int) -> Iterator[Finding]:
    for group in _by_shape([record for record in records if record.sorted > threshold]):
        count = max(record.sorted for record in group)
        what = f"sorted {counted(count, 'document')} in memory ({group[0].plan_summary})"
        yield Finding("in_memory_sort", what, group, remedy_of(group[0], "would have had the order"))


def remedy_of(record: CommandRecord, effect: str) -> str:
    """Return the commands that create the missing indexes, one per line, after a title that says what these indexes would do."""
    if record.is_hinted:
        return "Its hint keeps it from using another index: leave it out."
    if not record.advice:
        return "No index serves this command as it is written: change its conditions."
    indexes = "An index that" if len(record.advice) == 1 else "Indexes that together"
    return f"{indexes} {effect}:\n" + "\n".join(f"    {line}" for line in record.advice)


def _n_plus_one(records: list[CommandRecord], threshold: int) -> Iterator[Finding]:
    # Imported here, because few tests read in loops.
    from pytest_secantus.read_loops import find_loops

    for loop in find_loops(records, threshold):
        yield Finding("n_plus_one", loop.what, loop.records, loop.remedy)


def _unbounded_find(records: list[CommandRecord], threshold: int) -> Iterator[Finding]:
    for group in _by_shape([record for record in records if record.is_unbounded and record.results > threshold]):
        what = f"returned {counted(max(record.results for record in group), 'document')} without a limit"
        yield Finding("unbounded_find", what, group, "Add limit(), or read the documents page by page.")


def _large_reply(records: list[CommandRecord], threshold: int) -> Iterator[Finding]:
    for group in _by_shape([record for record in records if record.reply_bytes > threshold]):
        what = f"a reply of {counted(max(record.reply_bytes for record in group), 'byte')}"
        yield Finding("large_reply", what, group, "Read fewer fields with a projection, or fewer documents with a limit.")


_CHECKS: dict[str, Callable[[list[CommandRecord], int], Iterator[Finding]]] = {
    "collscan": _collscan,
    "n_plus_one": _n_plus_one,
    "in_memory_sort": _in_memory_sort,
    "unbounded_find": _unbounded_find,
    "large_reply": _large_reply,
}


def message_of(findings: list[Finding]) -> str:
    """Return the failure message for a test with these findings."""
    names = dict.fromkeys(finding.check for finding in findings)
    quoted = ", ".join(f'"{name}"' for name in names)
    head = f"secantus_fail_on: {counted(len(findings), 'finding')}; the marker {ALLOW_MARKER}({quoted}) would allow"
    return "\n\n".join([f"{head} {'it' if len(findings) == 1 else 'them'}", *(finding.text() for finding in findings)])
