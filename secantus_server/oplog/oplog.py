"""The oplog: every write's entry, in the write's own transaction, in an order without holes.

The timestamp is given out and the transaction committed under one lock: when a reader sees an entry, every
earlier one is there too.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

from bson.binary import Binary
from bson.timestamp import Timestamp

from secantus_server.clock import Clock
from secantus_server.oplog._entries import append
from secantus_server.storage import OPLOG, Engine, RecoveryUnit

# The oldest entries are removed beyond this number.
MAX_ENTRIES = 50_000


class Entry(NamedTuple):
    """What happened to one document or collection.

    Arguments:
        op: "i" insert, "u" update, "d" delete, "c" command.
        namespace: `db.collection`; for a command `db.$cmd`.
        uuid: the collection's identity.
        o: BSON bytes: the document, the new document, the removed _id, or the command.
        o2: BSON bytes: the _id of an updated document.
    """

    op: str
    namespace: str
    uuid: Binary | None
    o: bytes
    o2: bytes | None = None


class Oplog:
    """The oplog of one server.

    Threads: `_lock` guards the newest timestamp and the order of commits; `_last` is replaced whole, so that readers need no lock.

    Arguments:
        enabled: a standalone server keeps none.
    """

    def __init__(self, engine: Engine, clock: Clock, *, enabled: bool) -> None:
        self._engine = engine
        self._clock = clock
        self._enabled = enabled
        self._lock = threading.Lock()
        self._seconds, self._increment = self._newest()
        self._last = Timestamp(self._seconds, self._increment)

    def _newest(self) -> tuple[int, int]:
        with self._engine.transaction() as unit:
            entry = next(iter(unit.scan(OPLOG, b"", None, reverse=True)), None)
        if entry is None:
            return self._clock.now_ms() // 1000, 1
        return int.from_bytes(entry[0][:4], "big"), int.from_bytes(entry[0][4:8], "big")

    def last_timestamp(self) -> Timestamp:
        """The timestamp of the newest entry; the server's operation time."""
        return self._last

    def commit(self, unit: RecoveryUnit, entries: list[Entry]) -> None:
        """Write the entries and commit the unit's transaction with them.

        Raises:
            WriteConflict: nothing was written.
        """
        if not self._enabled or not entries:
            unit.commit()
            return
        with self._lock:
            now_ms = self._clock.now_ms()
            seconds, increment = self._seconds, self._increment + 1
            if now_ms // 1000 > seconds:
                seconds, increment = now_ms // 1000, 1
            append(unit, entries, seconds, increment, now_ms)
            unit.commit()
            self._seconds, self._increment = seconds, increment + len(entries) - 1
            self._last = Timestamp(self._seconds, self._increment)

    def trim(self) -> None:
        """Remove the oldest entries beyond the limit; for the periodic thread."""
        with self._engine.transaction() as unit:
            keep = None
            for number, (key, _) in enumerate(unit.scan(OPLOG, b"", None, reverse=True)):
                if number == MAX_ENTRIES:
                    keep = key
                    break
        if keep is not None:
            with self._engine.transaction() as unit:
                unit.truncate(OPLOG, b"", keep + b"\0")
