"""autoCompact, dropConnections, setIndexCommitQuorum and reIndex.

https://www.mongodb.com/docs/manual/reference/command/nav-administration/

These commands have no effect in this server, because it is a single node whose store reuses free space.
"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.argument_values import as_strict_boolean
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.privileges import on_cluster, on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError, not_supported
from secantus_server.work.collections import recall

# The key under which the options of autoCompact are stored while it is enabled. They are stored with the parameters, so that restoring a
# snapshot resets them.
AUTO_COMPACT = "cluster:autoCompact"


@command(
    "autoCompact",
    {"freeSpaceTargetMB": a.number(minimum=1), "runOnce": a.strict_boolean()},
    admin_only=True,
    privileges=on_cluster("compact"),
)
def auto_compact(request: Request, args: dict[str, Any]) -> Reply:
    """Store the setting of automatic compaction.

    It has no effect: the store reuses the space of deleted documents, so compaction would free nothing.
    """
    if request.body[request.name] is None:
        raise CommandError(40414, "BSON field 'autoCompact.autoCompact' is missing but a required field")
    enabled = as_strict_boolean("autoCompact.autoCompact", request.body[request.name])
    services = request.services
    config = None
    if enabled:
        config = {"freeSpaceTargetMB": args["freeSpaceTargetMB"], "runOnce": args["runOnce"]}
        if args["freeSpaceTargetMB"] is not None:
            _check_target(args["freeSpaceTargetMB"])
        if services.parameters.get(AUTO_COMPACT) not in (None, config):
            raise CommandError(23, "autoCompact is already enabled with other options: disable it first")
    services.parameters = {**services.parameters, AUTO_COMPACT: None if args["runOnce"] else config}
    return {}


def _check_target(megabytes: int) -> None:
    """Check that `freeSpaceTargetMB` is at least one megabyte, and that the target in bytes fits into a signed 64-bit integer.

    Raises:
        CommandError: 2 BadValue.
    """
    product = (megabytes << 20) & 0xFFFFFFFFFFFFFFFF
    if not 1 << 20 <= product < 1 << 63:
        raise CommandError(2, f"freeSpaceTargetMB is out of range: {megabytes}")


def _hosts(name: str, value: Any) -> list[Any]:
    for index, host in enumerate(a.array().check(name, value)):
        if host is not None and type(host) is not str:
            raise a.wrong_type(f"{name}.{index}", host, "string")
        if host is not None:
            _check_host(host)
    return value  # type: ignore[no-any-return]


def _check_host(text: str) -> None:
    """Check that a text has the form `host:port` or `host`. An IPv6 address with a port must be enclosed in brackets.

    Raises:
        CommandError: 9 FailedToParse.
    """
    host, colon, port = text.rpartition(":") if text.rpartition("]")[2].count(":") == 1 else (text, "", "")
    is_bracketed = host.startswith("[") and host.index("]") == len(host) - 1 if "]" in host else False
    if not host or (":" in host and not is_bracketed):
        raise CommandError(9, f"Malformed host: {text!r}")
    if colon and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise CommandError(9, f"Malformed port in {text!r}")


@command("dropConnections", {"hostAndPort": a.Field(_hosts, required=True)}, admin_only=True, privileges=on_cluster("dropConnections"))
def drop_connections(_request: Request, _args: dict[str, Any]) -> Reply:
    """Do nothing, because the server has no connections to other servers."""
    return {}


@command(
    "setIndexCommitQuorum",
    {"indexNames": a.array(required=True), "commitQuorum": a.anything(required=True)},
    privileges=on_collection("createIndex"),
)
def set_index_commit_quorum(request: Request, _args: dict[str, Any]) -> Reply:
    """Raise an error. The command applies to a running index build, and no index is being built while this command runs.

    Raises:
        CommandError: 26 NamespaceNotFound, 27 IndexNotFound.
    """
    name = collection_name("setIndexCommitQuorum", request.db, request.body[request.name])
    if recall(request.services, request.db, name) is None:
        raise CommandError(26, f"Collection '{request.db}.{name}' does not exist")
    raise CommandError(27, f"Cannot find an index build on collection '{request.db}.{name}' with the provided index names")


@command("reIndex", {}, is_write=True, privileges=on_collection("reIndex"))
def re_index(request: Request, _args: dict[str, Any]) -> Reply:
    """Raise an error, as a member of a replica set does.

    Raises:
        CommandError: 20 IllegalOperation, or 238 on a standalone server.
    """
    if request.services.settings.replica_set:
        raise CommandError(20, "reIndex is only allowed on a standalone mongod instance. Cannot reIndex collection when replicated")
    raise not_supported("the command reIndex", "drop the index and create it again")
