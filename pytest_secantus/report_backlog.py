"""The part of a report's data that has not been processed yet.

A test only leaves behind what the report needs of it. The report's data are made of that later, for many tests at a time: between two
tests the processor's caches contain other code and data, so that the same work takes more than twice as long there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from pytest_secantus.attribution import Span
    from pytest_secantus.report_data import Report
    from secantus_server.work._command_records import TakenCommands
    from secantus_server.work.index_usage import IndexUsage

#: The maximum number of waiting commands, and of other waiting values. With more, the memory that they take would matter.
MOST_COMMANDS: Final = 2000
MOST_ENTRIES: Final = 10_000
#: pytest's names for the outcomes of a test that is expected to fail, by the outcome in its report.
EXPECTED_TO_FAIL: Final = {"skipped": "xfailed", "passed": "xpassed"}


class Backlog:
    """What the tests of a process have left behind for the report, in the order of its arrival.

    The modules that process it are imported when that happens. During a run's first test, they would import the whole server.
    """

    def __init__(self) -> None:
        self._report: Report | None = None
        # For each phase of a test, its name, duration and outcome, and whether it is expected to fail. The lists are flat, because the
        # garbage collector would run sooner with a tuple for each entry.
        self._results: list[Any] = []
        self._usages: list[IndexUsage] = []
        # Commands with the test that they belong to, and what attributes them to it; None for commands of no test.
        self._taken: list[Any] = []
        self._commands = 0

    @property
    def waiting(self) -> int:
        """The number of values that have not been processed yet."""
        return len(self._taken) + len(self._results) + len(self._usages)

    def report(self) -> Report:
        """Process what is waiting, and return the data of the report."""
        from pytest_secantus import report as data

        if self._report is None:
            self._report = data.new_report()
        report = self._report
        results, self._results = self._results, []
        for test, seconds, outcome, is_expected in zip(*[iter(results)] * 4, strict=True):
            data.add_result(report, test, seconds, EXPECTED_TO_FAIL.get(outcome, outcome) if is_expected else outcome)
        usages, self._usages = self._usages, []
        data.add_usage(report, usages)
        waiting, self._taken, self._commands = self._taken, [], 0
        waiting.reverse()
        while waiting:
            # Removed at once, so that the garbage collector does not visit what the texts of its commands were made of.
            data.add_taken(report, waiting.pop(), waiting.pop(), waiting.pop())
        return report

    def add_result(self, result: pytest.TestReport) -> None:
        """Add the duration and the outcome of one phase of a test (setup, call or teardown)."""
        self._results += result.nodeid, result.duration, result.outcome, hasattr(result, "wasxfail")
        if len(self._results) >= MOST_ENTRIES:
            self.report()

    def add_usage(self, usages: Sequence[IndexUsage]) -> None:
        """Add the usage of indexes, measured at the end of a test."""
        self._usages += usages

    def add_commands(self, taken: TakenCommands, test: str, span: Span | None) -> None:
        """Add commands that were logged during a test, or during no test.

        Arguments:
            span: what attributes commands to the test; None for commands of no test.
        """
        self._taken += taken, test, span
        self._commands += len(taken)
        # The documents of long commands may need much memory.
        if taken.has_long or self._commands >= MOST_COMMANDS or len(self._usages) >= MOST_ENTRIES:
            self.report()
