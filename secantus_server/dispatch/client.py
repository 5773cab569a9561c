"""A connected client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from secantus_server.dispatch.usage import Usage


@dataclass
class ClientInfo:
    """The server's state of one connection.

    Authorization is not enforced yet ("access control" in README's "Not yet"): `users` is only reported, by connectionStatus, currentOp
    and the profiler. An authorization interceptor will, in `before`, compare the roles of `call.client.users` with the privileges of
    `find_command(call.name)`, and raise the error 13 Unauthorized.

    Arguments:
        connection_id: the unique number of the connection.
        address: host and port of the other side.
        metadata: the `client` document of its first hello.
        is_internal: whether it said that it is another member of the cluster.
        compressors: the compressors negotiated in its hello.
        bytes_in, bytes_out, requests: its traffic; only its own thread writes them.
        usage: counts and times of the commands it ran.
        conversation: the SASL conversation in progress, or None.
        opened: when it connected, on the monotonic clock.
        tls_version: the version of TLS, such as "TLSv1.3"; None without TLS.
        tls_subject: the subject of its certificate, which is the name of the user that the certificate identifies; None without one.
        users: the authenticated user's name and database; empty before authentication.
    """

    connection_id: int
    address: tuple[str, int]
    metadata: dict[str, Any] | None = None
    is_internal: bool = False
    compressors: tuple[str, ...] = ()
    bytes_in: int = 0
    bytes_out: int = 0
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    conversation: object = None
    opened: float = 0.0
    tls_version: str | None = None
    tls_subject: str | None = None
    users: list[tuple[str, str]] = field(default_factory=list)

    @property
    def application(self) -> str:
        """The application name of the client metadata, or an empty string."""
        application = (self.metadata or {}).get("application")
        return str(application.get("name", "")) if type(application) is dict else ""
