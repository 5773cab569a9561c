"""The server-side state of a connected client."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from secantus_server.auth.privileges import Grants
from secantus_server.dispatch.usage import Usage
from secantus_server.records import record


@record()
class ClientInfo:
    """The server-side state of one connection.

    Arguments:
        connection_id: the unique number of the connection.
        address: the client's host and port.
        metadata: the `client` document of the connection's first hello.
        is_internal: whether the client's hello claimed that the client is another member of the cluster.
        compressors: the compressors negotiated in the connection's hello.
        bytes_in, bytes_out, requests: the traffic of the connection. Only the connection's thread writes these fields.
        usage: counts and times of the commands on the connection.
        conversation: the SASL conversation in progress, or None.
        users: the authenticated user's name and database; empty before authentication. Always replaced as a whole, never modified.
        server_address: the server's address on this connection.
        grants: the actions that the user may perform; None before authentication, and without access control.
        generation: the version of the users and roles from which `grants` was computed.
        user_id: the id of the authenticated user; it changes if the user is dropped and recreated.
        lost_user: the name, database and id of the authenticated user if the user was dropped after login; otherwise None.
        uid: the digest of the user, which identifies the user's sessions; empty without access control.
        opened: the time when the connection was accepted, on the monotonic clock.
        tls_version: the version of TLS, such as "TLSv1.3"; None without TLS.
        tls_subject: the subject of the client's certificate, which is the name of an X.509 user; None without a certificate.
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
    users: tuple[tuple[str, str], ...] = ()
    server_address: str = ""
    grants: Grants | None = None
    generation: int = -1
    user_id: object = None
    lost_user: tuple[str, str, object] | None = None
    uid: bytes = b""
    opened: float = 0.0
    tls_version: str | None = None
    tls_subject: str | None = None

    @property
    def application(self) -> str:
        """Return the application name from the client metadata, or an empty string if absent."""
        application = (self.metadata or {}).get("application")
        return str(application.get("name", "")) if type(application) is dict else ""
