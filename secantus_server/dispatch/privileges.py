"""The privileges that a command requires, as declared by each command.

Nothing enforces them yet: users and roles are stored, but every client may run every command ("access control" in README's "Not yet").

https://www.mongodb.com/docs/manual/reference/privilege-actions/
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Resource(enum.Enum):
    """The kind of resource that actions apply to. https://www.mongodb.com/docs/manual/reference/resource-document/"""

    CLUSTER = "cluster"
    DATABASE = "database"
    COLLECTION = "collection"


@dataclass(frozen=True)
class Privileges:
    """The privileges that a command requires.

    Arguments:
        actions: the actions required for the command's resource; empty if authentication is enough.
        resource: the kind of that resource. A role that grants the actions on a larger resource (the database of a collection)
            grants them, too.
        by_arguments: further or other actions that some arguments require, as `upsert` requires `insert` and `$out` requires `insert`
            and `remove`, possibly on another resource.
        requires_auth: whether a client must have authenticated; what connects and authenticates clients does not require it.
    """

    actions: tuple[str, ...] = ()
    resource: Resource = Resource.CLUSTER
    by_arguments: tuple[str, ...] = ()
    requires_auth: bool = True


#: Available before authentication.
UNAUTHENTICATED = Privileges(requires_auth=False)
#: Available to every authenticated user, whatever the roles.
AUTHENTICATED = Privileges()


def on_cluster(*actions: str, by_arguments: tuple[str, ...] = ()) -> Privileges:
    """Return the privileges of a command that acts on the server."""
    return Privileges(actions, Resource.CLUSTER, by_arguments)


def on_database(*actions: str, by_arguments: tuple[str, ...] = ()) -> Privileges:
    """Return the privileges of a command that acts on its database."""
    return Privileges(actions, Resource.DATABASE, by_arguments)


def on_collection(*actions: str, by_arguments: tuple[str, ...] = ()) -> Privileges:
    """Return the privileges of a command that acts on the collection that it names."""
    return Privileges(actions, Resource.COLLECTION, by_arguments)
