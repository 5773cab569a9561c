"""applyOps: applies entries of an oplog, as mongorestore --oplogReplay does.

https://www.mongodb.com/docs/manual/reference/command/applyOps/
"""

from __future__ import annotations

from typing import Any

from secantus_server.auth.privileges import ANY_ACTION, Grants
from secantus_server.bson import type_name
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import Authorized, on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError, not_supported
from secantus_server.work.apply_operations import apply_operation

# The actions of the entries on documents.
_ACTIONS = {"i": "insert", "u": "update", "d": "remove"}


def _may_apply(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may change the documents that the entries change; an entry of a command requires every privilege."""
    operations = call.body[call.name]
    return type(operations) is not list or all(_may_apply_one(entry, grants) for entry in operations)


def _may_apply_one(entry: Any, grants: Grants) -> bool:
    if type(entry) is not dict or entry.get("op") == "n" or type(entry.get("ns")) is not str:
        # It does nothing, or it is malformed.
        return True
    db, _, collection = entry["ns"].partition(".")
    action = _ACTIONS.get(entry.get("op"))
    return ANY_ACTION in grants.on_cluster() if action is None else action in grants.on(db, collection)


@command(
    "applyOps",
    {
        "allowAtomic": a.boolean(True),
        "alwaysUpsert": a.boolean(True),
        "oplogApplicationMode": a.string(),
        "preCondition": a.anything(),
    },
    admin_only=True,
    is_write=True,
    privileges=on_cluster("applyOps", by_arguments=("insert", "update", "remove"), check=_may_apply),
)
def apply_ops(request: Request, args: dict[str, Any]) -> Reply:
    """Apply entries of an oplog, one after the other, up to the first that fails."""
    operations = request.body[request.name]
    if type(operations) is not list:
        raise CommandError(14, f"BSON field 'applyOps.applyOps' is the wrong type '{type_name(operations)}', expected type 'array'")
    if args["preCondition"]:
        raise not_supported("applyOps with preCondition", "check the documents before")
    applied = 0
    for entry in operations:
        request.operation.check()
        try:
            apply_operation(request, entry)
        except CommandError as error:
            error.info.update({"applied": applied + 1, "results": [True] * applied + [False]})
            raise
        applied += 1
    return {"applied": applied, "results": [True] * applied}
