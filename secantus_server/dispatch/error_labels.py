"""The error labels, which tell drivers whether they may retry a command or resume a change stream.

https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md#determining-retryable-errors
https://github.com/mongodb/specifications/blob/master/source/transactions/transactions.md#transienttransactionerror
https://github.com/mongodb/specifications/blob/master/source/change-streams/change-streams.md#resumable-error
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secantus_server.dispatch.fail_points import InjectedError
from secantus_server.dispatch.interceptors import Call
from secantus_server.dispatch.parameters import BASE_BACKOFF_MS, parameter_value
from secantus_server.dispatch.registry import Command, InTransaction
from secantus_server.errors import CommandError

if TYPE_CHECKING:
    from secantus_server.dispatch.request import Request
    from secantus_server.dispatch.services import Services

TRANSIENT = "TransientTransactionError"
RETRYABLE = "RetryableWriteError"
RESUMABLE = "ResumableChangeStreamError"
OVERLOADED = "SystemOverloadedError"

#: Errors after which a client may run the whole transaction again: LockTimeout, WriteConflict, SnapshotUnavailable, NoSuchTransaction,
#: PreparedTransactionInProgress.
TRANSIENT_CODES = frozenset([24, 112, 246, 251, 267])
#: Errors caused by the connection or by a change of the server's role. After them a driver may send a retryable write, or the end of a
#: transaction, again.
RETRYABLE_CODES = frozenset([6, 7, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436])
#: Errors after which a driver may resume a change stream.
RESUMABLE_CODES = frozenset([6, 7, 63, 89, 91, 133, 150, 189, 234, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436])


def label_error(command: Command, request: Request, error: CommandError) -> None:
    """Add the server's labels to the error of a command. If a fail point has set the labels, do not change them.

    For an overload error, also add the delay after which a driver should retry.
    """
    if not (isinstance(error, InjectedError) and error.has_own_labels):
        label = _label(command, request, error.code)
        if label is not None:
            _add(error, label)
    if OVERLOADED in error.labels:
        error.info.update(backoff_fields(request.services))


def label_change_stream_error(error: CommandError) -> None:
    """Add the label ResumableChangeStreamError to the error of a change stream's getMore, if a driver may resume the stream."""
    if error.code in RESUMABLE_CODES and not (isinstance(error, InjectedError) and error.has_own_labels):
        _add(error, RESUMABLE)


def concern_labels(command: Command, call: Call, code: int) -> tuple[str, ...]:
    """Return the labels for a reply that contains a write concern error with the given code."""
    return (RETRYABLE,) if code in RETRYABLE_CODES and _is_retryable_write(command, call.body) else ()


def backoff_fields(services: Services) -> dict[str, Any]:
    """Return the additional fields of an overload error. If a parameter sets the delay before a driver's retry, they contain the delay.

    https://github.com/mongodb/specifications/blob/master/source/client-backpressure/client-backpressure.md
    """
    backoff_ms = parameter_value(services, BASE_BACKOFF_MS)
    return {"baseBackoffMS": backoff_ms} if backoff_ms else {}


def _label(command: Command, request: Request, code: int) -> str | None:
    """Return the label for an error code, or None if it has no label."""
    ends = command.in_transaction is InTransaction.END
    if request.body.get("autocommit") is False and (code in TRANSIENT_CODES or (code in RETRYABLE_CODES and not ends)):
        return TRANSIENT
    if code in RETRYABLE_CODES and _is_retryable_write(command, request.body):
        return RETRYABLE
    if code in RESUMABLE_CODES and command.name == "aggregate" and _opens_change_stream(request.body):
        return RESUMABLE
    return None


def _is_retryable_write(command: Command, body: dict[str, Any]) -> bool:
    """Return whether a driver may retry the command.

    A driver may retry a write with a `txnNumber`, and the commit or abort of a transaction.
    """
    if command.in_transaction is InTransaction.END:
        return True
    return "txnNumber" in body and "autocommit" not in body and command.is_retryable


def _opens_change_stream(body: dict[str, Any]) -> bool:
    pipeline = body.get("pipeline")
    first = pipeline[0] if type(pipeline) is list and pipeline else None
    return type(first) is dict and "$changeStream" in first


def _add(error: CommandError, label: str) -> None:
    if label not in error.labels:
        error.labels = (*error.labels, label)
