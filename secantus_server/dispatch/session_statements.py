"""Statements of multi-document transactions. This module validates their options, and begins, continues and ends the transaction.

https://github.com/mongodb/specifications/blob/master/source/transactions/transactions.md
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_server.differences import TRANSACTION_LIMIT
from secantus_server.dispatch._transaction_steps import begin_transaction, continue_transaction
from secantus_server.dispatch.arguments import wrong_type
from secantus_server.dispatch.cluster_time import reach
from secantus_server.dispatch.error_labels import TRANSIENT_CODES
from secantus_server.dispatch.parameters import MAX_TRANSACTIONS, parameter_value
from secantus_server.dispatch.registry import Command, InTransaction, Reply
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.transaction_numbers import too_old
from secantus_server.errors import CommandError
from secantus_server.reserved_names import INTERNAL_DATABASES
from secantus_server.sessions._registries import SessionTransaction, State
from secantus_server.sessions.transactions import committed_transaction
from secantus_server.storage import WriteConflict

INVALID_OPTIONS = 72
NOT_IN_TRANSACTION = 263
NO_SUCH_TRANSACTION = 251
RESOURCE_EXHAUSTED = 402

#: The parameter with the maximum lifetime of a transaction.
LIFETIME_LIMIT = "transactionLifetimeLimitSeconds"

# The error codes, in addition to `TRANSIENT_CODES`, with which a statement makes its whole write command fail in a transaction.
_FATAL_CODES = frozenset([263, 313])

_LEVELS = ("local", "majority", "snapshot")


def check_transaction_options(command: Command, request: Request) -> None:
    """Validate `autocommit` and `startTransaction`, and check that the command may run in a transaction.

    Raises:
        CommandError: 72 InvalidOptions for an invalid combination, 14 TypeMismatch, 263 OperationNotSupportedInTransaction.
    """
    body = request.body
    autocommit, start = body.get("autocommit"), body.get("startTransaction")
    for name, value in (("autocommit", autocommit), ("startTransaction", start)):
        if value is not None and type(value) is not bool:
            raise wrong_type(f"{command.name}.{name}", value, "bool")
    if autocommit is None and start is None:
        return
    if "txnNumber" not in body:
        field = "'autocommit'" if start is None else "'startTransaction'"
        raise CommandError(INVALID_OPTIONS, f"{field} field requires a transaction number to also be specified")
    if autocommit is None:
        raise CommandError(INVALID_OPTIONS, "'startTransaction' field requires 'autocommit' field to also be specified")
    if autocommit:
        raise CommandError(INVALID_OPTIONS, "Specifying autocommit=true is not allowed.")
    if start is False:
        raise CommandError(INVALID_OPTIONS, "Specifying startTransaction=false is not allowed.")
    if request.session is None:
        raise CommandError(INVALID_OPTIONS, "Transaction number requires a session ID to also be specified")
    if body["txnNumber"] < 0:
        raise CommandError(INVALID_OPTIONS, "Transaction number cannot be negative")
    if not request.services.settings.replica_set:
        raise CommandError(20, "Transaction numbers are only allowed on a replica set member or mongos")
    _check_command(command, request)


def _check_command(command: Command, request: Request) -> None:
    """Check that a command with its read and write concerns is allowed in a transaction.

    Raises:
        CommandError: 263 OperationNotSupportedInTransaction, 72 InvalidOptions.
    """
    body, place = request.body, command.in_transaction
    starts = "startTransaction" in body
    if place is InTransaction.NO or (starts and place is InTransaction.END):
        raise CommandError(NOT_IN_TRANSACTION, f"Cannot run '{command.name}' in a multi-document transaction.")
    if starts and place is InTransaction.LATER:
        raise CommandError(NOT_IN_TRANSACTION, f"Cannot run '{command.name}' as the first operation of a multi-document transaction.")
    if place is InTransaction.END:
        return
    if request.db in INTERNAL_DATABASES and command.name not in ("bulkWrite", "getMore", "killCursors", "hello", "isMaster", "buildInfo"):
        raise CommandError(NOT_IN_TRANSACTION, f"Cannot run command against the '{request.db}' database in a transaction.")
    if body.get("writeConcern"):
        raise CommandError(INVALID_OPTIONS, "writeConcern is not allowed within a multi-statement transaction")
    concern = body.get("readConcern")
    if concern is None:
        return
    if not starts:
        raise CommandError(INVALID_OPTIONS, "Only the first command in a transaction may specify a readConcern")
    if type(concern) is dict and concern.get("level", "local") not in _LEVELS:
        raise CommandError(
            INVALID_OPTIONS,
            "The readConcern level must be either 'local' (default), 'majority' or 'snapshot' in order to run in a transaction",
        )


def run_statement(
    command: Command, request: Request, arguments: dict[str, Any], run: Callable[[Command, Request, dict[str, Any]], Reply]
) -> Reply:
    """Run a statement of a transaction. Any error aborts the transaction.

    Arguments:
        request: a request with a session, a `txnNumber` and `autocommit: false`.
        run: runs the command.

    Raises:
        CommandError: 225 TransactionTooOld, 117 for a `txnNumber` that is already in use, 251 NoSuchTransaction, 256
            TransactionCommitted. Also the errors of the command.
    """
    try:
        transaction = _start(request) if request.body.get("startTransaction") else find_transaction(request)
        request.services.engine.acquire_lock(transaction.lock)
        try:
            return _run_in(transaction, command, request, arguments, run)
        finally:
            request.services.sessions.transactions.release(transaction)
    except WriteConflict:
        raise write_conflict() from None


def write_conflict() -> CommandError:
    """Return the error for a statement that conflicts with a write of another transaction."""
    return CommandError(
        112,
        "Caused by :: Write conflict during plan execution and yielding is disabled. :: Please retry your operation or multi-document "
        "transaction.",
    )


def _run_in(
    transaction: SessionTransaction,
    command: Command,
    request: Request,
    arguments: dict[str, Any],
    run: Callable[[Command, Request, dict[str, Any]], Reply],
) -> Reply:
    """Run a statement of a transaction. The caller must hold the transaction's lock."""
    done = False
    try:
        transaction.enter(request.operation)
        enter_transaction(transaction, request)
        request.transaction = transaction
        request.work = transaction.work.whole()
        reply = run(command, request, arguments)
        if request.operation.killed is not None:
            raise request.operation.killed
        done = not (reply.get("writeErrors") or reply.get("nErrors"))
        return reply
    finally:
        transaction.leave(request.services.clock.monotonic())
        if transaction.state is State.IN_PROGRESS:
            if done:
                transaction.work.leave()
            else:
                abort_transaction(request, transaction)


def _start(request: Request) -> SessionTransaction:
    """Return a new transaction for a request, or the transaction that the express lane (the fast path) has already begun."""
    session, unfinished = request.session, request.message.unfinished
    assert session is not None, "checked with the options"
    if unfinished is not None and unfinished.transaction is not None:
        begun: SessionTransaction = unfinished.transaction
        return begun
    services = request.services
    check_limit(services, session)
    return begin_transaction(services, session, request.body["txnNumber"], parameter_value(services, LIFETIME_LIMIT))


def check_limit(services: Services, session: bytes) -> None:
    """Raise an error if too many transactions are open, since MongoDB 9.0.

    The session's own open transaction is not counted, because the new transaction replaces it.
    """
    if not services.release.has(TRANSACTION_LIMIT):
        return
    transactions, limit = services.sessions.transactions, parameter_value(services, MAX_TRANSACTIONS)
    own = transactions.newest(session)
    if transactions.open - (own is not None and own.state is State.IN_PROGRESS) >= limit:
        text = f"{limit} multi-document transactions are open, as many as {MAX_TRANSACTIONS} allows"
        raise CommandError(RESOURCE_EXHAUSTED, text, info={"codeName": "TooManyOpenTransactions"})


def find_transaction(request: Request) -> SessionTransaction:
    """Return the transaction to which a request belongs.

    Raises:
        CommandError: 225 TransactionTooOld, 251 NoSuchTransaction.
    """
    session, number, sessions = request.session, request.body["txnNumber"], request.services.sessions
    assert session is not None, "checked with the options"
    newest = sessions.retries.newest_number(session)
    if newest is not None and number < newest:
        raise too_old(session, number, newest)
    found = sessions.transactions.newest(session)
    if found is not None and found.number == number:
        return found
    if sessions.retries.is_committed(session, number):
        # The transaction was committed before the server's last start.
        return committed_transaction(session, number)
    raise CommandError(
        NO_SUCH_TRANSACTION,
        f"Given transaction number {number} does not match any in-progress transactions. The active transaction number is "
        f"{-1 if newest is None else newest}",
    )


def enter_transaction(transaction: SessionTransaction, request: Request) -> None:
    """Continue a transaction, or open it for its first statement at the read time that the request specifies.

    The caller must hold the transaction's lock.

    Raises:
        CommandError: see `continue_transaction`.
    """
    begins = transaction.work is None
    continue_transaction(transaction, request.services)
    at = (request.body.get("readConcern") or {}).get("atClusterTime") if begins else None
    if at is not None:
        reach(request.services, at, "atClusterTime")
        transaction.work.read_at(at)


def abort_transaction(request: Request, transaction: SessionTransaction) -> None:
    """Abort a transaction in progress. The caller must hold the transaction's lock."""
    request.services.sessions.transactions.abort_held(transaction)


def ends_transaction(request: Request, error: CommandError) -> bool:
    """Return whether an error ends the transaction. If so, the error fails the whole command instead of becoming one of its
    `writeErrors`.
    """
    return request.transaction is not None and (error.code in TRANSIENT_CODES or error.code in _FATAL_CODES)
