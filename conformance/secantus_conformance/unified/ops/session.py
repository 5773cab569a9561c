"""The operations on a session and its transaction."""

from __future__ import annotations

from typing import Any

from pymongo.client_session import ClientSession

from secantus_conformance.unified import options
from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.ops.registry import impossible, operation

_TRANSACTION = "readConcern writeConcern readPreference maxCommitTimeMS"

impossible("session", ["getSnapshotTime"], "pymongo's sessions have no snapshot time")


@operation("session", "startTransaction", "", _TRANSACTION)
def start_transaction(test: TestContext, target: ClientSession, arguments: dict[str, Any]) -> Any:
    """Start a transaction. Return nothing."""
    test.transactions = True
    target.start_transaction(**options.transaction_options(arguments))


@operation("session", "commitTransaction")
def commit_transaction(test: TestContext, target: ClientSession, arguments: dict[str, Any]) -> Any:
    """Commit the transaction."""
    return target.commit_transaction()


@operation("session", "abortTransaction")
def abort_transaction(test: TestContext, target: ClientSession, arguments: dict[str, Any]) -> Any:
    """Abort the transaction."""
    return target.abort_transaction()


@operation("session", "endSession")
def end_session(test: TestContext, target: ClientSession, arguments: dict[str, Any]) -> Any:
    """End the session."""
    return target.end_session()


@operation("session", "withTransaction", "callback", _TRANSACTION)
def with_transaction(test: TestContext, target: ClientSession, arguments: dict[str, Any]) -> Any:
    """Run operations as the callback of withTransaction. Raise their errors to the driver, even if the test expects them."""
    test.transactions = True
    operations = arguments.pop("callback")

    def callback(session: ClientSession) -> None:
        for each in operations:
            error = test.run_operation(test, each)
            if error is not None:
                raise error

    return target.with_transaction(callback, **options.transaction_options(arguments))
