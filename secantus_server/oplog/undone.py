"""The times whose writes a restored snapshot has undone. The time is not reset, so that no time means two different states."""

from __future__ import annotations

from bisect import bisect_left

from secantus_server.storage import META, RecoveryUnit

# The rows of `meta` of a directory: the begin of each interval in the key, its end in the value.
_PREFIX = b"oplog.undone."
_END = b"oplog.undone/"


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


def load(unit: RecoveryUnit) -> UndoneTimes:
    """Return the times that `save` has stored."""
    times = UndoneTimes()
    for key, value in unit.scan(META, _PREFIX, _END):
        times.add(int.from_bytes(key[len(_PREFIX) :], "big"), int.from_bytes(value, "big"))
    return times


def save(unit: RecoveryUnit, begin: int, end: int) -> None:
    """Store the newest interval, in place of those that it covers."""
    unit.truncate(META, _key(begin), _END)
    unit.put(META, _key(begin), end.to_bytes(8, "big"))


def forget(unit: RecoveryUnit, stamp: int) -> None:
    """Remove the stored intervals that begin before a time."""
    unit.truncate(META, _PREFIX, _key(stamp))


def _key(stamp: int) -> bytes:
    return _PREFIX + stamp.to_bytes(8, "big")
