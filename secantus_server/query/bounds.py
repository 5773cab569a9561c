"""Index bounds, which describe the part of an index that a query reads.

A predicate on one path is translated to intervals of key strings. The intervals of the index's fields are then combined into ranges of
index entries. Bounds include every match. They are exact if they include nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from bson.binary import Binary
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson import canonical_type, key_string
from secantus_server.bson.shell import shell_text
from secantus_server.bson.values import Date
from secantus_server.exec._scan import next_prefix
from secantus_server.mql.context import Collation
from secantus_server.records import NamedTuple, record

# Upper bound on the number of ranges. Each combination of the leading fields' points is a range, so several long $in lists would make
# very many. Fields that would exceed the bound are left unbounded.
MAX_RANGES = 2000
#: The canonical type of strings.
STRING_RANK = 50
_LOWEST, _HIGHEST = b"\0", b"\xff"


class End:
    """An endpoint of an interval, whose text for explain is computed on demand.

    Arguments:
        value: the value at this endpoint.
        collation: the index's collation, or None.
    """

    __slots__ = ("_collation", "value")

    def __init__(self, value: Any, collation: Collation | None = None) -> None:
        self.value = value
        self._collation = collation

    def __str__(self) -> str:
        if self._collation is not None and type(self.value) is str:
            return f"CollationKey(0x{self._collation.sort_key(self.value).hex()})"
        return shell_text(self.value)


class FieldInterval(NamedTuple):
    """An interval of one field's key strings."""

    low: bytes
    low_included: bool
    high: bytes
    high_included: bool
    low_end: End
    high_end: End

    @property
    def is_point(self) -> bool:
        """Whether the interval contains a single key."""
        return self.low == self.high and self.low_included and self.high_included

    @property
    def text(self) -> str:
        """The interval in explain's format."""
        return f"{'[' if self.low_included else '('}{self.low_end}, {self.high_end}{']' if self.high_included else ')'}"

    def reversed(self) -> FieldInterval:
        """Return the interval with its endpoints swapped, as explain shows it for a descending field."""
        return FieldInterval(self.high, self.high_included, self.low, self.low_included, self.high_end, self.low_end)

    @property
    def backward_text(self) -> str:
        """The interval in explain's format for a scan in the opposite direction."""
        return f"{'[' if self.high_included else '('}{self.high_end}, {self.low_end}{']' if self.low_included else ')'}"


EVERYTHING = FieldInterval(_LOWEST, True, _HIGHEST, True, End(MinKey()), End(MaxKey()))


def is_everything(intervals: Sequence[FieldInterval]) -> bool:
    """Return whether a field's intervals include every key."""
    first = intervals[0] if len(intervals) == 1 else None
    return first is EVERYTHING or (first is not None and first.low == _LOWEST and first.high == _HIGHEST)


def are_points(intervals: Sequence[FieldInterval]) -> bool:
    """Return whether each interval contains a single key."""
    if len(intervals) == 1:  # the usual case
        low, low_included, high, high_included, _, _ = intervals[0]
        return low == high and low_included and high_included
    return all(interval.is_point for interval in intervals)


def point(value: Any, collation: Collation | None) -> FieldInterval:
    """Return the interval that contains only the key of a value."""
    key, end = key_string(value, collation), End(value, collation)
    return FieldInterval(key, True, key, True, end, end)


def union_of(intervals: Sequence[FieldInterval]) -> list[FieldInterval]:
    """Return the union of intervals as ascending, disjoint intervals."""
    found: list[FieldInterval] = []
    for interval in sorted(intervals, key=lambda i: (i.low, not i.low_included)):
        last = found[-1] if found else None
        if last is None or interval.low > last.high or (interval.low == last.high and not (interval.low_included or last.high_included)):
            found.append(interval)
        elif (interval.high, interval.high_included) > (last.high, last.high_included):
            found[-1] = FieldInterval(last.low, last.low_included, interval.high, interval.high_included, last.low_end, interval.high_end)
    return found


def intersect(a: Sequence[FieldInterval], b: Sequence[FieldInterval]) -> list[FieldInterval]:
    """Return the intersection of two lists of ascending, disjoint intervals."""
    found = []
    for x in a:
        for y in b:
            both = _intersect_two(x, y)
            if both is not None:
                found.append(both)
    return found


def complement(intervals: Sequence[FieldInterval]) -> list[FieldInterval]:
    """Return the complement of ascending, disjoint intervals."""
    found = []
    low, low_included, low_end = EVERYTHING.low, True, EVERYTHING.low_end
    for interval in intervals:
        if low < interval.low or (low == interval.low and low_included and not interval.low_included):
            found.append(FieldInterval(low, low_included, interval.low, not interval.low_included, low_end, interval.low_end))
        low, low_included, low_end = interval.high, not interval.high_included, interval.high_end
    if low < EVERYTHING.high:
        found.append(FieldInterval(low, low_included, EVERYTHING.high, True, low_end, EVERYTHING.high_end))
    return found


def _intersect_two(x: FieldInterval, y: FieldInterval) -> FieldInterval | None:
    lower = max(x, y, key=lambda i: (i.low, not i.low_included))
    upper = min(x, y, key=lambda i: (i.high, i.high_included))
    if lower.low > upper.high or (lower.low == upper.high and not (lower.low_included and upper.high_included)):
        return None
    return FieldInterval(lower.low, lower.low_included, upper.high, upper.high_included, lower.low_end, upper.high_end)


@record()
class IndexBounds:
    """The ranges of index entries that result from the intervals of the index's fields.

    Attributes: `intervals` lists the ranges. `depth` is the number of leading fields whose intervals the ranges enforce.

    Arguments:
        parts: the index's (path, direction) pairs.
        fields: the intervals of each field; EVERYTHING for an unbounded field.
    """

    parts: list[tuple[str, int]]
    fields: list[list[FieldInterval]]

    def __post_init__(self) -> None:
        self.depth = 0
        self.intervals = self._ranges()

    def _ranges(self) -> list[tuple[bytes, bytes]]:
        """Return the ranges as (low, high) pairs in the index's order. `low` is inclusive and `high` is exclusive.

        Each range combines one point for every leading field with one interval of the next field.
        """
        if len(self.fields) == 1 and len(self.fields[0]) == 1:  # the usual case
            self.depth = 1
            return [_range(b"", self.fields[0][0], self.parts[0][1])]
        leading: list[list[bytes]] = []
        last: list[FieldInterval] = [EVERYTHING]
        last_direction = 1
        total = 1
        for (_, direction), intervals in zip(self.parts, self.fields, strict=True):
            total *= len(intervals)
            if leading and total > MAX_RANGES:
                break
            self.depth += 1
            if not are_points(intervals):
                last, last_direction = intervals, direction
                break
            leading.append([directed(interval.low, direction) for interval in intervals])
        prefixes = map(b"".join, product(*leading)) if leading else (b"",)
        ranges = [_range(prefix, interval, last_direction) for prefix in prefixes for interval in last]
        return sorted(ranges) if len(ranges) > 1 else ranges

    def restrict(self, low: list[Any] | None, high: list[Any] | None, collation: Collation | None) -> None:
        """Replace the ranges by a single range from `low` (inclusive) to `high` (exclusive), in the index's order.

        Arguments:
            low, high: the values of all fields of the index, or None for no limit.
            collation: the index's collation.
        """
        start = b"" if low is None else self._key(low, collation)
        end = b"\xff" * 9 if high is None else self._key(high, collation)
        self.intervals = [(start, end)]

    def _key(self, values: list[Any], collation: Collation | None) -> bytes:
        parts = zip(values, self.parts, strict=True)
        return b"".join(directed(key_string(value, collation), direction) for value, (_, direction) in parts)

    @property
    def sorted_prefix(self) -> int:
        """The number of leading fields that are fixed to one value. Within the bounds, entries are therefore sorted by the remaining
        fields.
        """
        for number, intervals in enumerate(self.fields):
            if len(intervals) != 1 or not are_points(intervals):
                return number
        return len(self.fields)

    @property
    def single_range(self) -> bool:
        """Whether the bounds form one contiguous range: points on the leading fields, then one interval, then unbounded fields."""
        if any(len(intervals) != 1 for intervals in self.fields):
            return False
        return all(is_everything(intervals) for intervals in self.fields[self.sorted_prefix + 1 :])

    def explain_range(self) -> dict[str, Any]:
        """Return the `indexBounds` of a `COUNT_SCAN` stage, which are the start key and end key of the bounds' only range."""
        ends = {
            path: interval if direction > 0 else interval.reversed()
            for (path, direction), (interval,) in zip(self.parts, self.fields, strict=True)
        }
        return {
            "startKey": {path: end.low_end.value for path, end in ends.items()},
            "startKeyInclusive": all(end.low_included for end in ends.values()),
            "endKey": {path: end.high_end.value for path, end in ends.items()},
            "endKeyInclusive": all(end.high_included for end in ends.values()),
        }

    def explain(self, reverse: bool) -> dict[str, list[str]]:
        """Return the `indexBounds` of an index scan stage."""
        shown = {}
        for (path, direction), intervals in zip(self.parts, self.fields, strict=True):
            backward = (direction < 0) != reverse
            texts = [interval.backward_text if backward else interval.text for interval in intervals]
            shown[path] = texts[::-1] if backward else texts
        return shown


def directed(key: bytes, direction: int) -> bytes:
    """Return a value's key in the form that index entries store. The bytes are inverted if the field is descending."""
    return key if direction > 0 else bytes(255 - byte for byte in key)


def _range(prefix: bytes, interval: FieldInterval, direction: int) -> tuple[bytes, bytes]:
    """Return the range of entries whose keys consist of the prefix followed by a key in the interval."""
    if interval is EVERYTHING:
        return prefix, end_of_prefix(prefix)
    if direction > 0:
        low, low_included, high, high_included = interval[:4]
    else:
        low, low_included = directed(interval.high, -1), interval.high_included
        high, high_included = directed(interval.low, -1), interval.low_included
    start = prefix + low if low_included else end_of_prefix(prefix + low)
    end = end_of_prefix(prefix + high) if high_included else prefix + high
    return start, end


def end_of_prefix(prefix: bytes) -> bytes:
    """Return the upper bound of all keys with the prefix. It always exists, because no key string starts with the byte 255."""
    return next_prefix(prefix) or b"\xff" * 9


def bracket(operand: Any) -> FieldInterval:
    """Return the interval of all values in the operand's type bracket."""
    rank = canonical_type(operand)
    ends = _ENDS.get(rank)
    if ends is not None:
        return ends
    low, high = ("", {}) if rank == STRING_RANK else (Binary(b""), ObjectId(b"\0" * 12))
    return FieldInterval(bytes([rank]), True, bytes([rank + 1]), False, End(low), End(high))


def _ends(low: Any, high: Any) -> FieldInterval:
    return FieldInterval(key_string(low), True, key_string(high), True, End(low), End(high))


# The type brackets that have a least and a greatest value. NaN is outside, because no range matches NaN.
_ENDS = {
    canonical_type(low): _ends(low, high)
    for low, high in [
        (float("-inf"), float("inf")),
        (Date(-(2**63)), Date(2**63 - 1)),
        (False, True),
        (ObjectId(b"\0" * 12), ObjectId(b"\xff" * 12)),
        (Timestamp(0, 0), Timestamp(2**32 - 1, 2**32 - 1)),
    ]
}
