"""The HTTP server of a console, which runs on a listening socket in the current thread or in a new thread."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Final

import uvicorn

from secantus_console.application import build
from secantus_console.console import Console
from secantus_console.sessions import Sessions

#: The maximum number of concurrent requests. Further requests are answered with 503.
MAX_REQUESTS: Final = 64
_END_TIMEOUT_S: Final = 5


class Serving:
    """The HTTP server of a console.

    Arguments:
        console: the console.
        listener: the listening socket.
        token: the first one-time token.
        announce: called with each new token.
    """

    def __init__(self, console: Console, listener: socket.socket, token: str, announce: Callable[[str], None]) -> None:
        self._console = console
        self._listener = listener
        #: The sessions; they end when serving ends.
        self.sessions = Sessions(announce, time.monotonic, token)
        config = uvicorn.Config(
            build(console, self.sessions),
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            limit_concurrency=MAX_REQUESTS,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Handle requests until another thread calls `stop`, or a signal arrives."""
        try:
            self._server.run([self._listener])
        finally:
            self.sessions.close()
            self._console.close()

    def start(self) -> None:
        """Handle requests in a new thread."""
        self._thread = threading.Thread(target=self.run, name="secantus-console", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop handling requests, and wait for the thread."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_END_TIMEOUT_S)


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket.

    Raises:
        OSError: the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=128)
    # Accepted sockets inherit this. Without it, the second send of a reply waits about 40 ms for the delayed ACK of the first one:
    # asyncio sets it only for sockets that were created with a protocol number.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
