"""The figures of a run: per group and category, how many tests were eligible and what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from secantus_conformance.model import Group, Result, Run, Skip, Verdict

# What the category of a driver's test ends with, if the test cannot do without a server.
NEEDS_SERVER = ": needs a server"


@dataclass
class Row:
    """The counts of one category within one group; `free` counts passes that a server which does nothing also gets."""

    group: Group
    category: str
    counts: Counter[Verdict] = field(default_factory=Counter)
    free: int = 0

    @property
    def total(self) -> int:
        """All tests."""
        return sum(self.counts.values())

    @property
    def eligible(self) -> int:
        """All tests that were not skipped."""
        return self.total - self.counts[Verdict.SKIPPED]

    @property
    def passed(self) -> int:
        """The tests that passed."""
        return self.counts[Verdict.PASSED]

    @property
    def bad(self) -> int:
        """The tests that make the run fail."""
        return sum(count for verdict, count in self.counts.items() if verdict.is_bad)

    @property
    def share(self) -> str:
        """The share of eligible tests that passed, in words; a dash if there were none."""
        return f"{self.passed / self.eligible:.1%}" if self.eligible else "–"


def rows(results: Iterable[Result], free: frozenset[str] = frozenset()) -> list[Row]:
    """One row for each category of each group, in order."""
    table: dict[tuple[Group, str], Row] = {}
    for result in results:
        row = table.setdefault((result.group, result.category), Row(result.group, result.category))
        row.counts[result.verdict] += 1
        row.free += result.verdict is Verdict.PASSED and result.id in free
    order = list(Group)
    return sorted(table.values(), key=lambda row: (order.index(row.group), row.category))


def total(parts: Iterable[Row], label: str, group: Group) -> Row:
    """The sum of rows."""
    whole = Row(group, label)
    for row in parts:
        whole.counts += row.counts
        whole.free += row.free
    return whole


def server_tests(run: Run) -> list[Result]:
    """The eligible tests of a driver's suite that need a server; of another run there are none."""
    return [result for result in run.results if result.category.endswith(NEEDS_SERVER) and result.eligible]


def of_server_tests(run: Run) -> str:
    """Of a driver's suite, in a sentence: how many of the tests that need a server pass; nothing for another run."""
    needed = server_tests(run)
    passed = sum(result.verdict is Verdict.PASSED for result in needed)
    return f"Of the tests that need a server, {passed} of {len(needed)} pass." if needed else ""


def known_reason(result: Result) -> str:
    """Of a known difference the missing feature, without what this one test's failure says."""
    return result.reason.split(" (")[0]


def skips(run: Run) -> list[tuple[str, str, int]]:
    """Why tests were skipped: kind, reason, count; the most frequent first within each kind."""
    counts = Counter((result.kind, result.reason) for result in run.results if result.verdict is Verdict.SKIPPED)
    kinds = [skip.value for skip in Skip]
    return sorted(
        ((kind, reason, count) for (kind, reason), count in counts.items()), key=lambda row: (kinds.index(row[0]), -row[2], row[1])
    )
