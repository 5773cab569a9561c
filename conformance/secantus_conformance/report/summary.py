"""The figures of a run: the number of eligible tests and the number of each verdict, per group and category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from secantus_conformance.model import Group, Result, Run, Skip, Verdict

# The suffix of a driver test's category if the test needs a server.
NEEDS_SERVER = ": needs a server"


def share_of(passed: int, tests: int) -> float:
    """Return the percentage of tests that passed, with one decimal. It is 100 only if all passed."""
    share = round(100 * passed / tests, 1)
    return share if passed == tests else min(share, 99.9)


@dataclass
class Row:
    """The counts of one category within one group. `free` counts the passed tests that also pass against the null server."""

    group: Group
    category: str
    counts: Counter[Verdict] = field(default_factory=Counter)
    free: int = 0

    @property
    def total(self) -> int:
        """The number of tests."""
        return sum(self.counts.values())

    @property
    def eligible(self) -> int:
        """The number of tests that were not skipped."""
        return self.total - self.counts[Verdict.SKIPPED]

    @property
    def passed(self) -> int:
        """The number of tests that passed."""
        return self.counts[Verdict.PASSED]

    @property
    def bad(self) -> int:
        """The number of tests that make the run fail."""
        return sum(count for verdict, count in self.counts.items() if verdict.is_bad)

    @property
    def share(self) -> str:
        """The percentage of eligible tests that passed, as text. A dash if no tests were eligible."""
        return f"{share_of(self.passed, self.eligible)}%" if self.eligible else "–"


def rows(results: Iterable[Result], free: frozenset[str] = frozenset()) -> list[Row]:
    """Return one row for each category of each group, in display order."""
    table: dict[tuple[Group, str], Row] = {}
    for result in results:
        row = table.setdefault((result.group, result.category), Row(result.group, result.category))
        row.counts[result.verdict] += 1
        row.free += result.verdict is Verdict.PASSED and result.id in free
    order = list(Group)
    return sorted(table.values(), key=lambda row: (order.index(row.group), row.category))


def total(parts: Iterable[Row], label: str, group: Group) -> Row:
    """Return a row with the sums of all given rows."""
    whole = Row(group, label)
    for row in parts:
        whole.counts += row.counts
        whole.free += row.free
    return whole


def server_tests(run: Run) -> list[Result]:
    """Return the eligible tests of a driver's suite that need a server. Return an empty list for any other kind of run."""
    return [result for result in run.results if result.category.endswith(NEEDS_SERVER) and result.eligible]


def of_server_tests(run: Run) -> str:
    """Return a sentence about how many of the tests that need a server passed in a driver's suite. Return an empty text for any other
    run.
    """
    needed = server_tests(run)
    passed = sum(result.verdict is Verdict.PASSED for result in needed)
    return f"Of the tests that need a server, {passed} of {len(needed)} pass." if needed else ""


def known_reason(result: Result) -> str:
    """Return the missing feature behind a known difference, without the individual failure's message."""
    return result.reason.split(" (")[0]


def skips(run: Run) -> list[tuple[str, str, int]]:
    """Return the reasons for skipped tests, each as kind, reason and count. Within each kind, the most frequent reason comes first."""
    counts = Counter((result.kind, result.reason) for result in run.results if result.verdict is Verdict.SKIPPED)
    kinds = [skip.value for skip in Skip]
    return sorted(
        ((kind, reason, count) for (kind, reason), count in counts.items()), key=lambda row: (kinds.index(row[0]), -row[2], row[1])
    )
