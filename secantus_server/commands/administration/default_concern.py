"""getDefaultRWConcern. https://www.mongodb.com/docs/manual/reference/command/getDefaultRWConcern/"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request


@command(
    "getDefaultRWConcern", {"inMemory": a.strict_boolean()}, admin_only=True, in_api_v1=True, privileges=on_cluster("getDefaultRWConcern")
)
def get_default_rw_concern(request: Request, args: dict[str, Any]) -> Reply:
    """Return the default read and write concerns, which are MongoDB's built-in ones."""
    reply: Reply = {
        "defaultReadConcern": {"level": "local"},
        "defaultWriteConcern": {"w": "majority", "wtimeout": 0},
        "defaultWriteConcernSource": "implicit",
        "defaultReadConcernSource": "implicit",
        "localUpdateWallClockTime": request.now,
    }
    if args["inMemory"]:
        reply["inMemory"] = True
    return reply
