"""currentOp, killOp and lockInfo.

https://www.mongodb.com/docs/manual/reference/command/currentOp/
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from secantus_server.auth.privileges import Grants
from secantus_server.bson import encode, is_number, to_decimal
from secantus_server.bson.numbers import INT32_MAX, INT32_MIN
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import Authorized, on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.mql.match import NO_SCRIPT, parse_match
from secantus_server.work.current_operations import current_operations

# The fields of a currentOp command that are not conditions on the listed operations.
_OPTIONS = frozenset(["currentOp", "$all", "$ownOps", *a.GENERIC])


def _may_list(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may run this currentOp. Listing only the user's own operations requires no privilege."""
    return bool(call.body.get("$ownOps")) or "inprog" in grants.on_cluster()


def _may_kill(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may kill the given operation. Killing an operation of the same user requires no privilege."""
    if "killop" in grants.on_cluster():
        return True
    opid = call.body.get("op")
    return any(one.opid == opid and one.users == call.client.users for one in call.services.operations.all())


@command("currentOp", lenient=True, admin_only=True, privileges=on_cluster(by_arguments=("inprog",), check=_may_list))
def current_op(request: Request, _args: dict[str, Any]) -> Reply:
    """List the running operations."""
    conditions = {key: value for key, value in request.body.items() if key not in _OPTIONS}
    match = parse_match(conditions, request.parse_context(), forbidden=NO_SCRIPT)
    everything = bool(request.body.get("$all"))
    own_only = request.services.access is not None and bool(request.body.get("$ownOps"))
    options = {"idleConnections": everything, "idleCursors": everything}
    operations = current_operations(request.services, options, request.client.users if own_only else None)
    reply: Reply = {"inprog": [operation for operation in operations if match.matches(encode(operation))]}
    return {**reply, "fsyncLock": True} if request.services.fsync_lock.is_held else reply


@command("killOp", lenient=True, admin_only=True, privileges=on_cluster(by_arguments=("killop",), check=_may_kill))
def kill_op(request: Request, _args: dict[str, Any]) -> Reply:
    """Kill a running operation."""
    request.services.operations.kill(_operation_id(request.body))
    return {"info": "attempting to kill op"}


def _operation_id(body: dict[str, Any]) -> int:
    """Return the id of the operation to kill.

    Raises:
        CommandError: 4 if the id is missing, 14 if it is not a number, 2 for a fraction, 26823 if it does not fit into an int32.
    """
    if "op" not in body:
        raise CommandError(4, 'Did not provide "op" field')
    if not is_number(body["op"]):
        raise a.wrong_type("killOp.op", body["op"], "number")
    # Exactly, unlike `to_decimal`, which keeps 15 digits of a double.
    number = Decimal(body["op"]) if type(body["op"]) is float else to_decimal(body["op"])
    if not number.is_finite() or number != number.to_integral_value():
        raise CommandError(2, f"The op of killOp must be a whole number, not {body['op']}")
    if not INT32_MIN <= number <= INT32_MAX:
        raise CommandError(26823, f"The op of killOp must be an int32, not {body['op']}")
    return int(number)


@command("lockInfo", {}, admin_only=True, privileges=on_cluster("serverStatus"))
def lock_info(_request: Request, _args: dict[str, Any]) -> Reply:
    """Return an empty list of locks, because this server isolates writers with transactions instead of locks."""
    return {"lockInfo": []}
