"""The documents of `system.profile`.

They have only the fields known after a command has run, not the numbers of examined keys and documents.
https://www.mongodb.com/docs/manual/reference/database-profiler/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secantus_server.bson import RawArray, decode, encode
from secantus_server.bson.shell import document_text
from secantus_server.bson.values import Date
from secantus_server.errors import CommandError

if TYPE_CHECKING:
    from secantus_server.clock import Clock
    from secantus_server.dispatch.interceptors import Call, Outcome
    from secantus_server.dispatch.operations import Operation
    from secantus_server.wire.message import Message

# A larger command is reported as a string truncated at this length.
MAX_COMMAND_BYTES = 50 * 1024

_OPERATIONS = {"find": "query", "getMore": "getmore", "insert": "insert", "update": "update", "delete": "remove"}
_STATEMENTS = {"update": "updates", "delete": "deletes"}
_OF_UPSERTS = ("nUpserted", "upsert")
_COUNTS = {
    "insert": {"n": "ninserted"}, "update": {"n": "nMatched", "nModified": "nModified"}, "delete": {"n": "ndeleted"},
    "findAndModify": {}, "count": {}, "distinct": {},
}  # fmt: skip


def operation_name(command: str) -> str:
    """Return the value of `op` for a command, in the profiler and in currentOp."""
    return _OPERATIONS.get(command, "command")


def profile_entries(call: Call, result: Outcome, clock: Clock) -> list[dict[str, Any]]:
    """Return the profiler's documents for a command: one, or one for each statement of an update or delete."""
    name, operation, client = call.name, call.operation, call.client
    target = operation.body.get("collection") if name == "getMore" else operation.body[name]
    head: dict[str, Any] = {
        "op": operation_name(name),
        "ns": f"{operation.db}.{target}" if type(target) is str else f"{operation.db}.$cmd",
    }
    tail = {
        **_outcome(name, result),
        "protocol": "op_msg",
        "millis": int(call.seconds * 1000),
        "ts": Date(clock.now_ms()),
    }
    tail |= {"client": client.address[0]}
    if client.application:
        tail["appName"] = client.application
    tail |= {"allUsers": [{"user": user, "db": db} for user, db in client.users]}
    tail["user"] = "@".join(client.users[0]) if client.users else ""
    statements = _statements(name, operation, call.message)
    if len(statements) > 1:
        # The counts of single statements are not known, only their sum.
        unknown = (*_COUNTS[name].values(), *_OF_UPSERTS)
        tail = {field: value for field, value in tail.items() if field not in unknown}
    return [{**head, "command": _shortened(statement), **tail} for statement in statements]


def _statements(name: str, operation: Operation, message: Message) -> list[dict[str, Any]]:
    body = dict(operation.body)
    for field, documents in message.sequences.items():
        body[field] = [decode(document) for document in documents]
    field = _STATEMENTS.get(name, "")
    found = body.get(field)
    if type(found) is list and found and all(type(statement) is dict for statement in found):
        comment = {"comment": body["comment"]} if "comment" in body else {}
        return [{**_with_parsed_hint(statement), **comment} for statement in found]
    return [body]


def _with_parsed_hint(statement: dict[str, Any]) -> dict[str, Any]:
    """Return a statement with an index name as hint in MongoDB's format."""
    return {**statement, "hint": {"$hint": statement["hint"]}} if type(statement.get("hint")) is str else statement


def _shortened(command: dict[str, Any]) -> dict[str, Any]:
    if len(encode(command)) <= MAX_COMMAND_BYTES:
        return command
    return {"$truncated": document_text(decode(encode(command)))[:MAX_COMMAND_BYTES]}


def _outcome(name: str, result: Outcome) -> dict[str, Any]:
    if isinstance(result, CommandError):
        return {"ok": 0.0, "errMsg": result.message, "errName": result.code_name, "errCode": result.code}
    outcome: dict[str, Any] = {}
    cursor = result.get("cursor")
    if type(cursor) is dict:
        if cursor.get("id"):
            outcome["cursorid"] = cursor["id"]
        else:
            outcome["cursorExhausted"] = True
        outcome["nreturned"] = _length(cursor.get("firstBatch", cursor.get("nextBatch")))
    for field, shown in _COUNTS.get(name, {}).items():
        outcome[shown] = result.get(field, 0)
    upserted = len(result.get("upserted", ()))
    if upserted:
        # The `n` of a reply includes upserts.
        outcome |= {"nMatched": outcome["nMatched"] - upserted, "nUpserted": upserted, "upsert": True}
    if "writeErrors" in result:
        first = result["writeErrors"][0]
        outcome |= {"errMsg": first["errmsg"], "errCode": first["code"]}
    return outcome


def _length(batch: Any) -> int:
    return len(batch.documents) if type(batch) is RawArray else len(batch or [])
