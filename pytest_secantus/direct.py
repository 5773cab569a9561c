"""The decision about which pymongo clients of this process reach the server without sockets (see `secantus_server.net.direct`)."""

from __future__ import annotations

import re
import sys
from contextlib import ExitStack
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_secantus.options import address
from pytest_secantus.patching import is_patched

if TYPE_CHECKING:
    from pytest_secantus.worker import Worker
    from secantus_server.net.direct import DirectConnection

#: The versions of pymongo whose clients can do without sockets: from the first (inclusive) to the second (exclusive); see `direct_driver`.
KNOWN: Final = ((4, 20), (4, 21))


def installed_version() -> str | None:
    """Return the version of pymongo, or None if it is unknown, without importing pymongo. The suite may still have to patch the process
    first.
    """
    if (pymongo := sys.modules.get("pymongo")) is not None:
        return str(pymongo.version)
    # Not `importlib.util.find_spec`: it would also ask the finders of `imports`, which would mistake this for an import of pymongo.
    spec = PathFinder.find_spec("pymongo")
    file = Path(spec.origin or "").with_name("_version.py") if spec is not None else None
    found = re.search(r'^__version__ = "([^"]+)"', file.read_text("utf-8"), re.MULTILINE) if file is not None and file.exists() else None
    return found[1] if found else None


def is_known(version: str) -> bool:
    """Return whether the plugin can replace the sockets of this pymongo version."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    return KNOWN[0] <= numbers < KNOWN[1]


class DirectClients:
    """Connects pymongo clients in this process to the worker's server without sockets."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._patches = ExitStack()

    def connect_all(self) -> None:
        """Replace the functions of pymongo that open connections, if this version of pymongo is known. Call this after pymongo is
        imported.
        """
        from pytest_secantus.direct_driver import clients_connected
        from pytest_secantus.driver import UnknownDriver

        try:
            self._patches.enter_context(clients_connected(self._connect, self._interrupt))
        except (UnknownDriver, ValueError):
            # ValueError: this is not the main thread, so the exceptions of signal handlers cannot be deferred. They could be raised in
            # the main thread in the middle of a command.
            self._patches.close()

    def close(self) -> None:
        """Make new connections use sockets again."""
        self._patches.close()

    def _interrupt(self, thread: int) -> None:
        """Interrupt the command that a given thread is running."""
        server = self._worker.server_here
        if server is not None:
            server.interrupt_thread(thread)

    def _connect(self, asked: Any, options: Any) -> DirectConnection | None:
        """Return a direct connection for a client that connects to `asked`, or None if that is not our server's address.

        Also return None for a client with TLS, because the server must refuse its handshake as it would over a socket.
        """
        from pytest_secantus.driver import is_of_shadow

        server, redirect = self._worker.server_here, self._worker.redirect
        if server is None or options._ssl_context is not None or is_of_shadow(options) or is_patched():
            return None
        is_taken = redirect is not None and redirect.in_place and redirect.takes(*asked[:2])
        if not is_taken and address(*asked[:2]) != address("127.0.0.1", server.port):
            return None
        return server.connect_directly()
