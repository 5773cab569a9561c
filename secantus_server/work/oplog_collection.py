"""Reads of `local.oplog.rs`. Like a capped collection, it supports both directions and tailable cursors.

https://www.mongodb.com/docs/manual/core/replica-set-oplog/
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bson.timestamp import Timestamp

from secantus_server.bson import int_value
from secantus_server.bson.values import stamp_of, timestamp_of
from secantus_server.errors import CommandError
from secantus_server.exec.read_scope import ReadScope
from secantus_server.oplog._read import select, shown
from secantus_server.oplog.reader import EVERYTHING, first_key
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.listed import scan_stage
from secantus_server.query.plan import Documents, Plan
from secantus_server.query.stages import PlanStage
from secantus_server.storage import OPLOG, RecoveryUnit
from secantus_server.work.collection_statistics import document_sizes

_KEY = struct.Struct(">Q")
_NO_LIMIT = 2**64 - 1


class Times(NamedTuple):
    """A range of timestamps as 64-bit numbers, from `first` to `last` (inclusive)."""

    first: int = 0
    last: int = _NO_LIMIT


def times_of(filter: dict[str, Any]) -> Times:
    """Return the range of timestamps that a filter's conditions on `ts` allow."""
    first, last = 0, _NO_LIMIT
    conditions = [filter, *filter["$and"]] if type(filter.get("$and")) is list else [filter]
    for condition in conditions:
        if condition is not filter:
            low, high = times_of(condition)
            first, last = max(first, low), min(last, high)
            continue
        spec = filter.get("ts")
        bounds = spec if type(spec) is dict else {"$eq": spec}
        for operator, value in bounds.items():
            if type(value) is Timestamp:
                stamp = stamp_of(value)
                first = max(first, stamp + (operator == "$gt") if operator in ("$eq", "$gt", "$gte") else 0)
                last = min(last, stamp - (operator == "$lt") if operator in ("$eq", "$lt", "$lte") else _NO_LIMIT)
    return Times(first, last)


@dataclass
class OplogSource(Plan):
    """The plan of a query over the oplog.

    Raises:
        CommandError: 2 for an index hint, `min` or `max`, because the oplog has no index.
    """

    query: CanonicalQuery
    entries: OplogDocuments | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.query.hint or self.query.min or self.query.max:
            raise CommandError(2, "error processing query: planner returned error: bad hint: the oplog has no index")

    def open(self, scope: ReadScope) -> Documents:
        """Return an iterator over the matching entries, which reads in the scope's transactions."""
        self.entries = scope.open(OplogDocuments(self.query, scope.check))
        return self.entries if self.query.sort is None else SortedEntries(self.entries, self.query)

    def explain(self) -> PlanStage:
        """Return the plan's node in the explain output."""
        first, last = times_of(self.query.filter)
        bounds = {"minRecord": timestamp_of(first)} if first else {}
        if last != _NO_LIMIT:
            bounds["maxRecord"] = timestamp_of(last)
        entries = self.entries
        return scan_stage(self.query, None if entries is None else entries.examined, entries.advanced if entries else 0, bounds)


class OplogDocuments(Iterator[bytes]):
    """An iterator over the oplog entries that match a query. After it has reached the end, iteration can continue with newer entries.

    Arguments:
        query: the query.
        check: called for each row; it raises an error if the operation was interrupted.
    """

    #: The oplog is never dropped.
    collection = None
    finished = False

    def __init__(self, query: CanonicalQuery, check: Callable[[], None]) -> None:
        self.record_id = 0
        self._match = query.match
        self._check = check
        self._reverse = query.natural < 0
        self._first, self._last = times_of(query.filter)
        self._unit: RecoveryUnit | None = None
        self._rows: Iterator[tuple[bytes, bytes]] | None = None
        self._entries: list[tuple[int, bytes]] = []
        # The number of entries read, and the number returned.
        self.examined = self.advanced = 0

    def __next__(self) -> bytes:
        while True:
            while self._entries:
                self.record_id, entry = self._entries.pop()
                entry = shown(entry)
                self.examined += 1
                if self._match is None or self._match.matches(entry):
                    self.advanced += 1
                    return entry
            if not self._read_row():
                raise StopIteration

    def _read_row(self) -> bool:
        """Read the oplog entries of the next row. Return False if no row remains."""
        assert self._unit is not None, "entries are read in a transaction"
        if self._first > self._last:
            return False
        if self._rows is None:
            upper = None if self._last == _NO_LIMIT else _KEY.pack(self._last + 1)
            self._rows = self._unit.scan(OPLOG, first_key(self._unit, self._first), upper, self._reverse)
        found = next(self._rows, None)
        if found is None:
            self.detach()
            return False
        self._check()
        begin = _KEY.unpack(found[0])[0]
        entries, end = select(found[1], begin, max(self._first - 1, 0), *EVERYTHING)
        entries = [one for one in entries if one[0] <= self._last]
        # Sorted so that pop() removes the next entry to return.
        self._entries = entries if self._reverse else entries[::-1]
        if self._reverse:
            self._last = min(self._last, begin - 1)
        else:
            self._first = max(self._first, end + 1)
        return True

    def attach(self, unit: RecoveryUnit) -> None:
        """Attach the scan to this unit's transaction."""
        self._unit = unit

    def detach(self) -> None:
        """Detach the scan from its transaction."""
        if self._rows is not None:
            self._rows.close()  # type: ignore[attr-defined]
            self._rows = None

    def close(self) -> None:
        """Close the scan."""
        self.detach()
        self._entries = []
        self.finished = True


class SortedEntries(Iterator[bytes]):
    """An iterator over the oplog entries that match a query, in sort order. It reads all entries before it returns the first one."""

    def __init__(self, documents: OplogDocuments, query: CanonicalQuery) -> None:
        self.record_id = 0
        self._documents = documents
        self._sort = query.sort
        self._found: Iterator[tuple[int, bytes]] | None = None

    def __next__(self) -> bytes:
        if self._found is None:
            assert self._sort is not None
            found = [(self._documents.record_id, entry) for entry in self._documents]
            key = self._sort.key
            found.sort(key=lambda pair: key(pair[1]))
            self._found = iter(found)
        self.record_id, entry = next(self._found)
        return entry


def oplog_statistics(unit: RecoveryUnit, max_bytes: int, scale: int = 1) -> dict[str, Any]:
    """Return the collStats fields of the oplog.

    Arguments:
        unit: a recovery unit with an open transaction.
        max_bytes: the size limit of the oplog, above which old entries are removed.
        scale: the number by which sizes are divided.
    """
    count = size = 0
    for key, row in unit.scan(OPLOG, b"", None):
        begin = _KEY.unpack(key)[0]
        entries, _ = select(row, begin, 0, *EVERYTHING)
        count += len(entries)
        size += sum(len(entry) for _, entry in entries)
    shown: dict[str, Any] = {
        **document_sizes(count, size, scale),
        "capped": True,
        "max": 0,
        "maxSize": int_value(max_bytes // scale),
        "nindexes": 0,
        "indexBuilds": [],
        "totalIndexSize": 0,
        "totalSize": int_value(size // scale),
        "indexSizes": {},
        "scaleFactor": scale,
    }
    return shown if not count else {**shown, "avgObjSize": int_value(size // count)}
