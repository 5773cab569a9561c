"""connectionStatus, whatsmyuri and logout: what the server knows of the connection that asks.

https://www.mongodb.com/docs/manual/reference/command/connectionStatus/
"""

from __future__ import annotations

import uuid
from typing import Any

from bson.binary import Binary

from secantus_server.commands import arguments as a
from secantus_server.commands.registry import Reply, command
from secantus_server.commands.request import Request


@command("connectionStatus", {"showPrivileges": a.boolean()}, in_api_v1=True)
def connection_status(request: Request, args: dict[str, Any]) -> Reply:
    """Tell who is authenticated on the connection: nobody, for there is no authentication."""
    info: Reply = {"authenticatedUsers": [], "authenticatedUserRoles": []}
    if args["showPrivileges"]:
        info["authenticatedUserPrivileges"] = []
    name = f"{request.services.topology.process_id}/{request.client.connection_id}"
    return {"authInfo": info, "uuid": Binary(uuid.uuid5(uuid.NAMESPACE_OID, name).bytes, 4)}


@command("whatsmyuri", lenient=True)
def whats_my_uri(request: Request, _args: dict[str, Any]) -> Reply:
    """Tell the client its own address."""
    host, port = request.client.address
    return {"you": f"{host}:{port}"}


@command("logout", lenient=True, in_api_v1=True)
def logout(_request: Request, _args: dict[str, Any]) -> Reply:
    """Log out: nobody is logged in."""
    return {}
