"""autoCompact, dropConnections, setIndexCommitQuorum and reIndex: commands whose work a single node that reuses its space does not need.

https://www.mongodb.com/docs/manual/reference/command/nav-administration/
"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.argument_values import as_boolean
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.privileges import on_cluster, on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError, not_supported
from secantus_server.work.collections import recall


@command(
    "autoCompact",
    {"freeSpaceTargetMB": a.number(minimum=1), "runOnce": a.boolean()},
    admin_only=True,
    privileges=on_cluster("compact"),
)
def auto_compact(request: Request, args: dict[str, Any]) -> Reply:
    """Accept the setting: the store reuses the space of deleted documents, and a background compaction would find nothing to free."""
    enabled = as_boolean("autoCompact.autoCompact", request.body[request.name])
    if not enabled and (args["freeSpaceTargetMB"] is not None or args["runOnce"]):
        raise CommandError(72, "freeSpaceTargetMB and runOnce can only be used to enable autoCompact")
    return {}


@command("dropConnections", {"hostAndPort": a.array(required=True)}, admin_only=True, privileges=on_cluster("dropConnections"))
def drop_connections(_request: Request, _args: dict[str, Any]) -> Reply:
    """Close the connections to other servers: there are none."""
    return {}


@command(
    "setIndexCommitQuorum",
    {"indexNames": a.array(required=True), "commitQuorum": a.anything(required=True)},
    privileges=on_collection("createIndex"),
)
def set_index_commit_quorum(request: Request, _args: dict[str, Any]) -> Reply:
    """Refuse to change an index build: none is running when this command gets its turn.

    Raises:
        CommandError: 26 NamespaceNotFound, 27 IndexNotFound.
    """
    name = collection_name("setIndexCommitQuorum", request.db, request.body[request.name])
    if recall(request.services, request.db, name) is None:
        raise CommandError(26, f"Collection '{request.db}.{name}' does not exist")
    raise CommandError(27, f"Cannot find an index build on collection '{request.db}.{name}' with the provided index names")


@command("reIndex", {}, is_write=True, privileges=on_collection("reIndex"))
def re_index(request: Request, _args: dict[str, Any]) -> Reply:
    """Refuse to rebuild the indexes, as a member of a replica set does.

    Raises:
        CommandError: 20 IllegalOperation, or 238 on a standalone server.
    """
    if request.services.settings.replica_set:
        raise CommandError(20, "reIndex is only allowed on a standalone mongod instance. Cannot reIndex collection when replicated")
    raise not_supported("the command reIndex", "drop the index and create it again")
