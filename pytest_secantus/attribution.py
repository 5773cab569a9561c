"""Which of the commands that were logged during a test belong to the test, and from which lines they were sent."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from secantus_server.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_secantus.sources import Sources
    from secantus_server.work._command_records import CommandRecord

#: The arguments of `Attribution`. A report creates the object later, not between two tests.
Span = tuple["Sources", int, int, int, "int | None", tuple[tuple[int, int], ...], "Sequence[int]"]


class Attribution(NamedTuple):
    """What attributes the commands of a log to a test.

    Arguments:
        sources: the source lines of the messages that the test's process has sent.
        first_message, last_message: the range of the test's messages in `sources`.
        begin: the position in the log when the test began.
        end: the position in the log when the test's function ended, or None if it has not ended. A report omits the teardown.
        foreign: the ranges of positions in the log whose commands belong to fixtures of a wider scope, not to the test.
        parts: the positions in the log at which the test's examples and subtests begin.
    """

    sources: Sources
    first_message: int
    last_message: int
    begin: int
    end: int | None
    foreign: tuple[tuple[int, int], ...]
    parts: Sequence[int]

    def own(self, records: list[CommandRecord]) -> list[CommandRecord]:
        """Return those of the logged commands that belong to the test, with their source lines and the part of the test."""
        begin, end, foreign, parts = self.begin, self.end, self.foreign, self.parts
        if records and records[0].number < begin:
            records = [record for record in records if record.number >= begin]
        if end is not None and records and records[-1].number >= end:
            records = [record for record in records if record.number < end]
        if foreign:
            records = [record for record in records if not any(first <= record.number < end for first, end in foreign)]
        if parts:
            for record in records:
                record.part = bisect_right(parts, record.number)
        self.sources.attribute(records, self.first_message, self.last_message)
        return records
