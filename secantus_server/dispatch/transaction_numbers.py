"""Handles `txnNumber` outside transactions. It checks that the command is a retryable write, and executes each statement only once.

If a client retries a statement that was already executed, the reply contains the result of the first execution.

https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from secantus_server.dispatch.failing_writes import FAIL_POINT, run_failing
from secantus_server.dispatch.registry import Command, Reply
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.sessions._registries import RetryableWrite
from secantus_server.sessions.executed import Executed
from secantus_server.sessions.ids import NOBODY, UUID_BYTES, session_uuid

INVALID_OPTIONS = 72
_INVALID_LENGTH = 16
# The field that contains the statements, for each command that can have several.
_STATEMENTS = {"insert": "documents", "update": "updates", "delete": "deletes", "bulkWrite": "ops"}


def run_once(
    command: Command, request: Request, arguments: dict[str, Any], run: Callable[[Command, Request, dict[str, Any]], Reply]
) -> Reply:
    """Run a retryable write while holding its lock. Skip statements that were already executed when the client sent the write before.

    The command detects such statements with `executed_before`. Their ids are added to the reply.

    Arguments:
        request: a request whose body has a `txnNumber`.
        arguments: the command's parsed arguments.
        run: runs the command.

    Raises:
        CommandError: 72 without a session, with a negative number, or with the number of a transaction. 20 on a standalone server. 50768
            if the command is not a retryable write. 225 for a number below the session's newest number. Also the command's errors.
    """
    session, services, number = request.session, request.services, request.body["txnNumber"]
    if session is None or number < 0 or not command.is_retryable or not services.settings.replica_set:
        raise _no_number(command, request)
    if request.body.get("stmtIds") is not None:
        _check_statement_ids(command, request)
    write, is_new = services.sessions.retries.begin(session, number)
    if not is_new:
        _check_repeated(session, number, write)
        request.retried = {}
    elif services.sessions.transactions.open:
        services.sessions.transactions.abort_older(session, services.engine.acquire_lock)
    if not write.lock.acquire(blocking=False):
        services.engine.acquire_lock(write.lock)
    try:
        request.retry = write
        if FAIL_POINT in services.fail_points.active:
            reply = run_failing(request, lambda: run(command, request, arguments))
        else:
            reply = run(command, request, arguments)
        if request.retried:
            reply.update(_shown(command, list(request.retried)))
        return reply
    finally:
        write.lock.release()


def _check_repeated(session: bytes, number: int, newest: RetryableWrite) -> None:
    """Check that a `txnNumber` that the session has already used is the number of its newest retryable write.

    Raises:
        CommandError: 225 for an older number, 72 for the number of a transaction.
    """
    if number < newest.number:
        raise too_old(session, number, newest.number)
    if newest.is_transaction:
        raise CommandError(INVALID_OPTIONS, "Must specify autocommit=false on all operations of a multi-statement transaction.")


def _check_statement_ids(command: Command, request: Request) -> None:
    """Check that `stmtIds`, if present, contains one id for each statement.

    Raises:
        CommandError: 72 InvalidOptions for `stmtId` together with `stmtIds`, 16 InvalidLength.
    """
    body, field = request.body, _STATEMENTS.get(command.name, "")
    if body.get("stmtId") is not None:
        raise CommandError(INVALID_OPTIONS, "May not specify both stmtId and stmtIds in write command")
    statements = request.sequences.get(field, body.get(field))
    count, given = len(statements) if type(statements) is list else 1, len(body["stmtIds"])
    if count != given:
        text = f"Number of statement ids must match the number of batch entries. Got {given} statement ids but operation size is {count}"
        raise CommandError(_INVALID_LENGTH, text)


def _shown(command: Command, retried: list[int]) -> Reply:
    """Return the reply field that contains the ids of statements that were executed before."""
    return {"retriedStmtId": retried[0]} if command.name == "findAndModify" else {"retriedStmtIds": retried}


def executed_before(request: Request, index: int, kind: str) -> Executed | None:
    """Return the recorded result of a retryable write's statement, or None if the statement was not executed before.

    If it was executed before, add its id to `request.retried`.

    Arguments:
        index: the statement's position in the command.
        kind: the kind of the statement; see `Executed`.

    Raises:
        CommandError: 40606 or 40638 if the executed statement with this id was of another kind.
    """
    write = request.retry
    if write is None or not write.executed:
        return None
    found = write.find(request.statement_id(index))
    if found is not None and found.kind != kind and kind in ("update", "findAndModify"):
        code = 40606 if kind == "findAndModify" else 40638
        raise CommandError(
            code, f"{kind} retry request is not compatible with previous write of type {found.kind} under txnNumber {write.number}"
        )
    if found is not None and request.retried is not None:
        request.retried[request.statement_id(index)] = None
    return found


def check_single(request: Request, multi: bool, option: str) -> None:
    """Raise an error if a statement in a retryable write affects several documents.

    Arguments:
        multi: whether the statement affects several documents.
        option: the option that makes the statement affect several documents, for the error.

    Raises:
        CommandError: 72 InvalidOptions.
    """
    if multi and request.retry is not None:
        raise CommandError(INVALID_OPTIONS, f"Cannot use (or request) retryable writes with {option}")


def _no_number(command: Command, request: Request) -> CommandError:
    """Return the error for a `txnNumber` that is invalid or that this command does not allow."""
    if request.session is None:
        return CommandError(INVALID_OPTIONS, "Transaction number requires a session ID to also be specified")
    if not request.services.settings.replica_set:
        return CommandError(20, "Transaction numbers are only allowed on a replica set member or mongos")
    if request.body["txnNumber"] < 0:
        return CommandError(INVALID_OPTIONS, "Transaction number cannot be negative")
    return not_retryable(command.name)


def not_retryable(name: str) -> CommandError:
    """Return the error for a command that has a `txnNumber`, but is neither in a transaction nor a retryable write.

    Arguments:
        name: the command's name.
    """
    return CommandError(
        50768,
        "txnNumber may only be provided for multi-document transactions and retryable write commands. autocommit:false was not "
        f"provided, and {name} is not a retryable write command.",
    )


def too_old(session: bytes, number: int, newest: int) -> CommandError:
    """Return the error 225 TransactionTooOld.

    Arguments:
        number: the `txnNumber` that was sent.
        newest: the session's newest `txnNumber`.
    """
    user = b64encode(session[UUID_BYTES:] or NOBODY).decode()
    return CommandError(
        225,
        f"Retryable write with txnNumber {number} is prohibited on session {session_uuid(session)} - {user} because a newer one "
        f"with txnNumber {newest} has already started.",
    )
