"""replSetResizeOplog: changes the maximum size and the minimum retention time of the oplog.

https://www.mongodb.com/docs/manual/reference/command/replSetResizeOplog/
"""

from __future__ import annotations

import math
from typing import Any

from secantus_server.bson.numbers import to_float
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.oplog.retention import MEGABYTE

MIN_SIZE_MB = 990
MAX_SIZE_MB = 1024**3


@command(
    "replSetResizeOplog",
    {"size": a.number(), "minRetentionHours": a.number()},
    admin_only=True,
    privileges=on_cluster("replSetResizeOplog"),
)
def repl_set_resize_oplog(request: Request, args: dict[str, Any]) -> Reply:
    """Change the maximum size or the minimum retention time of the oplog. The change persists across restarts.

    Raises:
        CommandError: 76 on a standalone server, 2 for an invalid size or time, 72 if both are missing.
    """
    if not request.services.settings.replica_set:
        raise CommandError(76, "replSetResizeOplog can only be run on a replica set")
    size_mb, hours = args["size"], args["minRetentionHours"]
    if size_mb is None and hours is None:
        raise CommandError(72, "replSetResizeOplog: set size, minRetentionHours, or both")
    if size_mb is not None:
        _check_between("size", size_mb, MIN_SIZE_MB, MAX_SIZE_MB)
    if hours is not None:
        _check_between("minRetentionHours", hours, 0, math.inf)
    request.services.oplog.resize(None if size_mb is None else int(to_float(size_mb) * MEGABYTE), hours)
    return {}


def _check_between(name: str, value: Any, minimum: float, maximum: float) -> None:
    number = to_float(value)
    if not minimum <= number <= maximum:
        limit = f"<= {maximum}" if number > maximum else f">= {minimum}"
        raise CommandError(2, f"BSON field '{name}' value must be {limit}, actual value '{value}'")
