"""Stores the log of retryable writes, with a row for each session and group of executed statements.

The transaction that executes statements also writes their row, so the log always agrees with the rest of the store.
"""

from __future__ import annotations

from bson.int64 import Int64
from bson.timestamp import Timestamp

from secantus_server.bson import decode, encode
from secantus_server.bson.values import Date
from secantus_server.sessions._registries import RetryableWrite
from secantus_server.sessions.executed import ExecutedFields
from secantus_server.sessions.ids import UUID_BYTES
from secantus_server.storage import META, Engine, RecoveryUnit

# The key prefixes of sessions without and with a user. They must differ, because the keys of both kinds continue with the session's UUID.
_PREFIX = b"retry."
_PREFIX_OF_USERS = b"retry/"
_END = b"retry0"
_STATEMENT_BYTES = 4


def _prefix(session: bytes) -> bytes:
    return (_PREFIX if len(session) == UUID_BYTES else _PREFIX_OF_USERS) + session


def _key(session: bytes, statement: int) -> bytes:
    return _prefix(session) + statement.to_bytes(_STATEMENT_BYTES, "big")


def is_retry_row(key: bytes) -> bool:
    """Return whether a key of the table META belongs to a row of the retry log."""
    return _PREFIX <= key < _END


def store(unit: RecoveryUnit, write: RetryableWrite, executed: ExecutedFields, time: Timestamp, now_ms: int) -> None:
    """Write the row of executed statements, and remove the rows of the session's earlier writes.

    Arguments:
        unit: the recovery unit that executed the statements; its transaction is open.
        time: the cluster time just before the commit.
        now_ms: the wall clock time.
    """
    kind, first, last, result = executed
    row = {
        "txnNumber": Int64(write.number),
        "kind": kind,
        "last": last,
        "result": result,
        "time": time,
        "wall": Date(now_ms),
    }
    if not write.executed:
        for statement in write.stored - {first}:
            unit.remove(META, _key(write.session, statement))
    unit.put(META, _key(write.session, first), encode(row))


def load(engine: Engine) -> dict[bytes, RetryableWrite]:
    """Return the newest stored write of each session."""
    found: dict[bytes, RetryableWrite] = {}
    with engine.transaction() as unit:
        for key, value in unit.scan(META, _PREFIX, _END):
            session = key[len(_PREFIX) : -_STATEMENT_BYTES]
            first, row = int.from_bytes(key[-_STATEMENT_BYTES:], "big"), decode(value)
            write = found.get(session)
            if write is None or write.number < row["txnNumber"]:
                write = found[session] = RetryableWrite(session, int(row["txnNumber"]), row["kind"] == "transaction", write)
            write.stored.add(first)
            if write.number == row["txnNumber"]:
                write.note((row["kind"], first, row["last"], row["result"]))
                write.last_time, write.last_ms = row["time"], row["wall"].ms
    return found


def remove(engine: Engine, sessions: set[bytes]) -> None:
    """Remove the stored rows of sessions."""
    with engine.transaction() as unit:
        for session in sessions:
            unit.truncate(META, _key(session, 0), _prefix(session) + b"\xff" * 5)


def rewrite(engine: Engine, sessions: set[bytes], writes: dict[bytes, RetryableWrite]) -> None:
    """Replace the stored rows of sessions with rows for their current writes."""
    remove(engine, sessions)
    with engine.transaction() as unit:
        for session in sessions & writes.keys():
            write = writes[session]
            write.stored = set()
            for executed in (write.executed or {}).values():
                assert write.last_time is not None, "it was executed"
                store(unit, write, executed, write.last_time, write.last_ms)
                write.stored.add(executed[1])
