"""Snapshots: what the store held at a moment, to which it can be put back. They nest, and live in this process only.

While one is open, the undo log keeps the first value of each key that is touched, in the innermost snapshot. A
restore writes those values back in one transaction; idents made since are given up whole, and the oplog is cut off after its newest
entry of then. An ident dropped while a snapshot is open keeps its entries until no snapshot can need them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from secantus_server.storage._undo import UndoLog
from secantus_server.storage._unit import RecoveryUnit
from secantus_server.storage.errors import StorageError
from secantus_server.storage.keys import IdentRange
from secantus_server.storage.tables import CATALOG, META, OPLOG, RECORDS, WITH_IDENTS, WITH_UNDO

Values = dict[bytes, bytes | None]


class Restored(NamedTuple):
    """What a restore changed, for those who keep something in memory about it.

    `touched_catalog_keys` are the rows of the catalog that were put back or removed, `touched_idents` the older
    collections and indexes with changed entries, and `dropped_idents` those made since, which are gone. `more_records` says of
    idents of older collections how many more records they have than before the restore.
    """

    touched_catalog_keys: tuple[bytes, ...]
    touched_idents: frozenset[int]
    dropped_idents: range
    wrote: bool
    more_records: dict[int, int] = {}  # noqa: RUF012 - nobody changes it


NOTHING = Restored((), frozenset(), range(0), False)


class Touched(NamedTuple):
    """What was written since a snapshot, besides what was made since: keys, each with its value at the snapshot."""

    catalog: Values
    records: Values


@dataclass(eq=False)
class Snapshot:
    """A moment of the store. Its fields belong to this module."""

    watermark: int
    oplog_end: bytes
    values: tuple[Values, ...] = field(default_factory=lambda: tuple({} for _ in WITH_UNDO))
    deferred: list[IdentRange] = field(default_factory=list)
    oplog_written: bool = False

    def take_over(self, inner: Snapshot) -> list[IdentRange]:
        """Merges a snapshot taken later, which ends; returns the dropped idents that this one does not need."""
        for mine, later in zip(self.values, inner.values, strict=True):
            for key, value in later.items():
                mine.setdefault(key, value)
        self.oplog_written |= inner.oplog_written
        self.deferred += [dropped for dropped in inner.deferred if dropped.low < self.watermark]
        return [dropped for dropped in inner.deferred if dropped.low >= self.watermark]

    def is_clean(self, next_ident: int) -> bool:
        """Whether nothing was written since."""
        return not (self.oplog_written or self.deferred or next_ident > self.watermark or any(self.values))


class SnapshotStack:
    """The open snapshots of an engine, outermost first. The caller has the store for himself."""

    def __init__(self, undo: UndoLog) -> None:
        self._undo = undo
        self._open: list[Snapshot] = []

    @property
    def innermost(self) -> Snapshot | None:
        """The snapshot that writes are noted for."""
        return self._open[-1] if self._open else None

    @property
    def open(self) -> tuple[Snapshot, ...]:
        """All of them."""
        return tuple(self._open)

    def written_since(self, snapshot: Snapshot, next_ident: int) -> bool:
        """Whether anything was written since a snapshot."""
        self._keep_oplog_flag()
        return any(not later.is_clean(next_ident) for later in self._open[self._level(snapshot) :])

    def touched(self, snapshot: Snapshot) -> Touched:
        """What was written since the innermost snapshot."""
        assert snapshot is self.innermost, "only the innermost snapshot knows all that was written since"
        return Touched(dict(snapshot.values[CATALOG]), dict(snapshot.values[RECORDS]))

    def push(self, unit: RecoveryUnit, next_ident: int) -> Snapshot:
        """Takes a snapshot.

        Arguments:
            unit: a recovery unit with a transaction, to read with.
            next_ident: the lowest ident not given out yet.
        """
        self._keep_oplog_flag()
        newest = next(unit.scan(OPLOG, b"", None, reverse=True), None)
        snapshot = Snapshot(next_ident, newest[0] if newest else b"")
        self._open.append(snapshot)
        self._record()
        return snapshot

    def pop(self, snapshot: Snapshot) -> list[IdentRange]:
        """Ends a snapshot, and those taken after it; returns the dropped idents that no snapshot needs any more."""
        self._keep_oplog_flag()
        level = self._level(snapshot)
        unneeded: list[IdentRange] = []
        while len(self._open) > level:
            ended = self._open.pop()
            unneeded += self._open[-1].take_over(ended) if self._open else ended.deferred
        self._record()
        return unneeded

    def unwind(self, snapshot: Snapshot) -> None:
        """Ends the snapshots taken after this one, which takes over what they know."""
        self._keep_oplog_flag()
        level = self._level(snapshot)
        while len(self._open) > level + 1:
            ended = self._open.pop()
            # Idents that the outer one does not need are among those it gives up whole, and their rows in `meta` go with that.
            self._open[-1].deferred += self._open[-1].take_over(ended)
        self._record()

    def settle(self, snapshot: Snapshot, next_ident: int) -> None:
        """Notes that the store is again what it was at the snapshot, which stays open."""
        for values in snapshot.values:
            values.clear()
        snapshot.deferred.clear()
        snapshot.oplog_written = False
        snapshot.watermark = next_ident
        self._record()

    def _level(self, snapshot: Snapshot) -> int:
        """The snapshot's place; an ended one is the caller's error."""
        if snapshot not in self._open:
            raise StorageError("This snapshot has ended: it was popped, or an outer one was restored.")
        return self._open.index(snapshot)

    def _keep_oplog_flag(self) -> None:
        """Takes the undo log's note about the oplog over into the innermost snapshot."""
        if self._open:
            self._open[-1].oplog_written = self._undo.oplog_written

    def _record(self) -> None:
        """Points the undo log at the innermost snapshot."""
        if self._open:
            top = self._open[-1]
            self._undo.record_into(top.values, top.watermark, top.oplog_written)
        else:
            self._undo.stop()


def write_back(unit: RecoveryUnit, snapshot: Snapshot, made: Iterable[IdentRange]) -> Restored:
    """Puts the store back, in the unit's transaction.

    Arguments:
        made: the idents given out since, as ranges to be removed later.
    """
    more_records: Counter[int] = Counter()
    for table, values in zip(WITH_UNDO, snapshot.values, strict=True):
        if table == RECORDS:
            for key, value in values.items():
                more_records[int.from_bytes(key[:4], "big")] += unit.restore_value(table, key, value, counted=True)
            continue
        for key, value in values.items():
            unit.restore_value(table, key, value)
    if snapshot.oplog_written:
        unit.truncate(OPLOG, snapshot.oplog_end + b"\0" if snapshot.oplog_end else b"", None)
    for dropped in snapshot.deferred:
        unit.restore_value(META, dropped.meta_key(), None)
    idents = range(0)
    for gone in made:
        unit.put(META, gone.meta_key(), b"")
        idents = range(gone.low, gone.high)
    touched = frozenset(int.from_bytes(key[:4], "big") for table in WITH_IDENTS for key in snapshot.values[table])
    return Restored(tuple(snapshot.values[CATALOG]), touched, idents, True, dict(more_records))
