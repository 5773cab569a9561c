"""An external server, with the subset of our server's interface that it can support.

An external server has no snapshots, so each test gets its own database, or tests are not isolated at all. The plugin modifies only
databases that it has created.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

from pytest_secantus.errors import CannotStart

#: The maximum time that the server may take to reply to the first command.
PATIENCE_MS: Final = 5_000


class NoSnapshots(RuntimeError):
    """The error for a request of a snapshot from an external server."""

    def __init__(self) -> None:
        super().__init__("snapshots are not available with secantus_uri: leave it out, or use secantus_isolation = namespace")


class ExternalServer:
    """An external server at `uri`, which the plugin neither starts nor stops."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @property
    def port(self) -> int:
        """The port of the first host in the URI."""
        from pymongo.uri_parser import parse_uri

        port: int = parse_uri(self.uri)["nodelist"][0][1]
        return port

    def start(self) -> None:
        """Do nothing, because the server already runs."""

    def check(self) -> None:
        """Check that the server responds.

        Raises:
            CannotStart: the server does not respond.
        """
        from pymongo import MongoClient
        from pymongo.errors import PyMongoError

        from secantus_server.tools.driver_errors import reason_of

        has_limit = "serverselectiontimeoutms=" in self.uri.lower()
        limit: dict[str, Any] = {} if has_limit else {"serverSelectionTimeoutMS": PATIENCE_MS}
        try:
            with MongoClient[dict[str, Any]](self.uri, **limit) as client:
                client.admin.command("ping")
        except PyMongoError as error:
            raise CannotStart(f"secantus_uri: the server does not answer: {reason_of(error)}") from error

    def stop(self) -> None:
        """Do nothing, because the plugin did not start the server."""

    def snapshot(self) -> NoReturn:
        """Raise NoSnapshots.

        Raises:
            NoSnapshots: always.
        """
        raise NoSnapshots

    def checkpoint(self) -> NoReturn:
        """Raise NoSnapshots.

        Raises:
            NoSnapshots: always.
        """
        raise NoSnapshots
