"""`txnNumber`: which commands take it, and that a retryable write is not run twice.

Secantus keeps no log of the replies yet, so a write that is sent again is refused: it must not run a second time, and a reply
that is made up would be a wrong answer.

https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md
"""

from __future__ import annotations

from uuid import UUID

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
    number: int = request.body["txnNumber"]
    session, services = request.session, request.services
    if session is None or number < 0 or not command.is_retryable or not services.settings.replica_set:
        raise _no_number(command, request)
    newest = services.sessions.begin_write(session, number)
    if newest is not None:
        raise _seen_before(command, session, number, newest)


def check_single(request: Request, multi: bool, option: str) -> None:
    """Refuse a statement about several documents in a retryable write.

    Arguments:
        option: how the statement says that it is about several.

    Raises:
        CommandError: 72 InvalidOptions.
    """
    if multi and "txnNumber" in request.body:
        raise CommandError(72, f"Cannot use (or request) retryable writes with {option}")


def _no_number(command: Command, request: Request) -> CommandError:
    """Why a command's number is not possible."""
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


def _seen_before(command: Command, session: bytes, number: int, newest: int) -> CommandError:
    """Why a number that is not newer than all others of its session is not possible."""
    if number < newest:
        return CommandError(
            225,
            f"Retryable write with txnNumber {number} is prohibited on session {UUID(bytes=session)} - {_NOBODY} because a newer one "
            f"with txnNumber {newest} has already started.",
        )
    return CommandError(
        238,
        f"This {command.name} with txnNumber {number} came a second time. Secantus does not replay retryable writes yet and has not "
        "run it again, for the first one may have been executed: read what it wrote, or connect with retryWrites=false.",
    )
