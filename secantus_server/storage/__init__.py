"""Storage of raw bytes in five ordered tables, with transactions and snapshots. This package knows nothing about BSON documents.

The tables are CATALOG, RECORDS, INDEX_ENTRIES, OPLOG and META. An *ident* is the number of one collection or index, from
`Engine.new_ident()`. Keys of RECORDS and INDEX_ENTRIES begin with an ident in four big-endian bytes (`keys.pack_ident`). Callers may
choose any keys for the other tables, except that a key of META must not begin with a zero byte.

    engine = Engine.open(":memory:")            # or a directory
    with engine.transaction() as unit:          # or acquire(), begin(), commit() / rollback(), release()
        unit.put(RECORDS, key, value)
        for key, value in unit.scan(RECORDS, lower, upper): ...

- **RecoveryUnit**: `begin commit rollback in_transaction`, `get put insert remove truncate scan`, `drop_ident`. A transaction reads from
  one snapshot of the store. On WriteConflict, roll back and retry. A thread has at most one transaction at a time. A cursor has no open
  transaction between two batches.
- **Cursor**, from `scan(table, lower, upper, reverse)`: iterate, `seek_at(key)`, `seek_past(key)`, `close()`. A scan ends with its
  transaction. To continue, open a new scan in the next transaction and seek past the last key. Compiled loops use `next_raw` and `seek` of
  `_cursor.pxd`, and the `*_raw` methods of `_unit.pxd`.
- **Snapshots**: `push_snapshot()`, `restore(snapshot)`, `pop_snapshot(snapshot)`. Snapshots nest. META is not restored. Like
  `exclusive()`, these methods wait until no transaction runs, so the caller must end long transactions first.
- **Idents**: `unit.drop_ident(table, ident)` drops an ident when the transaction commits; `purge_orphans(budget_ms)` removes its
  entries in small batches.
- **Durability** of a store in a directory: when `commit()` returns, the operating system has the data. `flush_log()` and
  `sync_on_commit=True` also wait for the disk. Regular calls of `checkpoint()` keep restarts short.
"""

from __future__ import annotations

from secantus_server.storage._cursor import Cursor
from secantus_server.storage._unit import RecoveryUnit
from secantus_server.storage.engine import Engine
from secantus_server.storage.errors import CacheTooSmall, DamagedData, StorageError, WriteConflict
from secantus_server.storage.keys import pack_ident
from secantus_server.storage.snapshots import Restored, Snapshot, ValuesAtSnapshot
from secantus_server.storage.tables import CATALOG, INDEX_ENTRIES, LOGIN_SECRET, META, OPLOG, RECORDS, WITHOUT_USERS

__all__ = [
    "CATALOG",
    "INDEX_ENTRIES",
    "LOGIN_SECRET",
    "META",
    "OPLOG",
    "RECORDS",
    "WITHOUT_USERS",
    "CacheTooSmall",
    "Cursor",
    "DamagedData",
    "Engine",
    "RecoveryUnit",
    "Restored",
    "Snapshot",
    "StorageError",
    "ValuesAtSnapshot",
    "WriteConflict",
    "pack_ident",
]
