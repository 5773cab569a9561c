"""The record of what the statements of retryable writes did, made with their commit.

https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secantus_server.dispatch.unit_of_work import Retried, Transaction
from secantus_server.oplog._rows import Chain
from secantus_server.sessions.registry import encoded_session
from secantus_server.sessions.retry_rows import store
from secantus_server.sessions.retryable import Executed

if TYPE_CHECKING:
    from bson.timestamp import Timestamp

    from secantus_server.dispatch.request import Request
    from secantus_server.dispatch.services import Services
    from secantus_server.storage import RecoveryUnit


def stage_retried(request: Request, transaction: Transaction, kind: str, result: Any) -> None:
    """Stage the record of the running statement of a retryable write.

    Arguments:
        kind: see `Executed`.
        result: what the reply says of the statement, of BSON types.
    """
    statement = request.statement_id(request.statement)
    stage_executed(request, transaction, Executed(kind, statement, statement, result))


def stage_executed(request: Request, transaction: Transaction, executed: Executed) -> None:
    """Stage the record of executed statements of a retryable write."""
    assert request.retry is not None, "only retryable writes are recorded"
    transaction.retried = (request.retry, executed)


def store_retried(services: Services, unit: RecoveryUnit, retried: Retried) -> None:
    """Write the record to the store, in the transaction of the statements; a store in memory needs none."""
    if not services.engine.in_memory:
        store(unit, *retried, services.oplog.newest, services.clock.now_ms())


def chain_of(retried: Retried) -> Chain:
    """Return what the oplog's entries say of a retryable write."""
    write, executed = retried
    return Chain(encoded_session(write.session), write.number, executed[1], executed[2], write.last_time if write.executed else None)


def note_retried(services: Services, retried: Retried, time: Timestamp | None = None) -> None:
    """Note the record in memory, after the commit.

    Arguments:
        time: the timestamp of the commit's last entry; None for the newest one.
    """
    write, executed = retried
    write.note(executed)
    if not services.engine.in_memory:
        write.stored.add(executed.first)
    write.last_time = services.oplog.newest if time is None else time
    write.last_ms = services.clock.now_ms()
