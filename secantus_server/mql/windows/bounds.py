"""The `window` of a window function.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/setWindowFields/#std-label-setWindowFields-window

The bounds of a window select a frame for each document, which is a range of documents in the same partition.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from secantus_server.bson import compare_values, is_number, key_string, type_name
from secantus_server.bson.numbers import python_number
from secantus_server.bson.values import Date
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.dates.add import Addition, add_units
from secantus_server.mql.expressions.dates.timezones import find_timezone
from secantus_server.mql.expressions.dates.units import LENGTHS, MONTHS
from secantus_server.mql.expressions.numbers._arithmetic import add
from secantus_server.mql.windows.partition import Partition, SortOrder

UNBOUNDED, CURRENT = "unbounded", "current"
Frame = tuple[int, int]


@dataclass(frozen=True)
class Bounds:
    """A parsed `window`, which defines a frame for each document of a partition.

    Arguments:
        kind: `documents` or `range`.
        lower, upper: `unbounded`, `current` or a number.
        unit: the time unit of a range over dates; None for a range over numbers.
        add_time: adds units of time to a date.
    """

    kind: str = "documents"
    lower: Any = UNBOUNDED
    upper: Any = UNBOUNDED
    unit: str | None = None
    add_time: Addition = add_units

    @property
    def is_whole(self) -> bool:
        """Return whether the frame of every document is the whole partition."""
        return (self.lower, self.upper) == (UNBOUNDED, UNBOUNDED)

    def frames(self, partition: Partition) -> Iterator[Frame]:
        """Return an iterator over the frames of a partition's documents.

        The frame of a document is a pair of indexes in the partition: its start and its exclusive end.

        Raises:
            CommandError: 5429414 or 5429513 if a document's sort value has a type that the range does not allow.
        """
        size = len(partition.documents)
        if self.is_whole:
            return iter([(0, size)] * size)
        if self.kind == "documents":
            return self._document_frames(size, partition.check)
        return self._range_frames(partition)

    def _document_frames(self, size: int, check: Callable[[], None]) -> Iterator[Frame]:
        lower = -size if self.lower == UNBOUNDED else 0 if self.lower == CURRENT else self.lower
        upper = size if self.upper == UNBOUNDED else 0 if self.upper == CURRENT else self.upper
        for index in range(size):
            check()
            start = min(max(index + lower, 0), size)
            yield start, max(min(index + upper + 1, size), start)

    def _range_frames(self, partition: Partition) -> Iterator[Frame]:
        measured = any(type(bound) is not str for bound in (self.lower, self.upper))
        keys = [key_string(value) for value in partition.positions] if measured else partition.keys
        for index, key in enumerate(keys):
            partition.check()
            start = 0 if self.lower == UNBOUNDED else bisect_left(keys, self._moved(self.lower, key, partition, index))
            end = len(keys) if self.upper == UNBOUNDED else bisect_right(keys, self._moved(self.upper, key, partition, index))
            yield start, max(end, start)

    def _moved(self, bound: Any, key: bytes, partition: Partition, index: int) -> bytes:
        """Return the sort key at a given bound of a document's frame, which is the key of the document's sort value plus the bound.

        Arguments:
            bound: `current` or a number.
            key: the sort key of the document.
            partition: the partition.
            index: the position of the document in the partition.
        """
        if bound == CURRENT:
            return key
        value = partition.positions[index]
        if self.unit is None:
            if type(value) is Date:
                raise CommandError(5429513, "Invalid range: Expected the sortBy field to be a number, but it was date")
            if not is_number(value):
                raise CommandError(5429414, f"Invalid range: Expected the sortBy field to be a number, but it was {type_name(value)}")
            return key_string(add(value, bound))
        if type(value) is not Date:
            raise CommandError(5429513, f"Invalid range: Expected the sortBy field to be a Date, but it was {type_name(value)}")
        return key_string(Date(self.add_time(value.ms, self.unit, bound, find_timezone("UTC"))))


def parse_bounds(spec: Any, order: SortOrder, add_time: Addition = add_units) -> Bounds:
    """Parse the `window` of a window function.

    Arguments:
        spec: the value of `window`: `{documents: [lower, upper]}`, `{range: [lower, upper], unit: ...}` or an empty document.
        order: the sort order of the stage.
        add_time: adds units of time to a date.

    Raises:
        CommandError: 9 for a malformed window, 5339900 if the lower bound is above the upper bound, 5339901, 5339902 and 8947401 for a
            sort order that the window does not allow.
    """
    if type(spec) is not dict:
        raise CommandError(9, f"'window' field must be an object, but found type {type_name(spec)}")
    for name in spec:
        if name not in ("documents", "range", "unit"):
            raise CommandError(9, f"'window' field that is not 'documents', 'range' or 'unit': {name}")
    if "documents" in spec:
        if len(spec) > 1:
            raise CommandError(9, "'window' field can only specify one of 'documents' or 'range', and 'unit' only with 'range'")
        return _parse_documents(spec["documents"], order)
    if "range" in spec:
        if "unit" in spec and spec["unit"] is None:
            raise CommandError(9, "'unit' must be a string, but found type null")
        return _parse_range(spec["range"], spec.get("unit"), order, add_time)
    if "unit" in spec:
        raise CommandError(9, "Window bounds can only specify 'unit' with range-based bounds.")
    return Bounds()


def _pair(name: str, spec: Any) -> tuple[Any, Any]:
    if type(spec) is not list or len(spec) != 2:
        raise CommandError(9, f"Window bounds must be a 2-element array: {name}")
    for bound in spec:
        if bound not in (UNBOUNDED, CURRENT) and not is_number(bound):
            raise CommandError(9, f"Window bounds must be 'unbounded', 'current', or a number: {name}")
    return spec[0], spec[1]


def _check_direction(lower: Any, upper: Any) -> None:
    values = [0 if bound == CURRENT else bound for bound in (lower, upper)]
    if UNBOUNDED not in values and compare_values(*values) > 0:
        raise CommandError(5339900, f"Lower bound must not exceed upper bound: [{lower}, {upper}]")


def _parse_documents(spec: Any, order: SortOrder) -> Bounds:
    lower, upper = (bound if type(bound) is str else _whole(bound, 32) for bound in _pair("documents", spec))
    _check_direction(lower, upper)
    bounds = Bounds("documents", lower, upper)
    if not bounds.is_whole and not order.given:
        raise CommandError(5339901, "Document-based bounds require a sortBy")
    return bounds


def _whole(bound: Any, bits: int) -> int:
    number = python_number(bound)
    if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1) or number != int(number):
        raise CommandError(9, "Numeric document-based bounds must be an integer")
    return int(number)


def _parse_range(spec: Any, unit: Any, order: SortOrder, add_time: Addition) -> Bounds:
    lower, upper = _pair("range", spec)
    if unit is not None:
        if type(unit) is not str or (unit not in LENGTHS and unit not in MONTHS):
            raise CommandError(9, f"'unit' must be a unit of time, but found: {unit}")
        lower, upper = (bound if type(bound) is str else _whole(bound, 64) for bound in (lower, upper))
    _check_direction(lower, upper)
    if not order.is_single:
        raise CommandError(5339902, "Range-based bounds require a sortBy a single field")
    if not order.is_ascending and not {type(lower), type(upper)} == {str}:
        raise CommandError(8947401, "Range-based bounds require a sortBy an ascending field")
    return Bounds("range", lower, upper, unit, add_time)
