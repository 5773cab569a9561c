"""connectionStatus, whatsmyuri and logout: commands about the client's connection.

https://www.mongodb.com/docs/manual/reference/command/connectionStatus/
"""

from __future__ import annotations

import uuid
from typing import Any

from bson.binary import Binary

from secantus_server.auth.collections import ROLES
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import UNAUTHENTICATED
from secantus_server.dispatch.registry import InTransaction, Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.work.authorization import find_user, read_documents
from secantus_server.work.user_roles import effective_roles

_EVERYTHING = {"resource": {"anyResource": True}, "actions": ["anyAction"]}


@command(
    "connectionStatus", {"showPrivileges": a.boolean()}, in_transaction=InTransaction.LATER, in_api_v1=True, privileges=UNAUTHENTICATED
)
def connection_status(request: Request, args: dict[str, Any]) -> Reply:
    """Return the users authenticated on the connection."""
    grants = request.grants
    users = [{"user": user, "db": db} for user, db in request.client.users]
    info: Reply = {"authenticatedUsers": users, "authenticatedUserRoles": _roles(request) if users else []}
    if args["showPrivileges"]:
        # Without access control, every user has all privileges.
        everything = [_EVERYTHING] if request.services.access is None else []
        info["authenticatedUserPrivileges"] = [] if not users else everything if grants is None else grants.privileges()
    name = f"{request.services.topology.process_id}/{request.client.connection_id}"
    return {"authInfo": info, "uuid": Binary(uuid.uuid5(uuid.NAMESPACE_OID, name).bytes, 4)}


def _roles(request: Request) -> list[dict[str, Any]]:
    known = read_documents(request.services, ROLES)
    users = (find_user(request.services, db, user) for user, db in request.client.users)
    return [role for user in users if user is not None for role in effective_roles(known, user)]


@command("whatsmyuri", lenient=True, privileges=UNAUTHENTICATED)
def whats_my_uri(request: Request, _args: dict[str, Any]) -> Reply:
    """Return the client's address."""
    host, port = request.client.address
    return {"you": f"{host}:{port}"}


@command("logout", lenient=True, in_api_v1=True, privileges=UNAUTHENTICATED)
def logout(request: Request, _args: dict[str, Any]) -> Reply:
    """Log out the users of a database."""
    lost = request.client.lost_user
    if any(db == request.db for _, db in (*request.client.users, *([lost[:2]] if lost else ()))):
        if request.services.access is not None:
            request.services.access.log_out(request.client)
        request.client.users, request.client.conversation = (), None
    return {}
