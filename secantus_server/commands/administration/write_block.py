"""setUserWriteBlockMode: blocks clients' writes to all databases except admin, config and local.

https://www.mongodb.com/docs/manual/reference/command/setUserWriteBlockMode/
"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.parameters import USER_WRITE_BLOCK
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError

_REASONS = ("Unspecified", "ClusterToClusterMigrationInProgress", "DiskUseThresholdExceeded")


@command(
    "setUserWriteBlockMode",
    {"global": a.strict_boolean(None), "reason": a.string()},
    admin_only=True,
    privileges=on_cluster("setUserWriteBlockMode"),
)
def set_user_write_block_mode(request: Request, args: dict[str, Any]) -> Reply:
    """Block or allow writes to user databases."""
    if args["global"] is None:
        raise CommandError(40414, "BSON field 'setUserWriteBlockMode.global' is missing but a required field")
    if args["reason"] not in (None, *_REASONS):
        raise CommandError(2, f"Enumeration value '{args['reason']}' for field 'setUserWriteBlockMode.reason' is not a valid value.")
    services = request.services
    reason, before = args["reason"] or _REASONS[0], services.parameters.get(USER_WRITE_BLOCK)
    if before and before != reason:
        raise CommandError(20, f"Writes are blocked for the reason {before}, not {reason}")
    services.parameters = {**services.parameters, USER_WRITE_BLOCK: reason if args["global"] else None}
    services.interceptors.refresh()
    return {}
