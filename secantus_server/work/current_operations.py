"""The documents that `$currentOp` and currentOp return for running commands, idle connections and idle cursors.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/currentOp/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson.int64 import Int64

from secantus_server.bson import decode, encode
from secantus_server.bson.shell import document_text
from secantus_server.bson.values import Date
from secantus_server.cursors.cursor import Cursor
from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.operations import Operation
from secantus_server.dispatch.services import Services
from secantus_server.sessions.ids import session_document
from secantus_server.work.inactive_transactions import (
    Users,
    client_fields,
    inactive_transactions,
    running_transaction,
    time_text,
    transaction_details,
)
from secantus_server.work.profile_entries import operation_name

# With `truncateOps`, a longer command is reported as a string truncated to this length.
MAX_COMMAND_BYTES = 1000


def current_operations(services: Services, options: Mapping[str, Any], users: Users | None = None) -> list[dict[str, Any]]:
    """Return a document for each running command and inactive transaction and, if requested, for each idle connection and idle cursor.

    Arguments:
        options: the options of `$currentOp`. `localOps` and `targetAllNodes` have no effect because there is only one node.
        users: the users whose operations to list; None means all users.
    """
    everything = services.operations.all()
    running = [one for one in everything if users is None or one.users == users]
    found = [_running(services, operation, truncate=bool(options.get("truncateOps"))) for operation in running]
    if options.get("idleConnections"):
        busy = {operation.connection_id for operation in everything}
        idle = [client for client in services.connections.all() if client.connection_id not in busy]
        found += [_idle_connection(services, client) for client in idle if users is None or client.users == users]
    if options.get("idleSessions", True):
        found += inactive_transactions(services, users)
    if options.get("idleCursors"):
        waiting = [cursor for cursor in services.cursors.all() if not cursor.in_use]
        found += [_idle_cursor(services, cursor) for cursor in waiting if users is None or cursor.operation.users == users]
    return found


def _running(services: Services, operation: Operation, *, truncate: bool) -> dict[str, Any]:
    seconds = services.clock.monotonic() - operation.started
    name = next(iter(operation.body))
    shown = {
        **_connection(services, services.connections.find(operation.connection_id), operation.connection_id),
        "active": True,
        "currentOpTime": time_text(services.clock.now_ms()),
        "threaded": True,
        "opid": operation.opid,
    }
    if "lsid" in operation.body:
        shown["lsid"] = operation.body["lsid"]
        transaction = running_transaction(services, operation)
        if transaction is not None:
            shown["transaction"] = transaction_details(services, transaction)
    conflicts = services.sessions.transactions.conflicts.get(operation.thread, 0)
    return {
        **shown,
        "secs_running": Int64(int(seconds)),
        "microsecs_running": Int64(int(seconds * 1e6)),
        "op": operation_name(name),
        "ns": _namespace(operation.db, operation.body),
        "redacted": False,
        "command": _shortened(operation.body) if truncate else operation.body,
        **({"writeConflicts": Int64(conflicts)} if conflicts else {}),
        "killPending": operation.killed is not None,
        "numYields": 0,
        "locks": {},
        "waitingForLock": _waits(services, operation),
        "lockStats": {},
        "waitingForFlowControl": False,
        "flowControlStats": {},
    }


def _waits(services: Services, operation: Operation) -> bool:
    """Return whether an operation is blocked by fsyncLock, an open transaction or a collection change."""
    return operation.thread in services.fsync_lock.waiting or operation.thread in services.sessions.transactions.namespaces.waiting


def _shortened(command: dict[str, Any]) -> dict[str, Any]:
    data = encode(command)
    return command if len(data) <= MAX_COMMAND_BYTES else {"$truncated": document_text(decode(data))[:MAX_COMMAND_BYTES]}


def _connection(services: Services, client: ClientInfo | None, connection_id: int) -> dict[str, Any]:
    """Return the fields that describe a connection.

    Arguments:
        client: the client, or None if the connection was closed while its command is still running.
    """
    shown = {"type": "op", "host": services.topology.address, "desc": f"conn{connection_id}", "connectionId": connection_id}
    return {**shown, **client_fields(client)}


def _idle_connection(services: Services, client: ClientInfo) -> dict[str, Any]:
    return {**_connection(services, client, client.connection_id), "active": False, "currentOpTime": time_text(services.clock.now_ms())}


def _idle_cursor(services: Services, cursor: Cursor) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": "idleCursor", "host": services.topology.address, "ns": cursor.namespace}
    origin = cursor.operation
    if origin is not None:
        # An idle cursor does not show the client's address.
        shown |= client_fields(services.connections.find(origin.connection_id))
        shown.pop("client", None)
    if cursor.session is not None:
        shown["lsid"] = session_document(cursor.session)
    now_ms, now = services.clock.now_ms(), services.clock.monotonic()
    details: dict[str, Any] = {"cursorId": Int64(cursor.id)}
    if origin is not None:
        details["createdDate"] = Date(now_ms - int((now - origin.started) * 1000))
    details |= {
        "lastAccessDate": Date(now_ms - int((services.clock.elapsed() - cursor.last_used) * 1000)),
        "nDocsReturned": Int64(cursor.given),
        "nBatchesReturned": Int64(cursor.batches),
        "noCursorTimeout": cursor.no_timeout,
        "tailable": cursor.tailable,
        "awaitData": cursor.await_data,
    }
    if origin is not None:
        details["originatingCommand"] = origin.body
    return {**shown, "cursor": details}


def _namespace(db: str, body: dict[str, Any]) -> str:
    name = next(iter(body))
    target = body.get("collection") if name == "getMore" else body[name]
    return f"{db}.{target}" if type(target) is str else f"{db}.$cmd"
