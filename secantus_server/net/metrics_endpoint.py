"""The HTTP server for metrics. It serves one connection at a time, and one request per connection."""

from __future__ import annotations

import _socket
import os
from typing import Final

from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError
from secantus_server.net.listener import ListenError
from secantus_server.net.metrics import metrics_text
from secantus_server.system._threads import Thread
from secantus_server.system.sockets import Socket, listen

#: How long a client may take to send its request, and to take the answer.
TIMEOUT_S: Final = 5.0
_MAX_REQUEST_BYTES: Final = 8192
_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


class MetricsEndpoint:
    """An HTTP server that answers `GET /metrics` in its own thread until it is closed.

    Arguments:
        services: the server's services; the settings contain the address.

    Raises:
        ListenError: the address cannot be bound.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        settings = services.settings
        try:
            self._socket = listen(settings.metrics_host, settings.metrics_port)
        except OSError as error:
            reason = os.strerror(error.errno or 0) if not isinstance(error, _socket.gaierror) else "the host name cannot be resolved"
            raise ListenError(f"Cannot listen on {settings.metrics_host}:{settings.metrics_port} for metrics: {reason}.") from None
        self._closed = False
        self._thread = Thread(self._serve, name="secantus-metrics")

    def start(self) -> None:
        """Start the thread that answers requests."""
        self._thread.start()

    def close(self) -> None:
        """Stop answering requests, and wait until the thread terminates."""
        self._closed = True
        try:
            self._socket.shutdown(_socket.SHUT_RDWR)
        except OSError as error:
            self._services.log.debug(f"metrics: {error}", component="NETWORK")
        self._socket.close()
        self._thread.join(TIMEOUT_S)

    def abandon(self) -> None:
        """Close a forked child's copy of the listening socket."""
        self._socket.close()

    def _serve(self) -> None:
        while not self._closed:
            try:
                client, _address = self._socket.accept()
            except OSError:
                return
            try:
                self._answer(client)
            except (OSError, CommandError) as error:
                self._services.log.debug(f"metrics: {error}", component="NETWORK")
            finally:
                client.close()

    def _answer(self, client: Socket) -> None:
        client.settimeout(TIMEOUT_S)
        request = b""
        while b"\r\n\r\n" not in request and len(request) < _MAX_REQUEST_BYTES:
            piece = client.recv(_MAX_REQUEST_BYTES)
            if not piece:
                return
            request += piece
        method, _, rest = request.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            answer = _response("405 Method Not Allowed", "use GET\n")
        elif path != b"/metrics":
            answer = _response("404 Not Found", "the metrics are at /metrics\n")
        else:
            answer = _response("200 OK", metrics_text(self._services))
        client.sendall(answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if method == b"HEAD" else answer)


def _response(status: str, body: str) -> bytes:
    data = body.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {_TEXT}\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    return head.encode() + data
