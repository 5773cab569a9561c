"""`txnNumber`: which commands take it, and the single execution of retryable writes.

A write that is sent again gets the reply of its first execution.

https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from secantus_server.dispatch.registry import Command, Reply
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.sessions.retryable import RetryableWrite, Shape

# The argument with a command's statements.
_STATEMENTS = {"insert": "documents", "update": "updates", "delete": "deletes", "bulkWrite": "ops"}

# The SHA-256 of an empty user name, part of a session's id in MongoDB's messages when authentication is off.
_NOBODY = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def run_once(
    command: Command, request: Request, arguments: dict[str, Any], run: Callable[[Command, Request, dict[str, Any]], Reply]
) -> Reply:
    """Run a retryable write, or return the reply of its first execution.

    Its number counts as used once execution begins, even if the command fails: a part of it may have been written.

    Arguments:
        request: a request whose body has a `txnNumber`.
        arguments: the command's parsed arguments.
        run: runs the command.

    Raises:
        CommandError: 72 without a session or with a negative number, 20 on a standalone server, 50768 if the command is not a
            retryable write, 225 for a number below the session's newest, 238 for the newest number again if no reply was
            recorded; and the errors of the command.
    """
    number: int = request.body["txnNumber"]
    session, sessions = request.session, request.services.sessions
    if session is None or number < 0 or not command.is_retryable or not request.services.settings.replica_set:
        raise _no_number(command, request)
    retries = sessions.retries
    write = RetryableWrite(number, _shape(command.name, request))
    newest = retries.begin(session, write)
    if newest is not write:
        return _answered_before(command, request, session, write, newest)
    try:
        write.reply = run(command, request, arguments)
        return write.reply
    finally:
        write.finished = True
        if retries.waiting:
            retries.notify()


def _shape(name: str, request: Request) -> Shape:
    """Return the command's name, its number of statements, and the client's statement ids, usually none."""
    body, statements = request.body, 1
    field = _STATEMENTS.get(name)
    if field is not None:
        found = request.message.sequences.get(field) or body.get(field)
        statements = len(found) if type(found) is list else 0
    first, ids = body.get("stmtId"), body.get("stmtIds")
    if type(ids) is list:
        return name, statements, tuple(ids)
    return name, statements, () if first is None else (first,)


def _answered_before(command: Command, request: Request, session: bytes, write: RetryableWrite, newest: RetryableWrite) -> Reply:
    """Return the recorded reply of the session's newest write, which has this number; raise if none was recorded."""
    if write.number < newest.number:
        raise too_old(session, write.number, newest.number)
    request.services.sessions.retries.wait(newest, request.operation.check)
    if newest.reply is None:
        raise CommandError(
            238,
            f"This {command.name} with txnNumber {write.number} came a second time, after the first one had failed. Secantus does not run "
            "it again, for a part of it may have been written: read what it wrote, and send it with a new number.",
        )
    if newest.shape != write.shape:
        raise CommandError(
            238,
            f"This {command.name} has the txnNumber {write.number} of another write of its session. Secantus keeps one reply "
            "for each number: give each write a number of its own.",
        )
    return dict(newest.reply)


def check_single(request: Request, multi: bool, option: str) -> None:
    """Refuse a statement on several documents in a retryable write.

    Arguments:
        option: the option that makes the statement affect several documents.

    Raises:
        CommandError: 72 InvalidOptions.
    """
    if multi and "txnNumber" in request.body and request.transaction is None:
        raise CommandError(72, f"Cannot use (or request) retryable writes with {option}")


def _no_number(command: Command, request: Request) -> CommandError:
    """Return the error for a `txnNumber` on a command that does not take one."""
    if request.session is None:
        return CommandError(72, "Transaction number requires a session ID to also be specified")
    if not request.services.settings.replica_set:
        return CommandError(20, "Transaction numbers are only allowed on a replica set member or mongos")
    if request.body["txnNumber"] < 0:
        return CommandError(72, "Transaction number cannot be negative")
    return CommandError(
        50768,
        "txnNumber may only be provided for multi-document transactions and retryable write commands. autocommit:false was not "
        f"provided, and {command.name} is not a retryable write command.",
    )


def too_old(session: bytes, number: int, newest: int) -> CommandError:
    """Return the error 225 TransactionTooOld.

    Arguments:
        number: the number that was sent.
        newest: the session's newest number.
    """
    return CommandError(
        225,
        f"Retryable write with txnNumber {number} is prohibited on session {UUID(bytes=session)} - {_NOBODY} because a newer one "
        f"with txnNumber {newest} has already started.",
    )
