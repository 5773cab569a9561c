"""The options of a console."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ConsoleOptions:
    """The options of a console.

    Arguments:
        uri: the connection string of the server; it is kept only in memory.
        host: the address that the console listens on, as the user gave it.
        port: the port that the console listens on.
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
        """The host and port as they appear in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"
