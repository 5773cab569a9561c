"""The part of a report's data that has not been processed yet.

A test only leaves behind what the report needs of it. The report's data are made of that later, for many tests at a time: between two
tests the processor's caches contain other code and data, so that the same work takes more than twice as long there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from pytest_secantus.report import add_commands, add_others, add_result, add_usage, new_report

if TYPE_CHECKING:
    import pytest

    from pytest_secantus.attribution import Attribution
    from pytest_secantus.report_data import Report
    from secantus_server.work._command_records import TakenCommands
    from secantus_server.work.index_usage import IndexUsage

#: The maximum number of waiting commands, and of other entries. With more, the memory that they take would matter.
MOST_COMMANDS: Final = 2000
MOST_ENTRIES: Final = 10_000


#: pytest's names for the outcomes of a test that is expected to fail, by the outcome in its report.
EXPECTED_TO_FAIL: Final = {"skipped": "xfailed", "passed": "xpassed"}


class Backlog:
    """What the tests of a process have left behind for the report, in the order of its arrival."""

    def __init__(self) -> None:
        self._report = new_report()
        # Functions with the arguments that follow the report.
        self._waiting: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._commands = 0
        # For each phase of a test, its name, duration and outcome, and whether it is expected to fail.
        self._results: list[tuple[str, float, str, bool]] = []

    @property
    def waiting(self) -> int:
        """The number of entries that have not been processed yet."""
        return len(self._waiting) + len(self._results)

    def report(self) -> Report:
        """Process what is waiting, and return the data of the report."""
        results, self._results = self._results, []
        for test, seconds, outcome, is_expected in results:
            add_result(self._report, test, seconds, EXPECTED_TO_FAIL.get(outcome, outcome) if is_expected else outcome)
        waiting, self._waiting, self._commands = self._waiting, [], 0
        waiting.reverse()
        while waiting:
            # Removed at once, so that the garbage collector does not visit what the texts of its commands were made of.
            add, arguments = waiting.pop()
            add(self._report, *arguments)
        return self._report

    def add_result(self, result: pytest.TestReport) -> None:
        """Add the duration and the outcome of one phase of a test (setup, call or teardown)."""
        self._results.append((result.nodeid, result.duration, result.outcome, hasattr(result, "wasxfail")))
        if len(self._results) >= MOST_ENTRIES:
            self.report()

    def add_usage(self, usages: Sequence[IndexUsage]) -> None:
        """Add the usage of indexes, measured at the end of a test."""
        if usages:
            self._waiting.append((add_usage, (usages,)))

    def add_commands(self, taken: TakenCommands, test: str, attribution: Attribution) -> None:
        """Add commands that were logged during a test."""
        self._waiting.append((_add_taken, (taken, test, attribution)))
        self._check_room(taken)

    def add_others(self, taken: TakenCommands) -> None:
        """Add commands that were logged during no test."""
        self._waiting.append((_add_others, (taken,)))
        self._check_room(taken)

    def _check_room(self, taken: TakenCommands) -> None:
        """Process what is waiting if it may need much memory."""
        self._commands += len(taken)
        if taken.has_long or self._commands >= MOST_COMMANDS or len(self._waiting) >= MOST_ENTRIES:
            self.report()


def _add_taken(report: Report, taken: TakenCommands, test: str, attribution: Attribution) -> None:
    records = taken.records()
    own = attribution.own(records)
    add_commands(report, test, own)
    if len(own) < len(records):
        numbers = {record.number for record in own}
        add_others(report, [record for record in records if record.number not in numbers])


def _add_others(report: Report, taken: TakenCommands) -> None:
    add_others(report, taken.records())
