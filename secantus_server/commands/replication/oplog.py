"""replSetResizeOplog and appendOplogNote.

https://www.mongodb.com/docs/manual/reference/command/replSetResizeOplog/
"""

from __future__ import annotations

import math
from typing import Any

from bson.timestamp import Timestamp

from secantus_server.bson import encode
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
    """Change how much of the oplog is kept; the change survives a restart.

    Raises:
        CommandError: 76 on a standalone server, 2 for an invalid size or time, 72 if neither is given.
    """
    _check_replica_set(request, "replSetResizeOplog")
    size_mb, hours = args["size"], args["minRetentionHours"]
    if size_mb is None and hours is None:
        raise CommandError(72, "replSetResizeOplog: set size, minRetentionHours, or both")
    if size_mb is not None:
        _check_between("size", size_mb, MIN_SIZE_MB, MAX_SIZE_MB)
    if hours is not None:
        _check_between("minRetentionHours", hours, 0, math.inf)
    request.services.oplog.resize(None if size_mb is None else int(float(str(size_mb)) * MEGABYTE), hours)
    return {}


@command("appendOplogNote", lenient=True, admin_only=True, privileges=on_cluster("appendOplogNote"))
def append_oplog_note(request: Request, _args: dict[str, Any]) -> Reply:
    """Write an entry to the oplog that changes nothing.

    Raises:
        CommandError: 76 on a standalone server, 4 without a note, 14 for a wrong type, 209 if the cluster time has passed `maxClusterTime`.
    """
    _check_replica_set(request, "appendOplogNote")
    body, oplog = request.body, request.services.oplog
    latest = body.get("maxClusterTime")
    if latest is not None and type(latest) is not Timestamp:
        raise a.wrong_type("maxClusterTime", latest, "timestamp")
    if "data" not in body:
        raise CommandError(4, 'Missing expected field "data"')
    if type(body["data"]) is not dict:
        raise a.wrong_type("data", body["data"], "object")
    if latest is not None and oplog.newest > latest:
        raise CommandError(209, f"Requested maxClusterTime {latest} is less than the node's time {oplog.newest}")
    oplog.write_note(encode(body["data"]))
    return {}


def _check_replica_set(request: Request, name: str) -> None:
    if not request.services.settings.replica_set:
        raise CommandError(76, f"{name} can only be run on a replica set")


def _check_between(name: str, value: Any, minimum: float, maximum: float) -> None:
    number = float(str(value))
    if not minimum <= number <= maximum:
        limit = f"<= {maximum}" if number > maximum else f">= {minimum}"
        raise CommandError(2, f"BSON field '{name}' value must be {limit}, actual value '{value}'")
