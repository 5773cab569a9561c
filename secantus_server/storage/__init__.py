"""Storage: five ordered tables of raw bytes with transactions and snapshots. This package does not know about documents.

A table is one of CATALOG, RECORDS, INDEX_ENTRIES, OPLOG, META. Keys of RECORDS and INDEX_ENTRIES begin with the four big-endian bytes
of an ident (`keys.pack_ident`), the number of one collection or index from `Engine.new_ident()`; keys of the other tables are free,
except that a key of META never begins with a zero byte.

    engine = Engine.open(":memory:")            # or a directory
    with engine.transaction() as unit:          # or acquire(), begin(), commit() / rollback(), release()
        unit.put(RECORDS, key, value)
        for key, value in unit.scan(RECORDS, lower, upper): ...

- **RecoveryUnit**: `begin commit rollback in_transaction`, `get put insert remove truncate scan`, `drop_ident`. A transaction reads one
  state of the store. On WriteConflict, roll back and retry. A thread has at most one transaction at a time; a cursor paused between batches
  has none.
- **Cursor**, from `scan(table, lower, upper, reverse)`: iterate, `seek_at(key)`, `seek_past(key)`, `close()`. It ends with the transaction;
  the next one opens a new scan and seeks past the last key. Compiled loops use `next_raw` and `seek` of `_cursor.pxd`, and the `*_raw`
  methods of `_unit.pxd`.
- **Snapshots**: `push_snapshot()`, `restore(snapshot)`, `pop_snapshot(snapshot)`; they nest. META is not restored. Like `exclusive()`, they
  wait until no transaction runs, so the caller must end long transactions first.
- **Idents**: `unit.drop_ident(table, ident)` drops one when the transaction commits; `purge_orphans(budget_ms)` removes its entries
  in small batches.
- **Durability** of a directory: a commit has reached the operating system when `commit()` returns; `flush_log()`, or
  `sync_on_commit=True`, waits for the disk. Regular calls of `checkpoint()` keep restarts short.
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
