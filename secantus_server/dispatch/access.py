"""The interface of access control: who has authenticated, and what they may do. `work/access_control.py` implements it.

https://www.mongodb.com/docs/manual/core/authorization/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from secantus_server.auth.privileges import Grants
    from secantus_server.dispatch.client import ClientInfo


class Access(Protocol):
    """Access control."""

    def admit(self, name: str, client: ClientInfo) -> None:
        """Check that a client has authenticated.

        Arguments:
            name: the command that it wants to run.

        Raises:
            CommandError: 13 Unauthorized.
        """

    def grants_of(self, client: ClientInfo) -> Grants | None:
        """Return what a client may do now; None before authentication.

        A change of users and roles takes effect with the next command. A client whose user was dropped is logged out.
        """

    def log_in(self, client: ClientInfo, user: dict[str, Any]) -> bool:
        """Authenticate a connection as a user, from now on its only one; return False if the user may not connect from its address.

        Arguments:
            user: the user's document, of `admin.system.users`.
        """

    def log_out(self, client: ClientInfo) -> None:
        """Forget the user of a connection."""

    def renew(self) -> None:
        """Read users and roles again before the next command of each client."""
