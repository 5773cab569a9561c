"""The interface of access control: which user a client has authenticated as, and what that user may do.

`work/access_control.py` implements it.

https://www.mongodb.com/docs/manual/core/authorization/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from secantus_server.auth.privileges import Grants
    from secantus_server.dispatch.client import ClientInfo


class Access(Protocol):
    """The interface of access control, which decides what clients may do."""

    def admit(self, name: str, client: ClientInfo) -> None:
        """Check that a client has authenticated.

        Arguments:
            name: the command that the client sent.

        Raises:
            CommandError: 13 Unauthorized.
        """

    def grants_of(self, client: ClientInfo) -> Grants | None:
        """Return the actions that a client may perform now, or None before authentication.

        Changes of users and roles take effect at the client's next command. A client whose user was dropped is logged out.
        """

    def current_generation(self) -> int:
        """Return the number of the version of the users and roles. It increases after each change of them."""

    def log_in(self, client: ClientInfo, user: dict[str, Any], generation: int) -> bool:
        """Log a connection in as a user, in place of any earlier user.

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
        """Discard the cached users and roles, so that each client's next command reads them again."""
