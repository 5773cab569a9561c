"""A connected client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from secantus_server.dispatch.usage import Usage


@dataclass
class ClientInfo:
    """The server's state of one connection.

    Authorization is not enforced yet ("access control" in README's "Not yet"): `users` is only reported, by connectionStatus, currentOp
    and the profiler. An authorization interceptor will compare the roles of `users` with the command's `privileges` before it runs.

    Arguments:
        connection_id: a number of its own.
        address: host and port of the other side.
        metadata: the `client` document of its first hello.
        compressors: the names agreed on in its hello.
        bytes_in, bytes_out, requests: what went over it; its own thread counts.
        usage: which commands it ran.
        conversation: of saslStart and saslContinue, while it goes on.
        users: the authenticated user's name and database; empty before authentication.
    """

    connection_id: int
    address: tuple[str, int]
    metadata: dict[str, Any] | None = None
    compressors: tuple[str, ...] = ()
    bytes_in: int = 0
    bytes_out: int = 0
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    conversation: object = None
    users: list[tuple[str, str]] = field(default_factory=list)

    @property
    def application(self) -> str:
        """The application's name as the client gave it, or nothing."""
        application = (self.metadata or {}).get("application")
        return str(application.get("name", "")) if type(application) is dict else ""
