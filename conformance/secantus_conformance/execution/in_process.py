"""The bundled server, running in a worker's own process so that the worker's clients reach it without sockets.

See docs/plugin.md, "Clients without sockets".
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from secantus_conformance.failures import UsageError

# Stands for the URI until the worker has started the server.
_URI = "in-process"


@dataclass
class InProcessServer:
    """A server that runs in its worker's process and stops when that process ends."""

    def start(self) -> str:
        """Return the text that the worker passes to `reach`."""
        return _URI

    def exit_reason(self) -> str | None:
        """Return None, because the pool detects the end of the worker."""
        return None

    def stop(self) -> None:
        """Do nothing, because the server stops with the worker."""


def reach(uri: str, cleanup: ExitStack) -> str:
    """Return the URI of a server. If the server runs in this process, first start it and connect this process's clients without sockets.

    Arguments:
        uri: the result of a server's `start`.
        cleanup: stops the server.

    Raise UsageError if the direct transport does not support the installed version of pymongo.
    """
    if uri != _URI:
        return uri
    from pytest_secantus.direct_driver import clients_connected
    from pytest_secantus.driver import UnknownDriver
    from secantus_server.server import SecantusDBServer

    server = cleanup.enter_context(SecantusDBServer(port=0, storage_path=":memory:", log_level="error"))

    def connect(address: Any, _options: Any) -> Any:
        return server.connect_directly() if tuple(address[:2]) == ("127.0.0.1", server.port) else None

    try:
        cleanup.enter_context(clients_connected(connect, server.interrupt_thread))
    except UnknownDriver as error:
        raise UsageError(f"--direct does not support the installed version of the driver: {error}") from error
    # Do not use `server.uri`, which requests a direct connection to one member.
    return f"mongodb://127.0.0.1:{server.port}"
