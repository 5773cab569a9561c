"""connectionStatus, whatsmyuri and logout: the state of the client's connection.

https://www.mongodb.com/docs/manual/reference/command/connectionStatus/
"""

from __future__ import annotations

import uuid
from typing import Any

from bson.binary import Binary

from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import UNAUTHENTICATED
from secantus_server.dispatch.registry import InTransaction, Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.work.authorization import ROLES, USERS, read_documents, role_closure

_EVERYTHING = {"resource": {"anyResource": True}, "actions": ["anyAction"]}


@command(
    "connectionStatus", {"showPrivileges": a.boolean()}, in_transaction=InTransaction.LATER, in_api_v1=True, privileges=UNAUTHENTICATED
)
def connection_status(request: Request, args: dict[str, Any]) -> Reply:
    """Return the users that are authenticated on the connection."""
    users = [{"user": user, "db": db} for user, db in request.client.users]
    info: Reply = {"authenticatedUsers": users, "authenticatedUserRoles": _roles(request) if users else []}
    if args["showPrivileges"]:
        # Roles are not enforced: every user has all privileges.
        info["authenticatedUserPrivileges"] = [_EVERYTHING] if users else []
    name = f"{request.services.topology.process_id}/{request.client.connection_id}"
    return {"authInfo": info, "uuid": Binary(uuid.uuid5(uuid.NAMESPACE_OID, name).bytes, 4)}


def _roles(request: Request) -> list[dict[str, Any]]:
    stored = read_documents(request.services, USERS)
    given = [role for user, db in request.client.users for role in stored.get(f"{db}.{user}", {}).get("roles", [])]
    return role_closure(read_documents(request.services, ROLES), given)


@command("whatsmyuri", lenient=True, privileges=UNAUTHENTICATED)
def whats_my_uri(request: Request, _args: dict[str, Any]) -> Reply:
    """Return the client's address."""
    host, port = request.client.address
    return {"you": f"{host}:{port}"}


@command("logout", lenient=True, in_api_v1=True, privileges=UNAUTHENTICATED)
def logout(request: Request, _args: dict[str, Any]) -> Reply:
    """Log out the users of a database."""
    request.client.users[:] = [(user, db) for user, db in request.client.users if db != request.db]
    return {}
