"""Reads oplog entries in commit order, starting after a point in time. Transactions are split into their operations.

https://www.mongodb.com/docs/manual/core/replica-set-oplog/
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from secantus_server.bson import RawDocument
from secantus_server.bson.values import stamp_of
from secantus_server.errors import CommandError
from secantus_server.oplog._read import Position, documents_of, embedded, fields_of, is_selected, select, value_of
from secantus_server.storage import OPLOG, RecoveryUnit

_KEY = struct.Struct(">Q")


class Selection(NamedTuple):
    """The namespaces whose entries are read.

    Arguments:
        names: exact namespaces.
        prefix: also select every namespace with this prefix; None adds no namespace.
    """

    names: tuple[bytes, ...] = ()
    prefix: bytes | None = None


EVERYTHING = Selection(prefix=b"")
#: The namespace of a transaction's entry, which is an `applyOps` command.
TRANSACTIONS = b"admin.$cmd"


class Operation(NamedTuple):
    """A single change: an oplog entry, or an operation within a transaction's entry.

    Arguments:
        stamp: the commit timestamp, as a 64-bit number.
        txn_index: the position of the operation in its transaction.
        fields: the fields `op`, `ns`, `ui`, `o`, `o2` and Secantus' private fields; documents are RawDocuments.
        wall: the wall clock time of the commit.
        lsid: the session id of the transaction, or None.
        txn_number: the transaction number, or None.
    """

    stamp: int
    txn_index: int
    fields: dict[str, Any]
    wall: Any
    lsid: RawDocument | None = None
    txn_number: Any = None


class Rows(Position):
    """A reader of the oplog rows after a point in time, which can continue in a later storage transaction.

    Arguments:
        position: the timestamp after which to begin.
        selection: the entries to return.
    """

    def __init__(self, position: int, selection: Selection) -> None:
        self.position = position
        self._selection = selection
        # Whether the position is the last timestamp of a row, so that the next row begins after it.
        self._at_row_end = False

    def read(self, unit: RecoveryUnit, check: Callable[[], None]) -> Iterator[list[tuple[int, bytes]]]:
        """Return an iterator over the rows that the transaction sees. Each item is the list of a row's selected entries.

        Arguments:
            unit: the recovery unit; its transaction has begun.
            check: called for each row; it raises an error if the operation was interrupted.
        """
        names, prefix = self._selection
        next_stamp = self.position + 1
        scan = unit.scan(OPLOG, _KEY.pack(next_stamp) if self._at_row_end else first_key(unit, next_stamp), None)
        try:
            for key, row in scan:
                check()
                first = _KEY.unpack(key)[0]
                found, last = select(row, first, self.position, names, prefix)
                self.position = max(self.position, last)
                if found:
                    yield found
        finally:
            scan.close()
        self._at_row_end = True


def first_key(unit: RecoveryUnit, stamp: int) -> bytes:
    """Return the key of the last row that begins at or before a timestamp, because that row may contain the timestamp's entry.

    If no such row exists, return the timestamp's own key.
    """
    key = _KEY.pack(stamp)
    before = unit.scan(OPLOG, b"", key + b"\0", reverse=True)
    found = next(before, None)
    before.close()
    # That row may end before the timestamp. Reading it unnecessarily is cheap.
    return key if found is None else found[0]


def entry_at(unit: RecoveryUnit, stamp: int) -> bytes | None:
    """Return the entry with a timestamp, or None if absent."""
    for key, row in unit.scan(OPLOG, first_key(unit, stamp), _KEY.pack(stamp + 1)):
        found, _ = select(row, _KEY.unpack(key)[0], stamp - 1, (), b"")
        if found and found[0][0] == stamp:
            return found[0][1]
    return None


def operations_of(unit: RecoveryUnit, stamp: int, entry: bytes, selection: Selection) -> Iterator[Operation]:
    """Yield the operations of an entry. If the entry commits a transaction, yield the transaction's operations, otherwise the entry
    itself.

    Arguments:
        unit: a recovery unit, for reading the earlier entries of a large transaction.
        stamp: the entry's timestamp.
        selection: the namespaces of the operations to return.

    Raises:
        CommandError: 286 ChangeStreamHistoryLost if an earlier entry was removed.
    """
    fields = fields_of(entry)
    command = fields["o"].data
    applied = documents_of(command, b"applyOps") if fields["op"] == "c" else None
    if applied is None:
        yield Operation(stamp, 0, fields, fields["wall"])
        return
    if value_of(command, b"partialTxn"):
        return  # the entry that commits the transaction refers to this one
    earlier = _earlier_parts(unit, entry) if value_of(command, b"count") is not None else []
    # Several inserts of one statement are also logged as applyOps although they are not a transaction.
    is_transaction = "txnNumber" in fields and "multiOpType" not in fields
    lsid, number = (fields.get("lsid"), fields["txnNumber"]) if is_transaction else (None, None)
    index = 0
    for part in (*earlier, applied):
        for one in part:
            if is_selected(one, *selection):
                yield Operation(stamp, index, fields_of(one), fields["wall"], lsid, number)
            index += 1


def _earlier_parts(unit: RecoveryUnit, entry: bytes) -> list[list[bytes]]:
    """Return the operations of a large transaction's earlier entries, which precede the committing entry. The oldest entry comes first.

    Raises:
        CommandError: 286 ChangeStreamHistoryLost if an entry was removed.
    """
    parts: list[list[bytes]] = []
    place = value_of(entry, b"prevOpTime")
    while place is not None and stamp_of(place["ts"]):
        found = entry_at(unit, stamp_of(place["ts"]))
        if found is None:
            raise history_lost()
        command = embedded(found, b"o") or b""
        if not value_of(command, b"partialTxn"):
            break  # an earlier write of the session
        parts.append(documents_of(command, b"applyOps") or [])
        place = value_of(found, b"prevOpTime")
    return parts[::-1]


def history_lost() -> CommandError:
    """Return the error for a reader whose next entries were removed."""
    return CommandError(
        286,
        "Resume of change stream was not possible, as the resume point may no longer be in the oplog.",
        labels=("NonResumableChangeStreamError",),
    )
