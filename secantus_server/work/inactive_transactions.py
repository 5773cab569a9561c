"""The descriptions of multi-document transactions in the output of `$currentOp`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/currentOp/
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from bson.int64 import Int64
from bson.timestamp import Timestamp

from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.operations import Operation
from secantus_server.dispatch.services import Services
from secantus_server.sessions._registries import SessionTransaction
from secantus_server.sessions.ids import session_document

# The users of a connection, as pairs of name and database.
Users = tuple[tuple[str, str], ...]


def running_transaction(services: Services, operation: Operation) -> SessionTransaction | None:
    """Return the transaction that an operation's statement belongs to, or None."""
    session = operation.session
    transaction = None if session is None else services.sessions.transactions.newest(session)
    return transaction if transaction is not None and transaction.operation is operation else None


def inactive_transactions(services: Services, users: Users | None = None) -> list[dict[str, Any]]:
    """Return a document for each open transaction that no command is currently using.

    Arguments:
        users: the users whose transactions to return; None means all users.
    """
    return [
        _inactive(services, transaction)
        for transaction in services.sessions.transactions.all_open()
        if transaction.operation is None
        and transaction.last_operation is not None
        and (users is None or transaction.last_operation.users == users)
    ]


def _inactive(services: Services, transaction: SessionTransaction) -> dict[str, Any]:
    last = transaction.last_operation
    return {
        "type": "idleSession",
        "host": services.topology.address,
        "desc": "inactive transaction",
        "connectionId": last.connection_id,
        **client_fields(services.connections.find(last.connection_id)),
        "lsid": session_document(transaction.session),
        "transaction": transaction_details(services, transaction),
        "waitingForLock": False,
        "active": False,
        "locks": {},
        "lockStats": {},
        "waitingForFlowControl": False,
        "flowControlStats": {},
    }


def transaction_details(services: Services, transaction: SessionTransaction) -> dict[str, Any]:
    """Return the field `transaction` in the description of an operation or inactive session."""
    now_ms, now = services.clock.now_ms(), services.clock.monotonic()
    first, running = transaction.first_operation, transaction.operation
    open_s = now - first.started
    active_s = transaction.active_s + (now - running.started if running is not None else 0)
    parameters: dict[str, Any] = {"txnNumber": Int64(transaction.number), "autocommit": False}
    if first.body.get("readConcern"):
        parameters["readConcern"] = first.body["readConcern"]
    return {
        "parameters": parameters,
        "readTimestamp": Timestamp(0, 0),
        "startWallClockTime": time_text(now_ms - int(open_s * 1000)),
        "timeOpenMicros": Int64(int(open_s * 1e6)),
        "timeActiveMicros": Int64(int(active_s * 1e6)),
        "timeInactiveMicros": Int64(max(int((open_s - active_s) * 1e6), 0)),
        "expiryTime": time_text(now_ms + int((transaction.deadline - services.clock.elapsed()) * 1000)),
    }


def time_text(ms: int) -> str:
    """Return a time as text in the format of currentOp."""
    return datetime.fromtimestamp(ms / 1000, timezone.utc).isoformat(timespec="milliseconds")


def client_fields(client: ClientInfo | None) -> dict[str, Any]:
    """Return the currentOp fields that describe a client.

    Arguments:
        client: the client, or None if it has disconnected.
    """
    if client is None:
        return {}
    host, port = client.address[:2]
    shown: dict[str, Any] = {"client": f"{host}:{port}"}
    if client.application:
        shown["appName"] = client.application
    if client.metadata is not None:
        shown["clientMetadata"] = client.metadata
    if client.users:
        shown["effectiveUsers"] = [{"user": user, "db": db} for user, db in client.users]
    return shown
