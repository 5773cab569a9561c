"""The documents of `system.profile`.

https://www.mongodb.com/docs/manual/reference/database-profiler/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secantus_server.bson import decode, encode
from secantus_server.bson.shell import document_text
from secantus_server.bson.values import Date
from secantus_server.dispatch.concealed import shown_error
from secantus_server.errors import CommandError
from secantus_server.work.operation_details import cursor_details, execution_stages, lock_counts, namespace_of, plan_details, reply_length

if TYPE_CHECKING:
    from secantus_server.clock import Clock
    from secantus_server.dispatch.interceptors import Call, Outcome
    from secantus_server.wire.message import Message

# A longer command is reported as a string truncated to this length.
MAX_COMMAND_BYTES = 50 * 1024

_OPERATIONS = {"find": "query", "getMore": "getmore", "insert": "insert", "update": "update", "delete": "remove"}
_STATEMENTS = {"update": "updates", "delete": "deletes"}
_OF_UPSERTS = ("nUpserted", "upsert")
_COUNTS = {
    "insert": {"n": "ninserted"}, "update": {"n": "nMatched", "nModified": "nModified"}, "delete": {"n": "ndeleted"},
    "findAndModify": {}, "count": {}, "distinct": {},
}  # fmt: skip


def operation_name(command: str) -> str:
    """Return the value of the field `op` that describes a command in the profiler and in currentOp."""
    return _OPERATIONS.get(command, "command")


def profile_entries(call: Call, result: Outcome, clock: Clock) -> list[dict[str, Any]]:
    """Return the profiler's documents for a command. An update or delete has one document for each statement."""
    name, operation, client = call.name, call.operation, call.client
    head: dict[str, Any] = {"op": operation_name(name), "ns": namespace_of(call)}
    origin = {} if operation.origin is None else {"originatingCommand": _shortened(operation.origin.body)}
    plan = plan_details(call)
    summary = {"planSummary": plan.pop("planSummary")} if plan else {}
    tail = {
        **origin,
        **plan,
        **_outcome(call, result),
        "locks": lock_counts(call),
        "responseLength": reply_length(call, result),
        "protocol": "op_msg",
        "millis": int(call.seconds * 1000),
        **summary,
        **execution_stages(call),
        "ts": Date(clock.now_ms()),
    }
    tail |= {"client": client.address[0]}
    if client.application:
        tail["appName"] = client.application
    tail |= {"allUsers": [{"user": user, "db": db} for user, db in client.users]}
    tail["user"] = "@".join(client.users[0]) if client.users else ""
    statements = [operation.body] if call.is_concealed else _statements(name, call.message)
    if len(statements) > 1:
        # Omit values that are only known as sums over all statements.
        unknown = (*_COUNTS[name].values(), *_OF_UPSERTS, *plan, "planSummary", "execStats", "responseLength")
        tail = {field: value for field, value in tail.items() if field not in unknown}
    return [{**head, "command": _shortened(statement), **tail} for statement in statements]


def _statements(name: str, message: Message) -> list[dict[str, Any]]:
    body = dict(message.body)
    for field, documents in message.sequences.items():
        body[field] = [decode(document) for document in documents]
    field = _STATEMENTS.get(name, "")
    found = body.get(field)
    if type(found) is list and found and all(type(statement) is dict for statement in found):
        comment = {"comment": body["comment"]} if "comment" in body else {}
        return [{**_with_parsed_hint(statement), **comment} for statement in found]
    return [body]


def _with_parsed_hint(statement: dict[str, Any]) -> dict[str, Any]:
    """Return a statement after converting its hint, if it is an index name, to MongoDB's document form."""
    return {**statement, "hint": {"$hint": statement["hint"]}} if type(statement.get("hint")) is str else statement


def _shortened(command: dict[str, Any]) -> dict[str, Any]:
    """Return a command, its text if it is too long, or the names of its fields if it is nested too deeply for an entry."""
    try:
        encoded = encode({"command": command})
    except CommandError:
        return {"$truncated": ", ".join(command)[:MAX_COMMAND_BYTES]}
    if len(encoded) <= MAX_COMMAND_BYTES:
        return command
    return {"$truncated": document_text(decode(encoded)["command"])[:MAX_COMMAND_BYTES]}


def _outcome(call: Call, result: Outcome) -> dict[str, Any]:
    if isinstance(result, CommandError):
        return {"ok": 0.0, "errMsg": shown_error(call, result.message), "errName": result.code_name, "errCode": result.code}
    outcome: dict[str, Any] = cursor_details(result)
    for field, shown in _COUNTS.get(call.name, {}).items():
        outcome[shown] = result.get(field, 0)
    upserted = len(result.get("upserted", ()))
    if upserted:
        # In the reply, `n` includes upserts.
        outcome |= {"nMatched": outcome["nMatched"] - upserted, "nUpserted": upserted, "upsert": True}
    if "writeErrors" in result:
        first = result["writeErrors"][0]
        outcome |= {"errMsg": shown_error(call, first["errmsg"]), "errCode": first["code"]}
    return outcome
