"""shutdown, compact and other maintenance commands.

https://www.mongodb.com/docs/manual/reference/command/nav-administration/
"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.privileges import on_cluster, on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError, not_supported
from secantus_server.work.collections import recall
from secantus_server.work.writing import check_not_view


@command("shutdown", {"force": a.boolean(), "timeoutSecs": a.number(15)}, admin_only=True, privileges=on_cluster("shutdown"))
def shutdown(request: Request, _args: dict[str, Any]) -> Reply:
    """Stop the server."""
    request.services.request_stop()
    return {}


@command("shardingState", lenient=True, admin_only=True, privileges=on_cluster("shardingState"))
def sharding_state(_request: Request, _args: dict[str, Any]) -> Reply:
    """Report that the server is not part of a sharded cluster."""
    return {"enabled": False}


@command(
    "setFeatureCompatibilityVersion",
    {"confirm": a.boolean(None), "fromConfigServer": a.anything()},
    admin_only=True,
    is_write=True,
    privileges=on_cluster("setFeatureCompatibilityVersion"),
)
def set_feature_compatibility_version(request: Request, args: dict[str, Any]) -> Reply:
    """Accept the server's own version and refuse every other version.

    Raises:
        CommandError: 7369100 without `confirm`, 4926900 for an invalid version, 238 for an older version.
    """
    version = a.own_string("setFeatureCompatibilityVersion", request.body[request.name])
    if not args["confirm"]:
        raise CommandError(
            7369100,
            "Once you have upgraded to a new version, you cannot downgrade the FCV and binary version without support assistance. "
            "Please re-run this command with 'confirm: true' to acknowledge this and continue.",
        )
    release = request.services.release
    if version in release.older:
        raise not_supported(f"the feature compatibility version {version}", f"leave it at {release.name}")
    if version != release.name:
        expected = " or ".join(f"'{name}'" for name in (*release.older, release.name))
        raise CommandError(4926900, f"Invalid feature compatibility version value '{version}'; expected {expected}.")
    return {}


@command("compact", {"force": a.boolean(), "freeSpaceTargetMB": a.number(), "dryRun": a.boolean()}, privileges=on_collection("compact"))
def compact(request: Request, args: dict[str, Any]) -> Reply:
    """Report that no space was freed. The store reuses the space of deleted documents, so compaction is not needed."""
    name = collection_name("compact", request.db, request.body[request.name])
    collection = recall(request.services, request.db, name)
    if collection is None:
        raise CommandError(26, f"collection {request.db}.{name} does not exist")
    check_not_view(collection)
    return {"estimatedBytesFreed" if args["dryRun"] else "bytesFreed": 0}
