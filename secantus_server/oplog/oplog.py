"""The oplog. Each write adds its entry in its own transaction, and readers see the entries in timestamp order without gaps.

A single lock covers taking a timestamp and committing. Therefore a reader that sees an entry also sees all earlier entries.
"""

from __future__ import annotations

import struct

from bson.binary import Binary
from bson.timestamp import Timestamp

from secantus_server.bson.numbers import to_float
from secantus_server.bson.values import timestamp_seconds
from secantus_server.clock import Clock
from secantus_server.oplog import undone
from secantus_server.oplog._commits import Commits
from secantus_server.oplog._rows import entry_count
from secantus_server.oplog._write_signal import WriteSignal
from secantus_server.oplog.retention import (
    DEFAULT_BYTES_IN_MEMORY,
    READER_BYTES_IN_MEMORY,
    Retention,
    retention_of,
    saved_retention,
)
from secantus_server.records import NamedTuple
from secantus_server.storage import META, OPLOG, Engine, RecoveryUnit
from secantus_server.system._threads import Lock

SECONDS_PER_HOUR = 3600
# The row of `meta` that records that old entries were removed, so that the oldest entry is not the first one ever written.
TRIMMED = b"oplog.trimmed"
# The row of `meta` that records the newest timestamp of a store whose newest entries were removed by a restore.
NEWEST = b"oplog.newest"
# The row of `meta` that stores `Oplog.complete_since`.
COMPLETE_SINCE = b"oplog.complete"
# A client's cluster time with a larger increment is rounded up to the next second.
MAX_GOSSIPED_INCREMENT = 2**31


class Entry(NamedTuple):
    """An oplog entry for a change of a collection or database, or a no-op entry ("note").

    Arguments:
        namespace: `db.$cmd`.
        uuid: the collection's UUID, or None.
        o: the command, as BSON bytes.
        o2: additional data for applying or undoing the command, as BSON bytes, or None.
        op: "c" for a command, "n" for a no-op.
    """

    namespace: str
    uuid: Binary | None
    o: bytes
    o2: bytes | None = None
    op: str = "c"


# A change of a document: "i", "u" or "d", and the new document (for "d" the removed document). Two optional items follow: the `o` of the
# entry (a diff for an update), and the document before the change if pre-images are recorded. An insert with an `o` shares its entry with
# no other insert.
Change = tuple[str, bytes] | tuple[str, bytes, bytes] | tuple[str, bytes, bytes, bytes]
# The changes of one collection's documents. The first item is a BSON document of the collection's `ns` and `ui`, which each entry contains.
Writes = tuple[bytes, list[Change]]


class Oplog(Commits):
    """The oplog of one server.

    The timestamp of the next entry follows the cluster time, which may be later than the newest entry.

    Threads: `_lock` guards the newest times and the order of commits. Readers of the times need no lock, because these change as a whole.
    `_trimming` prevents two threads from removing the same rows.

    `signal` is notified of each commit before `newest` advances to the commit's timestamp. A reader that was not notified has therefore
    missed no entry up to `newest`.

    Arguments:
        enabled: False for a standalone server, which has no oplog.
        retention: the size and age limits of the oplog, unless `resize` has stored other limits; None for the default.
    """

    def __init__(self, engine: Engine, clock: Clock, *, enabled: bool, retention: Retention | None = None) -> None:
        super().__init__(clock, WriteSignal(), enabled)
        self._engine = engine
        with engine.transaction() as unit:
            saved = saved_retention(unit)
            self._undone = undone.load(unit)
            self.undone_to = self._undone.newest
            complete_since = unit.get(META, COMPLETE_SINCE)
        #: The limits of the oplog. The tuple is always replaced as a whole.
        self.retention = saved or retention or retention_of(0, 0, in_memory=engine.in_memory)
        self._trimming = Lock()
        self.publish(*self._newest())
        #: The timestamp of the newest removed entry, as a 64-bit number. A reader with an earlier position has missed entries.
        self.trimmed_to = 0
        #: The time, as a 64-bit number, since which every change of a document has an entry.
        self.complete_since = 0 if complete_since is None else int.from_bytes(complete_since, "big")
        #: The number of restores that have undone writes.
        self.restores = 0
        # The time of the latest of these restores, and the time of the newest write that remained.
        self._restored = (0, 0)

    def _newest(self) -> tuple[int, int]:
        with self._engine.transaction() as unit:
            entry = next(iter(unit.scan(OPLOG, b"", None, reverse=True)), None)
            remembered = unit.get(META, NEWEST)
        newest = (timestamp_seconds(self._clock.system_ms()), 1) if entry is None else _last_of(*entry)
        return newest if remembered is None else max(newest, struct.unpack(">II", remembered))

    def is_undone(self, stamp: int) -> bool:
        """Return whether a restore of a snapshot has undone the writes with this timestamp, a 64-bit number."""
        return stamp in self._undone

    def settled_stamp(self) -> int:
        """Wait until any commit in progress has published its timestamp, then return the newest timestamp as a 64-bit number.

        The caller must have exclusive access to the store.
        """
        with self._lock:
            return self.newest_stamp

    def note_restore(self, kept: int) -> None:
        """Record that a restore has undone all writes after a timestamp.

        New timestamps continue after the undone timestamps, because the clock is not reset.

        Arguments:
            kept: the timestamp of the newest write that remains, as a 64-bit number.
        """
        with self._lock:
            state = self._state_at(kept)
            if self._state_at(self.newest_stamp) == state:
                # Nothing was written, or everything was undone by an earlier restore of the same state.
                return
            self.undone_to = undone_to = self.newest_stamp
            self._undone.add(kept, undone_to)
            # Advance by one, so that new resume tokens differ from those that were returned before the restore.
            self.publish(self.seconds, self.increment + 1)
            self.restores += 1
            self._restored = self.newest_stamp, state
            if not self._engine.in_memory:
                with self._engine.transaction() as unit:
                    # Store the newest timestamp, because the newest entry in the directory is now older.
                    unit.put(META, NEWEST, self.newest_stamp.to_bytes(8, "big"))
                    undone.save(unit, kept, undone_to)

    def _state_at(self, stamp: int) -> int:
        """Return the time of the write that produced the state at a time. Only the latest restored state is known by two times."""
        restored_at, state = self._restored
        return state if stamp == restored_at else stamp

    def note_unlogged_writes(self) -> None:
        """Record that documents were changed without oplog entries."""
        self.complete_since = self.newest_stamp
        if not self._engine.in_memory:
            with self._engine.transaction() as unit:
                unit.put(META, COMPLETE_SINCE, self.complete_since.to_bytes(8, "big"))

    def history_begins_at(self, unit: RecoveryUnit) -> int:
        """Return the time from which a transaction sees every entry, as a 64-bit number. Return 0 if no entry was ever removed."""
        if unit.get(META, TRIMMED) is None:
            return 0
        entries = unit.scan(OPLOG, b"", None)
        oldest = next(entries, None)
        entries.close()
        return self.newest_stamp + 1 if oldest is None else int.from_bytes(oldest[0], "big")

    def timestamp_in(self, unit: RecoveryUnit) -> Timestamp:
        """Return the timestamp of the newest entry visible to a transaction."""
        entries = unit.scan(OPLOG, b"", None, reverse=True)
        newest = next(entries, None)
        entries.close()
        return self.newest if newest is None else Timestamp(*_last_of(*newest))

    def take_cluster_time(self, stamp: int) -> None:
        """Advance the cluster time to a time received from a client.

        Arguments:
            stamp: the time as a 64-bit number.
        """
        if stamp & 0xFFFFFFFF > MAX_GOSSIPED_INCREMENT:
            # Leave room for the increments of the entries that follow.
            stamp = ((stamp >> 32) + 1) << 32
        with self._lock:
            self.advance(stamp)

    def write_note(self, note: bytes) -> None:
        """Write a no-op entry to advance the newest time to the cluster time.

        Arguments:
            note: the entry's `o`, a BSON document.
        """
        unit = self._engine.acquire()
        try:
            unit.begin()
            self.commit(unit, [Entry("", None, note, op="n")], [])
        finally:
            self._engine.release(unit)

    @property
    def is_large(self) -> bool:
        """Return whether enough was written since the last trim that another trim is due."""
        return self._untrimmed_bytes > self.max_bytes // 2

    @property
    def max_bytes(self) -> int:
        """Return the maximum size of the oplog, above which the oldest entries are removed."""
        return self.retention.max_bytes

    def keep_for_readers(self) -> None:
        """Raise the default oplog size of an in-memory store, because a change stream or snapshot read was opened.

        A configured size remains unchanged.
        """
        if self.retention.max_bytes == DEFAULT_BYTES_IN_MEMORY and self.retention.max_rows is not None:
            self.retention = self.retention._replace(max_bytes=READER_BYTES_IN_MEMORY)

    def resize(self, max_bytes: int | None, min_hours: float | None) -> None:
        """Change the limits of the oplog, and store them so that they survive a restart.

        Arguments:
            max_bytes, min_hours: see `Retention`; None leaves the current value unchanged.
        """
        kept = self.retention
        changed = Retention(
            kept.max_bytes if max_bytes is None else max_bytes,
            kept.max_rows if max_bytes is None else None,
            kept.min_hours if min_hours is None else to_float(min_hours),
        )
        with self._engine.transaction() as unit:
            changed.save(unit)
        self.retention = changed
        self.trim()

    def trim_if_large(self) -> None:
        """Trim the oplog if enough was written since the last trim."""
        if self.is_large:
            self.trim()

    def trim(self) -> None:
        """Remove the oldest rows that exceed the limits, unless another thread is already doing so.

        The periodic thread calls this method. Writers call it too when the store is almost full.
        """
        if not self._trimming.acquire(blocking=False):
            return
        try:
            self._untrimmed_bytes = 0
            with self._engine.transaction() as unit:
                last = self._first_beyond_limits(unit)
            if last is not None:
                stamp = int.from_bytes(last, "big")
                with self._engine.transaction() as unit:
                    unit.truncate(OPLOG, b"", last + b"\0")
                    unit.put(META, TRIMMED, b"")
                    undone.forget(unit, stamp)
                self.trimmed_to = stamp
        finally:
            self._trimming.release()

    def _first_beyond_limits(self, unit: RecoveryUnit) -> bytes | None:
        """Return the key of the newest row to remove, or None if no row exceeds the limits. The newest row of the oplog is always
        retained.

        The caller removes this row and all older rows.
        """
        max_bytes, max_rows, min_hours = self.retention
        oldest_kept_s = self._clock.system_ms() // 1000 - min_hours * SECONDS_PER_HOUR
        size = 0
        for number, (key, entry) in enumerate(unit.scan(OPLOG, b"", None, reverse=True)):
            size += len(entry)
            if not number or (min_hours and int.from_bytes(key[:4], "big") >= oldest_kept_s):
                continue
            if size > max_bytes or (max_rows is not None and number >= max_rows):
                return key
        return None


def _last_of(key: bytes, row: bytes) -> tuple[int, int]:
    """Return the seconds and the increment of the timestamp of the last entry in a row."""
    seconds, increment = struct.unpack(">II", key)
    return seconds, increment + entry_count(row) - 1
