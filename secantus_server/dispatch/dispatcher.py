"""Runs the commands of messages, and validates the arguments that every command accepts.

https://www.mongodb.com/docs/manual/reference/command/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bson.binary import Binary
from bson.int64 import Int64

from secantus_server.auth.collections import USERS_DB
from secantus_server.bson import RawDocument, decode
from secantus_server.bson.values import type_name
from secantus_server.dispatch._fields import session_uuid
from secantus_server.dispatch.arguments import exact_integer, truth, wrong_type
from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.cluster_time import NO_SIGNATURE, reach, take_cluster_time
from secantus_server.dispatch.concealed import shown_command
from secantus_server.dispatch.concerns import check_read_concern, check_write_concern, write_concern_error
from secantus_server.dispatch.durability import settle
from secantus_server.dispatch.error_labels import label_error
from secantus_server.dispatch.interceptors import Outcome
from secantus_server.dispatch.names import check_database_name
from secantus_server.dispatch.operations import Operation
from secantus_server.dispatch.raw_data import FIELD, show_series, target_buckets
from secantus_server.dispatch.registry import Command, InTransaction, Reply, command_to_run
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.session_statements import check_transaction_options, run_statement
from secantus_server.dispatch.transaction_numbers import run_once
from secantus_server.dispatch.usage import row_key
from secantus_server.errors import UNAUTHORIZED, CommandError, not_supported
from secantus_server.wire.message import Message, Unfinished

if TYPE_CHECKING:
    from secantus_server.javascript import Engine

MAX_TIME_MS = 2**31 - 1

# The size of the BSON document `{id: <UUID>}`.
_PLAIN_LSID_BYTES = 30
_LSID_FIELDS = frozenset(["id", "uid", "txnNumber", "txnUUID"])


def dispatch(message: Message, services: Services, client: ClientInfo) -> tuple[Request, Reply]:
    """Run the command of a message, and return the request and the reply.

    Raises:
        CommandError: the command's error, which the caller converts to a reply.
    """
    body = message.body
    name, db = next(iter(body)), body.get("$db")
    if type(db) is not str:
        raise CommandError(40571, "OP_MSG requests require a $db argument") if db is None else wrong_type("$db", db, "string")
    command = _admitted(name, services, client)
    shown = shown_command(command, message, db) if command.secrets or db == USERS_DB else body
    operation = services.operations.begin(client.connection_id, db, shown, client.users)
    if name in services.interceptors.notes_lookups_of:
        operation.notes_lookups = True
    request = Request(name, db, message, services, client, operation, shown is not body)
    outcome: Outcome | None = None
    try:
        check_generic(command, request, operation)
        arguments = command.arguments.parse(body, name) if command.arguments else {}
        for before in services.interceptors.before:
            before(request)
        if "txnNumber" in body and command.in_transaction is not InTransaction.END:
            outcome = reply = (run_statement if "autocommit" in body else run_once)(command, request, arguments, _run)
        elif request.wants_snapshot:
            outcome = reply = services.run_in_snapshot(command, request, arguments, _run)
        else:
            outcome = reply = _run(command, request, arguments)
        if request.injected is not None:
            outcome = reply = {**reply, **request.injected}
    except CommandError as error:
        outcome = error.of(services.release)
        label_error(command, request, outcome)
        outcome.info.update(request.injected or {})
        client.usage.fail(command.name)
        raise outcome from None
    finally:
        _end(command, request, outcome)
        outcome = None  # Break a reference cycle: an error's traceback refers to this frame, and thus to all objects of the command.
    return request, finish_reply(reply, services)


def _admitted(name: str, services: Services, client: ClientInfo) -> Command:
    """Return the command with a name, after checking that the client may run commands or that the command requires no authentication.

    Raises:
        CommandError: 59 CommandNotFound, 13 Unauthorized, and the error of a command that is not supported.
    """
    command = command_to_run(name)
    if services.access is not None and command.privileges.requires_auth:
        services.access.admit(name, client)
    return command


def _end(command: Command, request: Request, outcome: Outcome | None) -> None:
    """Unregister and count a finished command, and call the interceptors' `after` methods.

    After an internal error, `outcome` is None and no interceptor is called.
    """
    services, body, operation = request.services, request.body, request.operation
    unfinished = request.message.unfinished
    if unfinished is not None and unfinished.transaction is not None and (outcome is None or isinstance(outcome, CommandError)):
        # The command may have failed before `run_statement` took over the transaction, for instance by a fail point set meanwhile.
        services.sessions.transactions.abort(unfinished.transaction, None)
    services.operations.end(operation)
    if operation.engine is not None:
        _release_scripts(operation, operation.engine, outcome)
    request.seconds = services.clock.monotonic() - operation.started - operation.waited
    notes = operation.notes
    if notes is not None:
        notes.count(request.client.usage)
    target = body.get("collection") if command.name == "getMore" else body[request.name]
    key = row_key(request.db, target, command.name)
    if services.access is None or request.client.users:
        statements = (request.sequences.get(command.batch) or body.get(command.batch)) if command.batch else None
        request.client.usage.record(key, command.counter, request.seconds, len(statements) if type(statements) is list else 1)
    else:
        # Collection names are not recorded, because a client that has not authenticated could invent any number of them.
        request.client.usage.counts[command.counter] += 1
    if outcome is not None:
        if request.seconds > services.interceptors.threshold_s:
            for threshold_s, after in services.interceptors.after:
                if request.seconds > threshold_s:
                    after(request, outcome)
        for log in services.interceptors.logs:
            log(request, request.name, request.client, operation, body, request.message.raw, request.seconds, outcome)
    if notes is not None and not operation.has_cursor:
        operation.drop_notes()


def _release_scripts(operation: Operation, engine: Engine, outcome: Outcome | None) -> None:
    """Free a command's JavaScript engine, which can use much memory. If the command's cursor is still open, defer this until it is
    closed.
    """
    operation.engine = None
    cursor = outcome.get("cursor") if isinstance(outcome, dict) else None
    if cursor is None or not cursor["id"]:
        engine.close()


def _check_place(command: Command, request: Request) -> None:
    if command.admin_only and request.db != "admin":
        raise CommandError(13, f"{command.name} may only be run against the admin database.")


def check_generic(command: Command, request: Request, operation: Operation) -> None:
    """Validate the arguments that every command accepts.

    Raises:
        CommandError: an argument is invalid or not supported by this command. If the express lane (the fast path for simple commands) has
            already run the command and failed, its error.
    """
    body, unfinished = request.body, request.message.unfinished
    check_database_name(request.db)
    in_transaction = "autocommit" in body or "startTransaction" in body
    if not in_transaction:
        _check_place(command, request)
    if "$clusterTime" in body:
        take_cluster_time(body["$clusterTime"], request.services)
    if "txnNumber" in body and type(body["txnNumber"]) is not Int64:
        if body["txnNumber"] is not None:
            raise wrong_type(f"{command.name}.txnNumber", body["txnNumber"], "long")
        del body["txnNumber"]
    if "apiVersion" in body or "apiStrict" in body or "apiDeprecationErrors" in body:
        _check_api_version(command, body)
    if body.get("maxTimeMS") is not None and request.name != "getMore":
        operation.limit(_max_time_ms(command.name, body["maxTimeMS"]))
    if "lsid" in body:
        session = _session(command, request)
        # A session belongs to a user: if two users send the same UUID, they use two different sessions.
        request.session = operation.session = session + request.client.uid if request.client.uid else session
        if command.privileges.requires_auth or request.services.access is None:
            request.services.sessions.use(request.session)
    if in_transaction:
        check_transaction_options(command, request)
        _check_place(command, request)
    if body.get("readConcern") is not None:
        starts = "startTransaction" in body
        standalone = not request.services.settings.replica_set
        check_read_concern(command.name, body["readConcern"], takes_one=command.is_read or starts, starts=starts, standalone=standalone)
        _follow_read_concern(command, request)
    if body.get("writeConcern") is not None:
        check_write_concern(command.name, command.is_write, body["writeConcern"])
    if unfinished is not None and unfinished.error is not None:
        _fail_as_in_lane(unfinished, operation)


def _fail_as_in_lane(unfinished: Unfinished, operation: Operation) -> None:
    """Raise the error with which a command has failed in the express lane, after noting its plan."""
    assert unfinished.error is not None, "the command has failed"
    if unfinished.lookup is not None:
        operation.note_plan(unfinished.lookup)
    raise unfinished.error


def _follow_read_concern(command: Command, request: Request) -> None:
    """Apply a read concern: advance the operation time to its `afterClusterTime`, and set `request.wants_snapshot`.

    Raises:
        CommandError: 72 for a time after the cluster time.
    """
    concern = request.body["readConcern"]
    if "afterClusterTime" in concern:
        reach(request.services, concern["afterClusterTime"], "afterClusterTime")
    # A getMore repeats the read concern with which its cursor was opened, but the cursor already has its snapshot.
    request.wants_snapshot = concern.get("level") == "snapshot" and command.name != "getMore" and "autocommit" not in request.body


def _max_time_ms(name: str, value: Any) -> int:
    limit = exact_integer(f"{name}.maxTimeMS", value)
    if not 0 <= limit <= MAX_TIME_MS:
        raise CommandError(2, f"{limit} value for maxTimeMS is out of range [0, {MAX_TIME_MS}]")
    return limit


def _session(command: Command, request: Request) -> bytes:
    """Validate the command's `lsid` and return its UUID."""
    document = request.body["lsid"]
    if type(document) is RawDocument:
        data = document.data
        # A document of this length has no field other than the UUID.
        uuid = session_uuid(data) if len(data) == _PLAIN_LSID_BYTES else None
        return uuid or _uuid_of_user(decode(data), request)
    if type(document) is dict:
        return _uuid_of_user(document, request)
    raise wrong_type(f"{command.name}.lsid", document, "object")


def _uuid_of_user(session: dict[str, Any], request: Request) -> bytes:
    """Return the UUID in a session document, after checking that its `uid` is the digest of the client's user.

    Raises:
        CommandError: the errors of `_checked_uuid`; 13 Unauthorized for another user's session.
    """
    uuid = _checked_uuid(session)
    if request.services.access is not None and session.get("uid", request.client.uid) != request.client.uid:
        raise CommandError(UNAUTHORIZED, "Unauthorized to set user digest in LogicalSessionId")
    return uuid


def _checked_uuid(session: dict[str, Any]) -> bytes:
    """Return the UUID in a session document, or raise the same error as MongoDB if the document is malformed."""
    session_id = session.get("id")
    if session_id is None:
        raise CommandError(40414, "BSON field 'OperationSessionInfo.lsid.id' is missing but a required field")
    if type(session_id) is not Binary or session_id.subtype != 4:
        raise CommandError(14, f"BSON field 'lsid.id' is the wrong type '{type_name(session_id)}', expected type 'UUID'")
    if len(session_id) != 16:
        raise CommandError(207, "uuid must be a 16-byte binary field with UUID (4) subtype")
    if len(session) > 1:
        _check_lsid_fields(session)
    return bytes(session_id)


def _check_lsid_fields(session: dict[str, Any]) -> None:
    """Check the fields of `lsid` other than `id`.

    Raises:
        CommandError: 40415 for an unknown field, 14 for a wrong type, 72 for `txnNumber` without `txnUUID`, 238 for a child session.
    """
    for name in session.keys() - _LSID_FIELDS:
        raise CommandError(40415, f"BSON field 'OperationSessionInfo.lsid.{name}' is an unknown field.")
    if "uid" in session and type(session["uid"]) not in (Binary, bytes):
        raise wrong_type("OperationSessionInfo.lsid.uid", session["uid"], "binData")
    if "txnUUID" in session:
        raise not_supported("a child session (lsid.txnUUID)", "use a session without txnUUID")
    if "txnNumber" in session:
        raise CommandError(72, "Session id with a txnNumber must also have a txnUUID")


def _check_api_version(command: Command, body: dict[str, Any]) -> None:
    """Validate the Stable API's arguments. https://www.mongodb.com/docs/manual/reference/stable-api/"""
    version = body.get("apiVersion")
    if version is None:
        raise CommandError(4886600, "Provided apiStrict and/or apiDeprecationErrors without passing apiVersion")
    if type(version) is not str:
        raise wrong_type(f"{command.name}.apiVersion", version, "string")
    if version != "1":
        raise CommandError(322, 'API version must be "1"')
    strict = body.get("apiStrict")
    if strict is not None and truth(strict) and not command.in_api_v1:
        raise CommandError(323, f"Provided apiStrict:true, but the command {command.name} is not in API Version 1")


def _run(command: Command, request: Request, arguments: dict[str, Any]) -> Reply:
    """Run a command and, if required, wait until its writes are on disk. If its write concern cannot be satisfied, report it.

    The reply or error then contains a `writeConcernError`. For aggregate and mapReduce, `work/pipelines.py` does the waiting and
    reporting, because only that module knows whether the command wrote.
    """
    if FIELD in request.body:
        series = target_buckets(command, request)
        if series is not None:
            del request.body[FIELD]
            reply = _run(command, request, arguments)
            show_series(request, reply, series)
            return reply
    if not command.is_write or command.is_read:
        return command.run(request, arguments)
    if "writeConcern" not in request.body:
        reply = command.run(request, arguments)
        settle(request)
        return reply
    problem = write_concern_error(request.body["writeConcern"])
    told = {} if problem is None else {"writeConcernError": problem}
    try:
        reply = command.run(request, arguments)
    except CommandError as error:
        error.info.update(told)
        raise
    settle(request)
    reply.update(told)
    return reply


def finish_reply(reply: Reply, services: Services) -> Reply:
    """Add the fields that every reply contains: `ok`, and on a replica set the cluster time."""
    reply.setdefault("ok", 1.0)
    if services.settings.replica_set:
        # Read the operation time first: it must not be later than the cluster time.
        time, cluster_time = services.oplog.newest, services.oplog.cluster_time
        reply["$clusterTime"] = {"clusterTime": cluster_time, "signature": NO_SIGNATURE}
        reply["operationTime"] = time
    return reply


def error_reply(error: CommandError, services: Services) -> Reply:
    """Convert a command's error to a reply."""
    reply: Reply = {"ok": 0.0, "errmsg": error.message, "code": error.code, "codeName": error.code_name, **error.info}
    if error.labels:
        # Labels set by a fail point are in `error.info` and take precedence.
        reply.setdefault("errorLabels", list(error.labels))
    return finish_reply(reply, services)
