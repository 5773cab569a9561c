"""The interface of access control, which authenticates clients and determines their users' permissions.

https://www.mongodb.com/docs/manual/core/authorization/

`work/access_control.py` implements the interface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secantus_server.records import Protocol

if TYPE_CHECKING:
    from secantus_server.auth.privileges import Grants
    from secantus_server.dispatch.client import ClientInfo


class Access(Protocol):
    """The interface of access control, which authorizes the commands of clients."""

    def admit(self, name: str, client: ClientInfo) -> None:
        """Raise an error if a client is not authenticated.

        Arguments:
            name: the name of the client's command.

        Raises:
            CommandError: 13 Unauthorized.
        """

    def grants_of(self, client: ClientInfo) -> Grants | None:
        """Return the actions that a client may currently perform, or None before authentication.

        Changes of users and roles take effect at the client's next command. If the client's user was dropped, log the client out.
        """

    def current_generation(self) -> int:
        """Return the version number of the users and roles, which increases with each change to them."""

    def log_in(self, client: ClientInfo, user: dict[str, Any], generation: int) -> bool:
        """Log in a user on a connection, and log out the previous user, if any.

        Arguments:
            user: the user's document from `admin.system.users`.
            generation: the result of `current_generation` before the document was read. If the user changes in between, the client's next
                command computes its grants again.

        Returns:
            False if the user's restrictions do not allow the client's address. The user is then not logged in.
        """

    def log_out(self, client: ClientInfo) -> None:
        """Log out the user of a connection."""

    def renew(self) -> None:
        """Clear the cache of users and roles, so that each client's next command reads them from the store."""
