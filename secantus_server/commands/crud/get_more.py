"""getMore and killCursors.

https://www.mongodb.com/docs/manual/reference/command/getMore/
"""

from __future__ import annotations

from functools import partial
from typing import Any

from bson.int64 import Int64

from secantus_server.auth.privileges import Grants
from secantus_server.bson import RawArray
from secantus_server.bson.values import type_name
from secantus_server.catalog.liveness import check_still_there
from secantus_server.cursors.cursor import Cursor, Watch
from secantus_server.differences import CHANGE_STREAM_ROLE
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.error_labels import label_change_stream_error
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.privileges import Authorized, OtherCommand, is_authorized, on_collection
from secantus_server.dispatch.raw_data import FIELD, may_use_raw_data
from secantus_server.dispatch.registry import InTransaction, Reply, command, find_command
from secantus_server.dispatch.request import Request
from secantus_server.errors import UNAUTHORIZED, CommandError
from secantus_server.records import replace
from secantus_server.reserved_names import BUCKETS
from secantus_server.work.cursor_fail_points import enter_get_more

AWAIT_DATA_MS = 1000
INTERRUPTED = 11602


def _max_time(name: str, value: Any) -> int:
    a.exact_integer(name, value)
    return int(a.integer(0, 2**31 - 1)(name, value))


def _term(name: str, value: Any) -> Int64:
    if type(value) is not Int64:
        raise a.wrong_type(name, value, "long")
    return value


def _may_continue(call: Authorized, grants: Grants) -> bool:
    """Return whether the cursor belongs to the user and the user may still run the command that opened it.

    Raises:
        CommandError: 13 Unauthorized.
    """
    cursor_id = call.body[call.name]
    cursor = call.services.cursors.peek(cursor_id) if type(cursor_id) is Int64 else None
    if cursor is None:
        return True
    origin = cursor.operation
    if origin.users != call.client.users:
        raise CommandError(UNAUTHORIZED, f"cursor id {cursor_id} was not created by the authenticated user")
    opened = OtherCommand(next(iter(cursor.command)), origin.db, cursor.command, call.message, call.client, call.services)
    if not _may_open(opened, grants):
        raise CommandError(UNAUTHORIZED, f"not authorized for getMore with cursor id {cursor_id}")
    return True


def _may_open(opened: OtherCommand, grants: Grants) -> bool:
    """Return whether the user may run the command that opened a cursor.

    A command with `rawData` on a time-series collection was converted to one on the buckets collection. The user needs only the
    privileges on the time-series collection.
    """
    privileges, target = find_command(opened.name).privileges, opened.body[opened.name]
    if is_authorized(privileges, opened, grants) and may_use_raw_data(opened, grants):
        return True
    if type(target) is not str or not target.startswith(BUCKETS):
        return False
    series = replace(opened, body={**opened.body, opened.name: target.removeprefix(BUCKETS), FIELD: True})
    return is_authorized(privileges, series, grants) and may_use_raw_data(series, grants)


def _may_kill(call: Authorized, grants: Grants) -> bool:
    """Return whether the user owns the listed cursors, or may kill any cursor on the same collections."""
    action = "killAnyCursor"
    if action in grants.on_cluster():
        return True
    ids = call.body.get("cursors")
    found = [call.services.cursors.peek(one) for one in ids if type(one) is Int64] if type(ids) is list else []
    return all(
        cursor is None or cursor.operation.users == call.client.users or action in grants.on(*cursor.namespace.split(".", 1))
        for cursor in found
    )


@command(
    "getMore",
    {
        "collection": a.string(required=True),
        "batchSize": a.number(None, minimum=0),
        "maxTimeMS": a.Field(_max_time),
        "term": a.Field(_term),
        "lastKnownCommittedOpTime": a.anything(),
    },
    in_api_v1=True,
    is_read=True,
    in_transaction=InTransaction.LATER,
    privileges=on_collection(by_arguments=("find",), check=_may_continue),
)
def get_more(request: Request, args: dict[str, Any]) -> Reply:
    """Return the next batch of a cursor."""
    cursor_id = request.body[request.name]
    if cursor_id is None:
        raise CommandError(40414, "BSON field 'getMore.getMore' is missing but a required field")
    if type(cursor_id) is not Int64:
        raise CommandError(14, f"BSON field 'getMore.getMore' is the wrong type '{type_name(cursor_id)}', expected type 'long'")
    name = collection_name("getMore", request.db, args["collection"])
    found = request.services.cursors.peek(cursor_id)
    if found is not None:
        _check_use(request, found, f"{request.db}.{name}", args["maxTimeMS"])
    with request.services.cursors.lend(cursor_id) as cursor:
        if cursor.comment is not None:
            # As in MongoDB, the profiler and the log show the comment of the command that opened the cursor.
            request.body.setdefault("comment", cursor.comment)
        if not cursor.await_data:
            request.operation.inherit_time_limit(cursor.last_operation)
        cursor.last_operation = request.operation
        request.operation.take_over(cursor.operation)
        batch = _read_labelled(request, cursor, args)
        left = 0 if cursor.exhausted else cursor_id
    request.client.usage.returned += len(batch)
    if left:
        request.next_body = request.body
    return {"cursor": {"nextBatch": RawArray(batch), "id": Int64(left), "ns": cursor.namespace, **cursor.reply_fields()}}


def _check_use(request: Request, cursor: Cursor, namespace: str, max_time_ms: int | None) -> None:
    """Raise an error if the getMore's namespace, session, transaction or maxTimeMS does not fit the cursor. The cursor stays open.

    Raises:
        CommandError: 13 Unauthorized, 2 BadValue, 50736 to 50738 for another session.
    """
    if cursor.namespace != namespace:
        raise CommandError(
            13, f"Requested getMore on namespace '{namespace}', but cursor belongs to a different namespace {cursor.namespace}"
        )
    if cursor.session != request.session:
        code = 50736 if cursor.session is None else 50737 if request.session is None else 50738
        raise CommandError(code, f"Cannot run getMore on cursor {cursor.id}, which was created in another session")
    if cursor.transaction is not request.transaction:
        raise _other_transaction(request, cursor)
    if max_time_ms is not None and not cursor.await_data:
        raise CommandError(2, "cannot set maxTimeMS on getMore command for a non-awaitData cursor")


def _other_transaction(request: Request, cursor: Cursor) -> CommandError:
    """Return the error for a getMore that is not part of the transaction in which the cursor was opened."""
    number = request.body.get("txnNumber")
    if cursor.transaction is None:
        text = f"Cannot run getMore on cursor {cursor.id}, which was not created in a transaction, in transaction {number}"
        return CommandError(50739, text)
    created = f"Cannot run getMore on cursor {cursor.id}, which was created in transaction {cursor.transaction.number}"
    if request.transaction is None:
        return CommandError(50740, f"{created}, without a transaction")
    return CommandError(50741, f"{created}, in transaction {number}")


def _read_labelled(request: Request, cursor: Cursor, args: dict[str, Any]) -> list[bytes]:
    """Return the next batch. If an error occurs after which a change stream can be resumed, add a label that tells the driver so."""
    try:
        if request.services.fail_points.active:
            enter_get_more(request, cursor.namespace)
        return _read(request, cursor, args)
    except CommandError as error:
        if cursor.is_change_stream:
            label_change_stream_error(error)
        raise


def _read(request: Request, cursor: Cursor, args: dict[str, Any]) -> list[bytes]:
    """Return the next batch. If an awaitData cursor has no documents left, block until the next write or the time limit.

    Raises:
        CommandError: 175 QueryPlanKilled, 136 CappedPositionLost, 237 CursorKilled, or an error while reading the documents.
    """
    watch = cursor.watch
    if watch is None:
        return _next_batch(request, cursor, args["batchSize"])
    operation, clock = request.operation, request.services.clock
    began, unfinished = clock.monotonic(), request.message.unfinished
    # The command may already have waited in the express lane (the fast path).
    waits_since = began if unfinished is None or unfinished.began is None else unfinished.began
    deadline = waits_since + (AWAIT_DATA_MS if args["maxTimeMS"] is None else args["maxTimeMS"]) / 1000
    operation.wake = watch.wake
    watch.settle()
    try:
        while True:
            _check_killed(request, cursor)
            batch = _batch_if_any(request, cursor, watch, args["batchSize"])
            if batch or cursor.exhausted:
                if cursor.is_plain:
                    # The express lane can answer the next getMore.
                    watch.keep()
                return batch
            left = deadline - clock.monotonic()
            if left <= 0 or not watch.wait(left):
                # Read once more, because a commit may have happened just before the time limit.
                _check_killed(request, cursor)
                return _batch_if_any(request, cursor, watch, args["batchSize"])
    finally:
        operation.wake = None
        operation.waited = clock.monotonic() - began


def _check_killed(request: Request, cursor: Cursor) -> None:
    """Raise an error if the command or its cursor was killed.

    Raises:
        CommandError: the errors of `Operation.check`, 237 CursorKilled, and since MongoDB 9.0 the errors of `_check_role`.
    """
    request.operation.check()
    if cursor.killed is not None:
        raise cursor.killed
    if cursor.is_change_stream and request.services.release.has(CHANGE_STREAM_ROLE):
        _check_role(request, cursor)


def _check_role(request: Request, cursor: Cursor) -> None:
    """Raise an error if this node has lost the role (primary or secondary) that the change stream required when it was opened.

    https://www.mongodb.com/docs/manual/release-notes/9.0-compatibility/

    Raises:
        CommandError: 11602 InterruptedDueToReplStateChange.
    """
    is_primary = request.services.topology.check_election()
    preference = cursor.operation.body.get("$readPreference") or {}
    if is_primary != cursor.opened_on_primary and preference.get("mode", "primary") == ("secondary" if is_primary else "primary"):
        raise CommandError(INTERRUPTED, "the node's role no longer satisfies the read preference of the change stream")


def _batch_if_any(request: Request, cursor: Cursor, watch: Watch, size: int | None) -> list[bytes]:
    """Return the next batch. If there was no write since the cursor reached its end, return an empty batch without reading.

    Raises:
        CommandError: the errors of `_read`.
    """
    # Every commit up to this time is visible to the read below, or was reported to the watch before.
    newest = request.services.oplog.newest_stamp
    batch: list[bytes] = []
    if watch.stale or not cursor.at_end:
        watch.arm()
        batch = _next_batch(request, cursor, size)
    if cursor.at_end:
        cursor.pass_over(newest)
    return batch


def _next_batch(request: Request, cursor: Cursor, size: int | None) -> list[bytes]:
    held = cursor.snapshot
    with request.work.reading() if held is None else request.services.history.reading(held) as transaction:
        verify = partial(check_still_there, transaction.catalog)
        return cursor.next_batch(transaction.unit, size, verify, request.operation.check, transaction.catalog)


@command(
    "killCursors",
    {"cursors": a.array(required=True)},
    in_api_v1=True,
    in_transaction=InTransaction.LATER,
    privileges=on_collection(by_arguments=("killAnyCursor",), check=_may_kill),
)
def kill_cursors(request: Request, args: dict[str, Any]) -> Reply:
    """Close cursors."""
    collection_name("killCursors", request.db, request.body[request.name])
    killed: list[Int64] = []
    missing: list[Int64] = []
    for index, cursor_id in enumerate(args["cursors"]):
        if cursor_id is not None and type(cursor_id) is not Int64:
            raise CommandError(
                14, f"BSON field 'killCursors.cursors.{index}' is the wrong type '{type_name(cursor_id)}', expected type 'long'"
            )
    # As in MongoDB, a null in the array has no effect.
    for cursor_id in args["cursors"]:
        if cursor_id is None:
            continue
        (killed if request.services.cursors.kill(cursor_id) else missing).append(cursor_id)
    return {"cursorsKilled": killed, "cursorsNotFound": missing, "cursorsAlive": [], "cursorsUnknown": []}
