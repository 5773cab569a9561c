"""shutdown, fsync and compact: what an operator asks of a server.

https://www.mongodb.com/docs/manual/reference/command/nav-administration/
"""

from __future__ import annotations

from typing import Any

from secantus_server.commands import arguments as a
from secantus_server.commands.names import collection_name
from secantus_server.commands.registry import Reply, command
from secantus_server.commands.request import Request
from secantus_server.commands.writing import check_not_view
from secantus_server.errors import CommandError, not_supported


@command("shutdown", {"force": a.boolean(), "timeoutSecs": a.number(15)}, admin_only=True)
def shutdown(request: Request, _args: dict[str, Any]) -> Reply:
    """Stop the server."""
    request.services.request_stop()
    return {}


@command("fsync", {"lock": a.boolean(), "async": a.boolean(), "fsyncLockAcquisitionTimeoutMillis": a.anything()}, admin_only=True)
def fsync(request: Request, args: dict[str, Any]) -> Reply:
    """Write everything to the disk."""
    if args["lock"]:
        raise not_supported("fsync with lock", "copy the data after stopping the server")
    request.services.engine.checkpoint()
    return {"numFiles": 1}


@command("compact", {"force": a.boolean(), "freeSpaceTargetMB": a.number(), "dryRun": a.boolean()})
def compact(request: Request, args: dict[str, Any]) -> Reply:
    """Give back the room of deleted documents: the store does so by itself, so nothing is freed here."""
    name = collection_name("compact", request.db, request.body[request.name])
    collection = request.services.catalog.recall(request.db, name)
    if collection is None:
        raise CommandError(26, f"collection {request.db}.{name} does not exist")
    check_not_view(collection)
    return {"estimatedBytesFreed" if args["dryRun"] else "bytesFreed": 0}
