"""The part of a report's data that has not been processed yet.

A test only leaves behind what the report needs of it. The report's data are made of that later, for many tests at a time: between two
tests the processor's caches contain other code and data, so that the same work takes more than twice as long there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from pytest_secantus.report import add_commands, add_others, add_result, add_usage, new_report

if TYPE_CHECKING:
    from pytest_secantus.report_data import Report
    from secantus_server.work._command_records import CommandRecord
    from secantus_server.work.index_usage import IndexUsage

#: The maximum number of waiting commands, and of other entries. With more, the memory that they take would matter.
MOST_COMMANDS: Final = 2000
MOST_ENTRIES: Final = 10_000


class Backlog:
    """What the tests of a process have left behind for the report, in the order of its arrival."""

    def __init__(self) -> None:
        self._report = new_report()
        # Functions with the arguments that follow the report.
        self._waiting: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._commands = 0

    @property
    def waiting(self) -> int:
        """The number of entries that have not been processed yet."""
        return len(self._waiting)

    def report(self) -> Report:
        """Process what is waiting, and return the data of the report."""
        waiting, self._waiting, self._commands = self._waiting, [], 0
        waiting.reverse()
        while waiting:
            # Removed at once, so that the garbage collector does not visit what the texts of its commands were made of.
            add, arguments = waiting.pop()
            add(self._report, *arguments)
        return self._report

    def add_result(self, test: str, seconds: float, outcome: str) -> None:
        """Add the duration and the outcome of one phase of a test."""
        self._add(add_result, test, seconds, outcome)

    def add_usage(self, usages: Sequence[IndexUsage]) -> None:
        """Add the usage of indexes, measured at the end of a test."""
        if usages:
            self._add(add_usage, usages)

    def add_commands(self, test: str, records: list[CommandRecord]) -> None:
        """Add the commands of a test."""
        self._commands += len(records)
        self._add(add_commands, test, records)
        if any(record.is_long for record in records):
            self.report()  # the documents of such commands may need much memory

    def add_others(self, records: list[CommandRecord]) -> None:
        """Add commands that belong to no test."""
        self._commands += len(records)
        self._add(add_others, records)

    def _add(self, add: Callable[..., None], *arguments: Any) -> None:
        self._waiting.append((add, arguments))
        if self._commands >= MOST_COMMANDS or len(self._waiting) >= MOST_ENTRIES:
            self.report()
