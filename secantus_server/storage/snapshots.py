"""Snapshots: states of the store that can be restored. Snapshots may be nested and exist only in this process.

While snapshots are open, the undo log records the old value of each written key in the innermost snapshot. A restore writes these values
back in one transaction, drops the idents created since the snapshot, and truncates the oplog after the entry that was newest at the
snapshot. The entries of an ident that is dropped while a snapshot is open are retained until no snapshot can need them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from secantus_server.records import NamedTuple, record
from secantus_server.storage._undo import UndoLog
from secantus_server.storage._unit import RecoveryUnit
from secantus_server.storage.errors import StorageError
from secantus_server.storage.keys import IdentRange
from secantus_server.storage.tables import CATALOG, META, OPLOG, RECORDS, WITH_IDENTS, WITH_UNDO

Values = dict[bytes, bytes | None]


class Restored(NamedTuple):
    """The changes made by a restore, for code that caches parts of the store.

    Attributes:
        catalog_rows: the keys of catalog rows that were restored or removed, each with the restored row, or with None.
        touched_idents: the collections and indexes that existed at the snapshot and whose entries changed.
        dropped_idents: the collections and indexes created since the snapshot.
        more_records: the change in the number of records, by ident of a collection that existed at the snapshot.
    """

    catalog_rows: Values
    touched_idents: frozenset[int]
    dropped_idents: range
    wrote: bool
    more_records: dict[int, int] = {}  # noqa: RUF012 - nobody changes it


NOTHING_RESTORED = Restored({}, frozenset(), range(0), False)


class ValuesAtSnapshot(NamedTuple):
    """The keys written since a snapshot, with their values at the snapshot. Keys of idents created since the snapshot are omitted."""

    catalog: Values
    records: Values


@record(eq=False)
class Snapshot:
    """A state of the store that can be restored. Its fields are private to this module.

    The keys of the oplog only grow, so `oplog_end` may be that of an entry that a restore to this state has removed (`undone_end` until
    its commit). A restore then need not pass the removed entries of all earlier ones, which WiredTiger keeps for a while.
    """

    watermark: int
    oplog_end: bytes
    undone_end: bytes = b""
    values: tuple[Values, ...] = field(default_factory=lambda: tuple({} for _ in WITH_UNDO))
    deferred: list[IdentRange] = field(default_factory=list)
    oplog_written: bool = False

    def take_over(self, inner: Snapshot) -> list[IdentRange]:
        """Merge the changes of a nested snapshot into this one. Return the dropped idents whose entries this snapshot does not need."""
        for mine, later in zip(self.values, inner.values, strict=True):
            for key, value in later.items():
                mine.setdefault(key, value)
        self.oplog_written |= inner.oplog_written
        self.deferred += [dropped for dropped in inner.deferred if dropped.low < self.watermark]
        return [dropped for dropped in inner.deferred if dropped.low >= self.watermark]

    def is_clean(self, next_ident: int) -> bool:
        """Return whether nothing was written since the snapshot."""
        return not (self.oplog_written or self.deferred or next_ident > self.watermark or any(self.values))


class SnapshotStack:
    """The open snapshots of an engine, outermost first. The caller must have exclusive access to the store."""

    def __init__(self, undo: UndoLog) -> None:
        self._undo = undo
        self._open: list[Snapshot] = []
        #: The innermost snapshot, which records the writes, or None if no snapshot is open.
        self.innermost: Snapshot | None = None

    @property
    def open(self) -> tuple[Snapshot, ...]:
        """All open snapshots, outermost first."""
        return tuple(self._open)

    def has_records_of(self, snapshot: Snapshot) -> bool:
        """Return whether old values are recorded in the innermost snapshot, which is the given one.

        They stay recorded, whatever becomes of their transactions, until the snapshot is restored. So the caller needs no exclusive access.
        """
        return self._open[-1:] == [snapshot] and any(snapshot.values)

    def written_since(self, snapshot: Snapshot, next_ident: int) -> bool:
        """Return whether anything was written since a snapshot."""
        self._keep_oplog_flag()
        return any(not later.is_clean(next_ident) for later in self._open[self._level(snapshot) :])

    def values_at(self, snapshot: Snapshot) -> ValuesAtSnapshot:
        """Return the keys written since a snapshot, with their values at the snapshot. The snapshot need not be the innermost one."""
        catalog: Values = {}
        records: Values = {}
        for later in self._open[self._level(snapshot) :]:
            catalog = later.values[CATALOG] | catalog
            records = later.values[RECORDS] | records
        # Later snapshots may have recorded values of idents that did not exist at this snapshot.
        return ValuesAtSnapshot(catalog, {key: old for key, old in records.items() if int.from_bytes(key[:4], "big") < snapshot.watermark})

    def push(self, unit: RecoveryUnit, next_ident: int) -> Snapshot:
        """Take a snapshot.

        Arguments:
            unit: a recovery unit with an open transaction, for reading.
            next_ident: the lowest unused ident.
        """
        self._keep_oplog_flag()
        newest = next(unit.scan(OPLOG, b"", None, reverse=True), None)
        snapshot = Snapshot(next_ident, newest[0] if newest else b"")
        self._open.append(snapshot)
        self._record()
        return snapshot

    def pop(self, snapshot: Snapshot) -> list[IdentRange]:
        """Discard a snapshot and all later ones. Return the dropped idents whose entries no snapshot needs any more."""
        self._keep_oplog_flag()
        level = self._level(snapshot)
        unneeded: list[IdentRange] = []
        while len(self._open) > level:
            ended = self._open.pop()
            unneeded += self._open[-1].take_over(ended) if self._open else ended.deferred
        self._record()
        return unneeded

    def unwind(self, snapshot: Snapshot) -> None:
        """Discard all snapshots after this one, and merge their recorded changes into it, so that a restore still undoes these changes."""
        self._keep_oplog_flag()
        if self._open[-1:] == [snapshot]:
            return
        level = self._level(snapshot)
        while len(self._open) > level + 1:
            ended = self._open.pop()
            # The returned idents were created since the enclosing snapshot. The restore drops these as one range, but must also remove
            # their rows in `meta`.
            self._open[-1].deferred += self._open[-1].take_over(ended)
        self._record()

    def settle(self, snapshot: Snapshot, next_ident: int) -> None:
        """Clear the recorded changes of a snapshot after the store was restored to it. The snapshot remains open."""
        for values in snapshot.values:
            values.clear()
        snapshot.deferred.clear()
        snapshot.oplog_written = False
        snapshot.oplog_end = max(snapshot.oplog_end, snapshot.undone_end)
        snapshot.watermark = next_ident
        self._record()

    def _level(self, snapshot: Snapshot) -> int:
        """Return the snapshot's nesting level. Raise StorageError if the snapshot is no longer open."""
        if snapshot not in self._open:
            raise StorageError("This snapshot has ended: it was popped, or an outer one was restored.")
        return self._open.index(snapshot)

    def _keep_oplog_flag(self) -> None:
        """Copy the undo log's flag for oplog writes into the innermost snapshot."""
        if self._open:
            self._open[-1].oplog_written = self._undo.oplog_written

    def _record(self) -> None:
        """Make the undo log record into the innermost snapshot."""
        top = self.innermost = self._open[-1] if self._open else None
        if top is not None:
            self._undo.record_into(top.values, top.watermark, top.oplog_written)
        else:
            self._undo.stop()


def write_back(unit: RecoveryUnit, snapshot: Snapshot, made: Iterable[IdentRange], *, listed: bool) -> Restored:
    """Restore the store to a snapshot, in the unit's transaction. Return the changes that were made.

    Arguments:
        made: the idents created since the snapshot, as ranges whose entries are removed later.
        listed: whether `meta` lists dropped idents, for a later process that removes their entries.
    """
    more_records: dict[int, int] = {}
    for table, values in zip(WITH_UNDO, snapshot.values, strict=True):
        if table == RECORDS:
            for key, value in values.items():
                ident = int.from_bytes(key[:4], "big")
                more_records[ident] = more_records.get(ident, 0) + unit.restore_value(table, key, value, counted=True)
            continue
        for key, value in values.items():
            unit.restore_value(table, key, value)
    if snapshot.oplog_written:
        _truncate_oplog(unit, snapshot)
    if listed:
        for dropped in snapshot.deferred:
            unit.restore_value(META, dropped.meta_key(), None)
    idents = range(0)
    for gone in made:
        if listed:
            unit.put(META, gone.meta_key(), b"")
        idents = range(gone.low, gone.high)
    touched = frozenset(int.from_bytes(key[:4], "big") for table in WITH_IDENTS for key in snapshot.values[table])
    return Restored(dict(snapshot.values[CATALOG]), touched, idents, True, more_records)


def _truncate_oplog(unit: RecoveryUnit, snapshot: Snapshot) -> None:
    """Remove the oplog's entries since a snapshot, and record the newest of them in the snapshot."""
    begin = snapshot.oplog_end + b"\0" if snapshot.oplog_end else b""
    snapshot.undone_end = unit.truncate(OPLOG, begin, None) or snapshot.undone_end
