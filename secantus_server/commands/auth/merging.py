"""_mergeAuthzCollections: the command with which mongorestore restores users and roles.

https://www.mongodb.com/docs/database-tools/mongorestore/#restore-users-and-roles
"""

from __future__ import annotations

from typing import Any

from secantus_server.auth.collections import ROLES, USERS
from secantus_server.auth.privileges import Grants
from secantus_server.bson.values import type_name
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import Authorized, includes, on_database
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.work.authorization import Documents, change_together, read_documents

_ACTIONS = ("createRole", "createUser", "dropRole", "dropUser", "grantRole", "revokeRole", "setAuthenticationRestriction")
# For users and for roles: the argument that names the collection to read, the collection to change, and the field with the user's or role's
# name.
_KINDS = (("tempUsersCollection", USERS, "user"), ("tempRolesCollection", ROLES, "role"))


def _may_merge(_call: Authorized, grants: Grants) -> bool:
    """Return whether the user may manage the users and roles of all databases."""
    return includes(grants.on(""), _ACTIONS)


@command(
    "_mergeAuthzCollections",
    {
        "tempUsersCollection": a.string(""),
        "tempRolesCollection": a.string(""),
        "db": a.string(required=True),
        "drop": a.boolean(),
    },
    admin_only=True,
    is_write=True,
    privileges=on_database(by_arguments=_ACTIONS, check=_may_merge),
)
def merge_collections(request: Request, args: dict[str, Any]) -> Reply:
    """Copy users and roles from two temporary collections to the server's users and roles."""
    given = [(args[argument], collection, kind) for argument, collection, kind in _KINDS if args[argument]]
    if not given:
        raise CommandError(2, "Must provide at least one of 'tempUsersCollection' and 'tempRolesCollection'")
    db = args["db"]
    merged = [_documents(request, source, kind, db) for source, _, kind in given]

    def change(*stored: Documents) -> None:
        for before, new in zip(stored, merged, strict=True):
            # An empty collection comes from a dump without users or without roles, so nothing is dropped.
            if args["drop"] and new:
                for key in [key for key, document in before.items() if db in ("", document.get("db"))]:
                    del before[key]
            before.update(new)

    change_together(request, tuple(collection for _, collection, _ in given), change)
    return {}


def _documents(request: Request, source: str, kind: str, db: str) -> Documents:
    """Return the documents of a collection's users or roles that belong to a database. An empty `db` means all databases.

    Raises:
        CommandError: 2 BadValue if the collection is not in `admin`, or if a document is not a user or role.
    """
    source_db, _, name = source.partition(".")
    if source_db != "admin" or not name:
        raise CommandError(2, f"The users and roles must be in a collection of the database admin, not in '{source}'")
    with request.work.reading() as transaction:
        collection = transaction.catalog.find(source_db, name)
    if collection is not None and collection.is_view:
        raise CommandError(166, f"{source} is a view, not a collection")
    found = read_documents(request.services, name)
    for key, document in found.items():
        names = (document["_id"], document.get("db"), document.get(kind))
        if not all(type(one) is str for one in names) or key != f"{names[1]}.{names[2]}":
            raise CommandError(2, f"The document with _id '{key}' in {source} is not a {kind}")
        roles = document.get("roles")
        if type(roles) is not list:
            raise CommandError(2, f"The roles of {key} in {source} must be an array, not {type_name(roles)}")
    return {key: document for key, document in found.items() if db in ("", document["db"])}
