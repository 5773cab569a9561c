"""shutdown, fsync, compact and other maintenance commands.

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
from secantus_server.version import FEATURE_COMPATIBILITY
from secantus_server.work.collections import recall
from secantus_server.work.writing import check_not_view

# The version that 8.2 can be downgraded to.
OLDER_COMPATIBILITY = "8.0"


@command("shutdown", {"force": a.boolean(), "timeoutSecs": a.number(15)}, admin_only=True, privileges=on_cluster("shutdown"))
def shutdown(request: Request, _args: dict[str, Any]) -> Reply:
    """Stop the server."""
    request.services.request_stop()
    return {}


def _int32(name: str, value: Any) -> int:
    if type(value) is not int:
        raise a.wrong_type(name, value, "int")
    return value


@command(
    "fsync",
    {"lock": a.boolean(), "async": a.boolean(), "fsyncLockAcquisitionTimeoutMillis": a.Field(_int32)},
    admin_only=True,
    privileges=on_cluster("fsync"),
)
def fsync(request: Request, args: dict[str, Any]) -> Reply:
    """Write a checkpoint to disk."""
    if args["lock"]:
        raise not_supported("fsync with lock", "stop the server and copy its data directory")
    request.services.engine.checkpoint()
    return {"numFiles": 1}


@command("fsyncUnlock", lenient=True, admin_only=True, privileges=on_cluster("unlock"))
def fsync_unlock(_request: Request, _args: dict[str, Any]) -> Reply:
    """Refuse to release the fsync lock, since fsync cannot take it.

    Raises:
        CommandError: 20 IllegalOperation.
    """
    raise CommandError(20, "fsyncUnlock called when not locked")


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
    """Accept the server's own version and refuse any other.

    Raises:
        CommandError: 7369100 without `confirm`, 2 for an invalid version, 238 for the older version.
    """
    version = a.own_string("setFeatureCompatibilityVersion", request.body[request.name])
    if not args["confirm"]:
        raise CommandError(
            7369100,
            "Once you have upgraded to a new version, you cannot downgrade the FCV and binary version without support assistance. "
            "Please re-run this command with 'confirm: true' to acknowledge this and continue.",
        )
    if version == OLDER_COMPATIBILITY:
        raise not_supported(f"the feature compatibility version {OLDER_COMPATIBILITY}", f"leave it at {FEATURE_COMPATIBILITY}")
    if version != FEATURE_COMPATIBILITY:
        raise CommandError(2, f"Invalid feature compatibility version value '{version}'; expected '{OLDER_COMPATIBILITY}' or "
                              f"'{FEATURE_COMPATIBILITY}'.")  # fmt: skip
    return {}


@command("compact", {"force": a.boolean(), "freeSpaceTargetMB": a.number(), "dryRun": a.boolean()}, privileges=on_collection("compact"))
def compact(request: Request, args: dict[str, Any]) -> Reply:
    """Report that no space was freed: the store reuses the space of deleted documents without this command."""
    name = collection_name("compact", request.db, request.body[request.name])
    collection = recall(request.services, request.db, name)
    if collection is None:
        raise CommandError(26, f"collection {request.db}.{name} does not exist")
    check_not_view(collection)
    return {"estimatedBytesFreed" if args["dryRun"] else "bytesFreed": 0}
