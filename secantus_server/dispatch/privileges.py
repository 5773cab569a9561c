"""Declares the privileges that commands require, and checks whether a user has these privileges.

https://www.mongodb.com/docs/manual/reference/privilege-actions/
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, Any

from secantus_server.bson import decode
from secantus_server.records import Protocol, record

if TYPE_CHECKING:
    from secantus_server.auth.privileges import Grants
    from secantus_server.dispatch.client import ClientInfo
    from secantus_server.dispatch.services import Services
    from secantus_server.wire.message import Message


class Resource(enum.Enum):
    """The kind of resource to which a command's actions apply. https://www.mongodb.com/docs/manual/reference/resource-document/"""

    CLUSTER = "cluster"
    DATABASE = "database"
    COLLECTION = "collection"


# Global names for the enumeration's members. Authorization uses them for every command, and looking up a member of the class takes longer.
_COLLECTION, _DATABASE = Resource.COLLECTION, Resource.DATABASE


class Authorized(Protocol):
    """The interface through which authorization accesses a command. `Request` implements it.

    Arguments:
        name: the command's name as the client wrote it.
        db: the database on which the command runs.
        body: the command document.
        message: the message that contained the command.
        client: the connection.
        services: the server's services.
    """

    name: str
    db: str
    body: dict[str, Any]
    message: Message
    client: ClientInfo
    services: Services


@record(slots=True)
class OtherCommand:
    """A command that must be authorized although it is not the running command, such as an explained command or the origin of a cursor."""

    name: str
    db: str
    body: dict[str, Any]
    message: Message
    client: ClientInfo
    services: Services


#: A function that returns whether a user may run a command with its arguments. It is called only if the user has the declared actions.
Check = Callable[[Authorized, "Grants"], bool]


@record(frozen=True)
class Privileges:
    """The privileges that a command requires.

    Arguments:
        actions: the actions required on the command's resource; empty if authentication is enough.
        resource: the kind of the command's resource. A privilege on an enclosing resource (such as the database of a collection) is also
            sufficient.
        by_arguments: the actions that certain arguments require, possibly on another resource. For example, `upsert` requires `insert`,
            and `$out` requires `insert` and `remove`. `check` checks whether the user has these actions.
        requires_auth: whether a client must have authenticated; False for commands that connect or authenticate clients.
        check: returns whether the user may use the command's arguments; required if and only if `by_arguments` is not empty.
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
    """Return the required privileges of a command that affects the whole server."""
    return Privileges(actions, Resource.CLUSTER, by_arguments, check=check)


def on_database(*actions: str, by_arguments: tuple[str, ...] = (), check: Check | None = None) -> Privileges:
    """Return the required privileges of a command that affects the database on which it runs."""
    return Privileges(actions, Resource.DATABASE, by_arguments, check=check)


def on_collection(*actions: str, by_arguments: tuple[str, ...] = (), check: Check | None = None) -> Privileges:
    """Return the required privileges of a command that affects the collection in its first field."""
    return Privileges(actions, Resource.COLLECTION, by_arguments, check=check)


def collection_of(call: Authorized) -> str:
    """Return the collection name in a command's first field, or "" if the field's value is not a string.

    "" means that the command requires a privilege on the whole database.
    """
    target = call.body[call.name]
    return target if type(target) is str else ""


def includes(found: frozenset[str], actions: tuple[str, ...]) -> bool:
    """Return whether all required actions are in `found`.

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
        grants: the actions that the user may perform.
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
    """Return whether a command sets the option `bypassDocumentValidation`, which requires the action of the same name."""
    return bool(call.body.get("bypassDocumentValidation"))


def may_bypass_validation(call: Authorized, grants: Grants) -> bool:
    """Return False if a command bypasses document validation although the user may not."""
    return not bypasses_validation(call) or "bypassDocumentValidation" in grants.on(call.db, collection_of(call))


def named(call: Authorized, field: str, containing: bytes = b"") -> list[dict[str, Any]]:
    """Return the documents in an array argument of a command, which may be a document sequence of the message.

    Arguments:
        containing: bytes that the BSON of each required document contains. Other documents in a document sequence are skipped without
            decoding.
    """
    sequence = call.message.sequences.get(field)
    if sequence is not None:
        return [decode(data) for data in sequence if containing in data]
    found = call.body.get(field)
    return [entry for entry in found if type(entry) is dict] if type(found) is list else []
