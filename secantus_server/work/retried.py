"""Records of executed retryable writes. Each record is written in the transaction of its statements.

https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secantus_server.dispatch.unit_of_work import Retried, Transaction
from secantus_server.oplog._rows import Chain
from secantus_server.sessions.retry_rows import store

if TYPE_CHECKING:
    from bson.timestamp import Timestamp

    from secantus_server.dispatch.request import Request
    from secantus_server.dispatch.services import Services
    from secantus_server.storage import RecoveryUnit


def stage_retried(request: Request, transaction: Transaction, kind: str, result: Any) -> None:
    """Stage a record for the running statement of a retryable write.

    Arguments:
        kind: see `Executed`.
        result: the statement's result in the reply, as BSON types.
    """
    assert request.retry is not None, "only retryable writes are recorded"
    statement = request.statement_id(request.statement)
    transaction.retried = (request.retry, (kind, statement, statement, result))


def store_retried(services: Services, unit: RecoveryUnit, retried: Retried) -> Chain:
    """Write a record to the store, in the transaction of its statements. For an in-memory store, write nothing.

    Returns:
        the additional fields for the oplog entries of the retryable write.
    """
    write, executed = retried
    if not services.engine.in_memory:
        store(unit, write, executed, services.oplog.newest, services.clock.now_ms())
    return Chain(write.lsid, write.number, executed[1], executed[2], write.last_time if write.executed else None)


def note_retried(services: Services, retried: Retried, time: Timestamp | None = None) -> None:
    """Add a record to the in-memory log after the commit.

    Arguments:
        time: the timestamp of the commit's last oplog entry; None means the newest timestamp.
    """
    write, executed = retried
    time = services.oplog.newest if time is None else time
    write.note_commit(executed, time, services.clock.now_ms(), not services.engine.in_memory)
