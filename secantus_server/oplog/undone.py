"""The times whose writes a restored snapshot has undone. Time itself goes on, so that no time means two different states."""

from __future__ import annotations

from bisect import bisect_left


class UndoneTimes:
    """Intervals of cluster times, as 64-bit numbers, in ascending order. Each excludes its begin and includes its end.

    Threads: the caller guards additions; a reader sees either the old lists or the new ones, which are replaced together.
    """

    def __init__(self) -> None:
        self._intervals: tuple[list[int], list[int]] = ([], [])

    def add(self, begin: int, end: int) -> None:
        """Add the newest interval; it takes in those that it covers.

        Arguments:
            begin: the newest time that remains.
            end: the newest time that is undone.
        """
        begins, ends = self._intervals
        kept = bisect_left(begins, begin)
        if kept == len(begins):
            # Readers look at an interval's end first, so that it is appended last.
            begins.append(begin)
            ends.append(end)
        else:
            self._intervals = ([*begins[:kept], begin], [*ends[:kept], end])

    def __contains__(self, stamp: int) -> bool:
        begins, ends = self._intervals
        place = bisect_left(ends, stamp)
        return place < len(ends) and begins[place] < stamp
