"""commitTransaction and abortTransaction.

https://www.mongodb.com/docs/manual/reference/command/commitTransaction/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_server.dispatch import arguments as a
from secantus_server.dispatch._transaction_steps import commit_transaction
from secantus_server.dispatch.fail_point_data import check_fields
from secantus_server.dispatch.fail_points import fail_point
from secantus_server.dispatch.privileges import AUTHENTICATED
from secantus_server.dispatch.registry import InTransaction, Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.session_statements import abort_transaction, enter_transaction, find_transaction
from secantus_server.dispatch.transaction_numbers import not_retryable
from secantus_server.errors import CommandError
from secantus_server.sessions._registries import SessionTransaction, State

HANG_BEFORE_COMMIT = "hangBeforeCommitingTxn"

_FIELDS: dict[str, a.Field] = {"recoveryToken": a.document()}


@command(
    "commitTransaction",
    _FIELDS,
    admin_only=True,
    in_api_v1=True,
    is_write=True,
    in_transaction=InTransaction.END,
    privileges=AUTHENTICATED,
)
def commit_transaction_command(request: Request, _args: dict[str, Any]) -> Reply:
    """Commit a transaction."""
    return _end(request, _commit)


@command(
    "abortTransaction",
    _FIELDS,
    admin_only=True,
    in_api_v1=True,
    is_write=True,
    in_transaction=InTransaction.END,
    privileges=AUTHENTICATED,
)
def abort_transaction_command(request: Request, _args: dict[str, Any]) -> Reply:
    """Abort a transaction."""
    return _end(request, _abort)


@fail_point(HANG_BEFORE_COMMIT)
def parse_hang(data: dict[str, Any]) -> None:
    """Parse the data of the fail point hangBeforeCommitingTxn, which must be empty."""
    check_fields(HANG_BEFORE_COMMIT, data, ())


def _end(request: Request, end: Callable[[Request, SessionTransaction], None]) -> Reply:
    """Find a request's transaction and call `end` with it.

    Raises:
        CommandError: 125 CommandFailed outside a transaction, 72 or 50768 without `autocommit: false`, and the errors of
            `find_transaction` and `enter_transaction`.
    """
    if "txnNumber" not in request.body or request.session is None:
        raise CommandError(125, f"{request.name} must be run within a transaction")
    if request.body.get("autocommit") is None:
        if request.body["txnNumber"] < 0:
            raise CommandError(72, "Transaction number cannot be negative")
        raise not_retryable(request.name)
    transaction = find_transaction(request)
    services = request.services
    services.engine.acquire_lock(transaction.lock)
    try:
        transaction.operation = request.operation
        end(request, transaction)
    finally:
        transaction.operation = None
        services.sessions.transactions.release(transaction)
    return {}


def _commit(request: Request, transaction: SessionTransaction) -> None:
    """Commit the transaction. Do nothing if it is already committed."""
    if transaction.state is State.COMMITTED:
        return
    enter_transaction(transaction, request)
    if request.services.fail_points.active:
        _hold_before_commit(request, transaction)
    commit_transaction(transaction, request.services)


def _hold_before_commit(request: Request, transaction: SessionTransaction) -> None:
    """Block while the fail point hangBeforeCommitingTxn is set. An interruption aborts the transaction.

    Raises:
        CommandError: if the commit was interrupted.
    """
    try:
        request.services.fail_points.hold(HANG_BEFORE_COMMIT, request.operation)
    except CommandError:
        abort_transaction(request, transaction)
        raise


def _abort(request: Request, transaction: SessionTransaction) -> None:
    """Abort the transaction.

    Raises:
        CommandError: 251 if it is already aborted, 256 if it is already committed.
    """
    enter_transaction(transaction, request)
    abort_transaction(request, transaction)
