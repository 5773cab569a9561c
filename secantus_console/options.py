"""The options of a console."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ConsoleOptions:
    """The options of a console.

    Arguments:
        uri: the connection string of the server. It is stored only in memory, because it may contain a password.
        host: the address on which the console listens, in the form in which the user gave it.
        port: the port on which the console listens.
        write: whether pages may change data or settings of the server.
        client_options: further options of `MongoClient`, such as the certificate authority.
        time_limit_ms: the time limit of each query.
    """

    uri: str
    host: str = "127.0.0.1"
    port: int = 0
    write: bool = False
    client_options: tuple[tuple[str, object], ...] = ()
    time_limit_ms: int = 10_000

    @property
    def address(self) -> str:
        """The host and port in the form that a URL requires."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"
