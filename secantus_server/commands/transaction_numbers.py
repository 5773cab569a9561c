"""`txnNumber`: which commands take it, and that a retryable write is not run twice.

Secantus keeps no log of the replies yet, so a write that is sent again is refused: it must not run a second time, and a reply
that is made up would be a wrong answer.

https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md
"""

from __future__ import annotations

from uuid import UUID

from bson.int64 import Int64

from secantus_server.commands.registry import Command
from secantus_server.commands.request import Request
from secantus_server.errors import CommandError

# The SHA-256 of no user at all, which MongoDB's text for a session shows where authentication is off.
_NOBODY = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def begin_retryable_write(command: Command, request: Request) -> None:
    """Check a command's `txnNumber` and note that its session has used it.

    From here on the number is used, whether or not the command fails: a part of it may have been written.

    Arguments:
        request: a request whose body holds a `txnNumber`.

    Raises:
        CommandError: 72 without a session or with a negative number, 20 on a standalone, 50768 for a command that is no
            retryable write, 225 for a number older than the session's newest, 238 for the newest once more.
    """
    number = _checked_number(command, request)
    session = request.session
    assert session is not None, "_checked_number refuses a number without a session"
    newest = request.services.sessions.begin_write(session, number)
    if newest is None:
        return
    if number < newest:
        raise CommandError(
            225,
            f"Retryable write with txnNumber {number} is prohibited on session {UUID(bytes=session)} - {_NOBODY} -  -  because a newer "
            f"retryable write with txnNumber {newest} has already started on this session.",
        )
    raise CommandError(
        238,
        f"This {command.name} with txnNumber {number} came a second time. Secantus does not replay retryable writes yet and has not "
        "run it again, for the first one may have been executed: read what it wrote, or connect with retryWrites=false.",
    )


def check_single(request: Request, multi: bool, option: str) -> None:
    """Refuse a statement about several documents in a retryable write.

    Arguments:
        option: how the statement says that it is about several.

    Raises:
        CommandError: 72 InvalidOptions.
    """
    if multi and "txnNumber" in request.body:
        raise CommandError(72, f"Cannot use (or request) retryable writes with {option}")


def _checked_number(command: Command, request: Request) -> int:
    number = request.body["txnNumber"]
    assert type(number) is Int64, "check_generic holds it to its type"
    if request.session is None:
        raise CommandError(72, "Transaction number requires a session ID to also be specified")
    if not request.services.settings.replica_set:
        raise CommandError(20, "Transaction numbers are only allowed on a replica set member or mongos")
    if number < 0:
        raise CommandError(72, "Transaction number cannot be negative")
    if not command.is_retryable:
        raise CommandError(
            50768,
            "txnNumber may only be provided for multi-document transactions and retryable write commands. autocommit:false was not "
            f"provided, and {command.name} is not a retryable write command.",
        )
    return number
