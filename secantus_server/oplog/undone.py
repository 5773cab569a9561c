"""The times of writes that were undone by restoring snapshots.

A restore does not reset the clock. Thus a cluster time is never reused, and it identifies only one state of the data.
"""

from __future__ import annotations

from bisect import bisect_left

from secantus_server.storage import META, RecoveryUnit

# The rows of `meta` for a store in a directory. The key contains the start of an interval, and the value its end.
_PREFIX = b"oplog.undone."
_END = b"oplog.undone/"


class UndoneTimes:
    """The intervals of cluster times (64-bit numbers) whose writes were undone, in ascending order.

    Each interval excludes its start and includes its end.

    Threads: the caller serializes additions. A reader sees either both old lists or both new lists, because they are replaced together.
    """

    def __init__(self) -> None:
        self._intervals: tuple[list[int], list[int]] = ([], [])

    def add(self, begin: int, end: int) -> None:
        """Append the newest interval, and remove the intervals that it covers.

        Arguments:
            begin: the time of the newest write that remains.
            end: the time of the newest write that was undone.
        """
        begins, ends = self._intervals
        kept = bisect_left(begins, begin)
        if kept == len(begins):
            # Append the end last, because readers look at the ends first.
            begins.append(begin)
            ends.append(end)
        else:
            self._intervals = ([*begins[:kept], begin], [*ends[:kept], end])

    @property
    def newest(self) -> int:
        """The end of the newest interval, or 0."""
        return next(reversed(self._intervals[1]), 0)

    def __contains__(self, stamp: int) -> bool:
        begins, ends = self._intervals
        place = bisect_left(ends, stamp)
        return place < len(ends) and begins[place] < stamp


def load(unit: RecoveryUnit) -> UndoneTimes:
    """Return the intervals that `save` has stored."""
    times = UndoneTimes()
    for key, value in unit.scan(META, _PREFIX, _END):
        times.add(int.from_bytes(key[len(_PREFIX) :], "big"), int.from_bytes(value, "big"))
    return times


def save(unit: RecoveryUnit, begin: int, end: int) -> None:
    """Store the newest interval, and remove the stored intervals that it covers."""
    unit.truncate(META, _key(begin), _END)
    unit.put(META, _key(begin), end.to_bytes(8, "big"))


def forget(unit: RecoveryUnit, stamp: int) -> None:
    """Remove the stored intervals that start before a time."""
    unit.truncate(META, _PREFIX, _key(stamp))


def _key(stamp: int) -> bytes:
    return _PREFIX + stamp.to_bytes(8, "big")
