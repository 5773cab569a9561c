"""replSetStepDown, replSetFreeze and replSetStepUp, for a replica set of one member.

https://www.mongodb.com/docs/manual/reference/command/replSetStepDown/

After a step-down, the member soon becomes primary again without a further command; see `Topology`. Connections stay open.
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import is_number
from secantus_server.commands.replication.replica_set import check_replica_set
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.argument_values import whole_number
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command, find_command, is_command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError

DEFAULT_STEP_DOWN_S = 60
DEFAULT_CATCH_UP_S = 10
_INTERRUPTED = 11602


@command(
    "replSetStepDown",
    {"secondaryCatchUpPeriodSecs": a.number(), "force": a.boolean()},
    admin_only=True,
    privileges=on_cluster("replSetStateChange"),
)
def repl_set_step_down(request: Request, args: dict[str, Any]) -> Reply:
    """Change the primary to a secondary for a limited time. Abort open transactions and interrupt running writes.

    Raises:
        CommandError: 76 on a standalone server, 2 for invalid periods, 10107 on a secondary.
    """
    check_replica_set(request)
    seconds = _seconds(request, "stepdown period") or DEFAULT_STEP_DOWN_S
    catch_up = args["secondaryCatchUpPeriodSecs"]
    if catch_up is None:
        catch_up = 0 if args["force"] else DEFAULT_CATCH_UP_S
    if catch_up < 0:
        raise CommandError(2, "secondaryCatchUpPeriodSecs period must be a positive or absent")
    if seconds < catch_up:
        raise CommandError(2, "stepdown period must be longer than secondaryCatchUpPeriodSecs")
    services = request.services
    if not services.topology.step_down(seconds):
        raise CommandError(10107, "not primary so can't step down", info={"topologyVersion": services.topology.version()})
    _interrupt_writes(request)
    return {}


@command("replSetFreeze", lenient=True, admin_only=True, privileges=on_cluster("replSetStateChange"))
def repl_set_freeze(request: Request, _args: dict[str, Any]) -> Reply:
    """Prevent a secondary from becoming primary for the given number of seconds. 0 permits its election again.

    Raises:
        CommandError: 76 on a standalone server, 2 for an invalid period, 95 for a period on the primary.
    """
    check_replica_set(request)
    seconds = _seconds(request, "freeze period")
    request.services.topology.check_election()
    if not request.services.topology.freeze(seconds) and seconds:
        raise CommandError(95, "cannot freeze node when primary or running for election. state: Primary")
    return {} if seconds else {"info": "unfreezing"}


@command("replSetStepUp", lenient=True, admin_only=True, privileges=on_cluster("replSetStateChange"))
def repl_set_step_up(request: Request, _args: dict[str, Any]) -> Reply:
    """Make this node the primary immediately."""
    check_replica_set(request)
    request.services.topology.elect()
    return {}


def _seconds(request: Request, what: str) -> int:
    """Return the command's main argument as a number of seconds.

    Raises:
        CommandError: 2 BadValue.
    """
    value = request.body[request.name]
    number = whole_number(value) if is_number(value) else int(value) if type(value) is bool else -1
    if number < 0:
        raise CommandError(2, f"{what} must be a non-negative integer")
    return number


def _interrupt_writes(request: Request) -> None:
    """Interrupt running writes and abort open transactions, because a secondary cannot continue them."""
    services = request.services
    message = "operation was interrupted because the node stepped down"
    for operation in services.operations.all():
        name = next(iter(operation.body))
        if operation is not request.operation and is_command(name) and find_command(name).is_write and not find_command(name).is_read:
            operation.interrupt(CommandError(_INTERRUPTED, message))
        elif name == "getMore" and operation.wake is not None:
            # Wake the operation, so that it notices the new role. The new role may end a change stream.
            operation.wake()
    services.sessions.transactions.abort_where(lambda _transaction: True, CommandError(_INTERRUPTED, message))
