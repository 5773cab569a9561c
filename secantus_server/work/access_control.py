"""Access control based on the users and roles in `admin.system.users` and `admin.system.roles`.

https://www.mongodb.com/docs/manual/core/authorization/
"""

from __future__ import annotations

from typing import Any

from secantus_server.auth.collections import ROLES, USERS
from secantus_server.auth.privileges import Grants
from secantus_server.auth.restrictions import are_met, is_loopback
from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.services import Services
from secantus_server.errors import UNAUTHORIZED, CommandError
from secantus_server.records import record
from secantus_server.sessions.ids import user_digest
from secantus_server.system._threads import Lock
from secantus_server.system.sockets import UNIX_CLIENT
from secantus_server.work.authorization import find_user, has_documents, read_documents
from secantus_server.work.user_roles import effective_roles, role_privileges, role_restrictions

# The grants of a local client before the first user exists: https://www.mongodb.com/docs/manual/core/localhost-exception/
_FIRST_USER = Grants(
    [
        {"resource": {"db": "admin", "collection": ""}, "actions": ["createUser", "createRole", "grantRole"]},
        {"resource": {"db": "$external", "collection": ""}, "actions": ["createUser", "grantRole"]},
        {"resource": {"cluster": True}, "actions": ["replSetConfigure", "replSetGetStatus"]},
    ]
)


# The maximum number of users whose rights are kept for further logins. Each may have cached the actions on a thousand collections.
_MAX_RIGHTS = 100


@record(frozen=True)
class _Rights:
    """The cached rights of a user.

    Arguments:
        generation: the generation of the users and roles from which the rights were computed.
        restrictions: the authentication restrictions of each role.
        grants: the privileges that the user's roles grant.
    """

    generation: int
    restrictions: list[Any]
    grants: Grants


class AccessControl:
    """The implementation of `dispatch.access.Access`.

    A client's grants are cached together with the generation number of the users and roles. A commit that changes users or roles starts a
    new generation at the next command of any client. Cached grants of older generations are then recomputed. Connections of the same user
    share the grants of one generation.

    Threads: `_lock` serializes the start of generations. Entries of `_rights` are replaced as a whole. `generation` can be read without
    the lock. It changes both before and after the watches are armed, so that grants computed in between are recomputed.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = Lock()
        self._users = services.writes.watch("admin", USERS)
        self._roles = services.writes.watch("admin", ROLES)
        self._rights: dict[tuple[str, str], _Rights] = {}
        self.generation = 0

    def admit(self, name: str, client: ClientInfo) -> None:
        """Raise if a client has not authenticated; see `Access.admit`."""
        is_current = client.generation == self.generation and not (self._users.stale or self._roles.stale)
        if (client.grants if is_current else self.grants_of(client)) is None:
            raise CommandError(UNAUTHORIZED, f"Command {name} requires authentication")

    def grants_of(self, client: ClientInfo) -> Grants | None:
        """Return the current grants of a client, or None if it has not authenticated; see `Access.grants_of`."""
        if client.generation != self.current_generation():
            self._make_grants(client)
        return client.grants

    def current_generation(self) -> int:
        """Return the generation number of the users and roles; see `Access.current_generation`."""
        if self._users.stale or self._roles.stale:
            self.renew()
        return self.generation

    def renew(self) -> None:
        """Start a new generation, so that cached grants are recomputed; see `Access.renew`."""
        with self._lock:
            self.generation += 1
            self._rights.clear()
            self._users.arm()
            self._roles.arm()
            self.generation += 1

    def _make_grants(self, client: ClientInfo) -> None:
        generation = self.generation
        if client.users or client.lost_user is not None:
            known = client.lost_user or (*client.users[0], client.user_id)
            name, db, user_id = known
            user = find_user(self._services, db, name)
            if user is None or user.get("userId") != user_id or not self.log_in(client, user, generation):
                self.log_out(client)
                # Remember the user: the restore of a snapshot may make it valid again. A user
                # that is created again by a command has a new id.
                client.lost_user = known
        if not client.users:
            is_first = _is_local(client) and not any(has_documents(self._services, one) for one in (USERS, ROLES))
            client.grants = _FIRST_USER if is_first else None
        client.generation = generation

    def log_in(self, client: ClientInfo, user: dict[str, Any], generation: int) -> bool:
        """Log a connection in as a user, and cache the user's grants; see `Access.log_in`.

        Return False if the user's restrictions do not allow the client's address.
        """
        name, db = user["user"], user["db"]
        rights = self._rights_of(name, db, user, generation)
        restrictions = [user.get("authenticationRestrictions") or [], *rights.restrictions]
        if not are_met(restrictions, client.address[0], client.server_address):
            return False
        client.users, client.lost_user = ((name, db),), None
        client.user_id = user.get("userId")
        client.uid = user_digest(name, db)
        client.grants = rights.grants
        client.generation = generation
        return True

    def _rights_of(self, name: str, db: str, user: dict[str, Any], generation: int) -> _Rights:
        found = self._rights.get((name, db))
        if found is None or found.generation != generation:
            known = read_documents(self._services, ROLES)
            roles = effective_roles(known, user)
            found = _Rights(generation, role_restrictions(known, roles), Grants(role_privileges(known, roles)))
            if len(self._rights) >= _MAX_RIGHTS:
                self._rights.clear()
            self._rights[(name, db)] = found
        return found

    def log_out(self, client: ClientInfo) -> None:
        """Log out the user of a connection; see `Access.log_out`."""
        client.users, client.user_id, client.uid, client.grants, client.generation = (), None, b"", None, -1
        client.lost_user = None


def _is_local(client: ClientInfo) -> bool:
    """Return whether a client is on this machine, by its address."""
    return client.address[0] == UNIX_CLIENT or is_loopback(client.address[0])
