"""The oplog: every write's entry, in the write's own transaction, in an order without holes.

The timestamp is given out and the transaction committed under one lock: when a reader sees an entry, every
earlier one is there too.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from bson.binary import Binary
from bson.timestamp import Timestamp

from secantus_server.bson import make_timestamp
from secantus_server.bson.values import MAX_SECONDS, timestamp_seconds
from secantus_server.clock import Clock
from secantus_server.oplog._entries import append, append_changes, entries_of
from secantus_server.storage import OPLOG, Engine, RecoveryUnit
from secantus_server.system._threads import Lock

# The oldest rows are removed beyond this number, or beyond so many bytes.
MAX_ROWS = 50_000
MAX_BYTES = 64 * 1024 * 1024
# The same for a store in memory: nobody can read the oplog of an earlier process there.
MAX_BYTES_IN_MEMORY = 8 * 1024 * 1024


class Entry(NamedTuple):
    """What happened to a collection or database.

    Arguments:
        namespace: `db.$cmd`.
        uuid: the collection's identity, or None.
        o: the command, as BSON bytes.
    """

    namespace: str
    uuid: Binary | None
    o: bytes


# What happened to a document: "i", "u" or "d", and the new document, or the removed one.
Change = tuple[str, bytes]


class Oplog:
    """The oplog of one server.

    Threads: `_lock` guards the newest timestamp and the order of commits; `_last` is replaced whole, so that readers need no lock.
    `_trimming` keeps two threads from removing the same rows.

    Arguments:
        enabled: a standalone server keeps none.
    """

    def __init__(self, engine: Engine, clock: Clock, *, enabled: bool) -> None:
        self._engine = engine
        self._clock = clock
        self._enabled = enabled
        self._lock = Lock()
        self._trimming = Lock()
        self._seconds, self._increment = self._newest()
        self._last = Timestamp(self._seconds, self._increment)
        self._untrimmed_bytes = 0
        engine.call_when_crowded(self.trim_if_large)

    def _newest(self) -> tuple[int, int]:
        with self._engine.transaction() as unit:
            entry = next(iter(unit.scan(OPLOG, b"", None, reverse=True)), None)
        return (timestamp_seconds(self._clock.now_ms()), 1) if entry is None else _last_of(*entry)

    def last_timestamp(self) -> Timestamp:
        """The timestamp of the newest entry; the server's operation time."""
        return self._last

    def timestamp_in(self, unit: RecoveryUnit) -> Timestamp:
        """The timestamp of the newest entry that a transaction sees."""
        entries = unit.scan(OPLOG, b"", None, reverse=True)
        newest = next(entries, None)
        entries.close()
        return self._last if newest is None else Timestamp(*_last_of(*newest))

    def commit(self, unit: RecoveryUnit, entries: list[Entry], identity: bytes = b"", changes: list[Change] | None = None) -> None:
        """Write entries and commit the unit's transaction with them.

        Arguments:
            entries: what happened to collections; it comes before the changes.
            identity: what every change's entry says of its collection: a BSON document of its `ns` and `ui`.
            changes: what happened to the documents of that collection.

        Raises:
            WriteConflict: nothing was written.
        """
        count = len(entries) + len(changes or ())
        if not self._enabled or not count:
            unit.commit()
            return
        with self._lock:
            now_ms = self._clock.now_ms()
            seconds, increment = self._seconds, self._increment + 1
            if now_ms // 1000 > seconds and seconds < MAX_SECONDS:
                seconds, increment = timestamp_seconds(now_ms), 1
            stamp = seconds << 32 | increment
            if entries:
                append(unit, entries, stamp, now_ms)
            written = append_changes(unit, identity, changes, stamp + len(entries), now_ms) if changes else 0
            unit.commit()
            # Only now can a trim see the rows.
            self._untrimmed_bytes += written
            self._seconds, self._increment = seconds, increment + count - 1
            self._last = make_timestamp(self._seconds, self._increment)

    @property
    def is_large(self) -> bool:
        """Whether enough was written since the last trim for another one to be worth its while."""
        return self._untrimmed_bytes > self._max_bytes // 2

    @property
    def _max_bytes(self) -> int:
        return MAX_BYTES_IN_MEMORY if self._engine.in_memory else MAX_BYTES

    def trim_if_large(self) -> None:
        """Trim if that is worth its while."""
        if self.is_large:
            self.trim()

    def trim(self) -> None:
        """Remove the oldest rows beyond the limits, unless another thread does so; for the periodic thread, and a store that is crowded."""
        if not self._trimming.acquire(blocking=False):
            return
        try:
            self._untrimmed_bytes = 0
            with self._engine.transaction() as unit:
                last = self._first_beyond_limits(unit)
            if last is not None:
                with self._engine.transaction() as unit:
                    unit.truncate(OPLOG, b"", last + b"\0")
        finally:
            self._trimming.release()

    def _first_beyond_limits(self, unit: RecoveryUnit) -> bytes | None:
        """The key of the newest row that is too many; the newest of all always stays."""
        size = 0
        for number, (key, entry) in enumerate(unit.scan(OPLOG, b"", None, reverse=True)):
            size += len(entry)
            if number and (number >= MAX_ROWS or size > self._max_bytes):
                return key
        return None


def _last_of(key: bytes, row: bytes) -> tuple[int, int]:
    """The seconds and the increment of a row's last entry."""
    seconds, increment = struct.unpack(">II", key)
    return seconds, increment + len(entries_of(row)) - 1
