"""The privileges that a command requires, which each command declares, and the check whether a user has them.

https://www.mongodb.com/docs/manual/reference/privilege-actions/
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from secantus_server.bson import decode

if TYPE_CHECKING:
    from secantus_server.auth.privileges import Grants
    from secantus_server.dispatch.client import ClientInfo
    from secantus_server.dispatch.services import Services
    from secantus_server.wire.message import Message


class Resource(enum.Enum):
    """The kind of resource that actions apply to. https://www.mongodb.com/docs/manual/reference/resource-document/"""

    CLUSTER = "cluster"
    DATABASE = "database"
    COLLECTION = "collection"


# Global names for the members of the enumeration: authorization uses them for every command, and looking up a member takes longer.
_COLLECTION, _DATABASE = Resource.COLLECTION, Resource.DATABASE


class Authorized(Protocol):
    """A command as its authorization sees it; `Request` implements it.

    Arguments:
        name: the command's name as the client wrote it.
        db: the database it runs against.
        body: the command document.
        message: the message that carried it.
        client: the connection.
        services: the server.
    """

    name: str
    db: str
    body: dict[str, Any]
    message: Message
    client: ClientInfo
    services: Services


@dataclass(slots=True)
class OtherCommand:
    """A command other than the running one, as its authorization sees it: an explained command, or the command that opened a cursor."""

    name: str
    db: str
    body: dict[str, Any]
    message: Message
    client: ClientInfo
    services: Services


#: Returns whether a user may run a command with its arguments. Called only if the user has the declared actions.
Check = Callable[[Authorized, "Grants"], bool]


@dataclass(frozen=True)
class Privileges:
    """The privileges that a command requires.

    Arguments:
        actions: the actions required for the command's resource; empty if authentication is enough.
        resource: the kind of that resource. A role that grants the actions on a larger resource (the database of a collection)
            is sufficient, too.
        by_arguments: the actions that some arguments require, possibly on another resource: for example, `upsert` requires `insert`,
            and `$out` requires `insert` and `remove`. `check` checks them.
        requires_auth: whether a client must have authenticated; False for the commands that connect and authenticate clients.
        check: returns whether the user may use the command's arguments; given if and only if `by_arguments` is.
    """

    actions: tuple[str, ...] = ()
    resource: Resource = Resource.CLUSTER
    by_arguments: tuple[str, ...] = ()
    requires_auth: bool = True
    check: Check | None = field(default=None, compare=False)


#: The privileges of a command that clients may run before authentication.
UNAUTHENTICATED = Privileges(requires_auth=False)
#: The privileges of a command that every authenticated user may run, regardless of roles.
AUTHENTICATED = Privileges()


def on_cluster(*actions: str, by_arguments: tuple[str, ...] = (), check: Check | None = None) -> Privileges:
    """Return the privileges of a command that acts on the server."""
    return Privileges(actions, Resource.CLUSTER, by_arguments, check=check)


def on_database(*actions: str, by_arguments: tuple[str, ...] = (), check: Check | None = None) -> Privileges:
    """Return the privileges of a command that acts on its database."""
    return Privileges(actions, Resource.DATABASE, by_arguments, check=check)


def on_collection(*actions: str, by_arguments: tuple[str, ...] = (), check: Check | None = None) -> Privileges:
    """Return the privileges of a command that acts on the collection that it names."""
    return Privileges(actions, Resource.COLLECTION, by_arguments, check=check)


def collection_of(call: Authorized) -> str:
    """Return the collection name in a command's own field, or "" if its value is not a string.

    Only a privilege on the whole database covers "".
    """
    target = call.body[call.name]
    return target if type(target) is str else ""


def includes(found: frozenset[str], actions: tuple[str, ...]) -> bool:
    """Return whether all actions are among those found.

    Arguments:
        found: the actions that a user may perform.
        actions: the actions that a command requires.
    """
    for action in actions:  # noqa: SIM110 - a generator takes longer, and this runs for every command.
        if action not in found:
            return False
    return True


def is_authorized(privileges: Privileges, call: Authorized, grants: Grants) -> bool:
    """Return whether a user may run a command.

    Arguments:
        grants: what the user may do.
    """
    actions = privileges.actions
    if actions:
        resource = privileges.resource
        if resource is _COLLECTION:
            target = call.body[call.name]
            found = grants.on(call.db, target if type(target) is str else "")
        elif resource is _DATABASE:
            found = grants.on(call.db)
        else:
            found = grants.cluster_actions
        if not includes(found, actions):
            return False
    return privileges.check is None or privileges.check(call, grants)


def bypasses_validation(call: Authorized) -> bool:
    """Return whether a command has the option `bypassDocumentValidation`, which requires the action of the same name."""
    return bool(call.body.get("bypassDocumentValidation"))


def may_bypass_validation(call: Authorized, grants: Grants) -> bool:
    """Return False if the command bypasses document validation and the user may not do that."""
    return not bypasses_validation(call) or "bypassDocumentValidation" in grants.on(call.db, collection_of(call))


def named(call: Authorized, field: str, containing: bytes = b"") -> list[dict[str, Any]]:
    """Return the documents in an array of a command, which may be a document sequence of the message.

    Arguments:
        containing: bytes; the documents of a sequence whose BSON does not contain them are left out undecoded.
    """
    sequence = call.message.sequences.get(field)
    if sequence is not None:
        return [decode(data) for data in sequence if containing in data]
    found = call.body.get(field)
    return [entry for entry in found if type(entry) is dict] if type(found) is list else []
