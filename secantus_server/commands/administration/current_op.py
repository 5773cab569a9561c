"""currentOp, killOp and lockInfo.

https://www.mongodb.com/docs/manual/reference/command/currentOp/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.mql.match import parse_match
from secantus_server.work.current_operations import current_operations

# The fields of the command that are not part of the filter on operations.
_OPTIONS = frozenset(["currentOp", "$all", "$ownOps", *a.GENERIC])


@command("currentOp", lenient=True, admin_only=True, privileges=on_cluster("inprog"))
def current_op(request: Request, _args: dict[str, Any]) -> Reply:
    """List the running operations."""
    conditions = {key: value for key, value in request.body.items() if key not in _OPTIONS}
    match = parse_match(conditions, request.parse_context())
    # `$ownOps` has no effect: operations do not belong to users.
    everything = bool(request.body.get("$all"))
    operations = current_operations(request.services, {"idleConnections": everything, "idleCursors": everything})
    reply: Reply = {"inprog": [operation for operation in operations if match.matches(encode(operation))]}
    return {**reply, "fsyncLock": True} if request.services.fsync_lock.is_held else reply


@command("killOp", {"op": a.anything(required=True)}, admin_only=True, privileges=on_cluster(by_arguments=("killop",)))
def kill_op(request: Request, args: dict[str, Any]) -> Reply:
    """End a running operation."""
    request.services.operations.kill(a.exact_integer("killOp.op", args["op"]))
    return {"info": "attempting to kill op"}


@command("lockInfo", lenient=True, admin_only=True, privileges=on_cluster("serverStatus"))
def lock_info(_request: Request, _args: dict[str, Any]) -> Reply:
    """List the held locks: none, since transactions isolate the writers."""
    return {"lockInfo": []}
