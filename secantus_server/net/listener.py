"""The listening socket: accepts connections and gives each a thread."""

from __future__ import annotations

import errno
import itertools
import socket
import threading

from secantus_server.commands.request import ClientInfo
from secantus_server.commands.services import Services
from secantus_server.net.connection import Connection


class ListenError(Exception):
    """The address cannot be listened on; the text says why."""


class Listener:
    """Accepts connections until it is closed.

    Threads: `_lock` guards `_connections` and `_closed`; the accept thread and each connection's thread take it.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._connections: dict[Connection, threading.Thread] = {}
        self._closed = False
        self._ids = itertools.count(1)
        self._socket = self._open()
        self.host, self.port = self._socket.getsockname()[:2]
        self._thread = threading.Thread(target=self._accept, name="secantus-accept", daemon=True)

    def _open(self) -> socket.socket:
        settings = self._services.settings
        try:
            family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
            return socket.create_server((settings.host, settings.port), family=family, backlog=512)
        except socket.gaierror as error:
            raise ListenError(f"The host name {settings.host!r} cannot be resolved: {error.strerror}.") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ListenError(
                    f"Port {settings.port} of {settings.host} is taken by another process; choose another port, or 0 for a free one."
                ) from None
            raise ListenError(f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}.") from None

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    def close(self) -> None:
        """Accept no more, end every connection, and wait until their threads are through."""
        with self._lock:
            self._closed = True
            running = list(self._connections.items())
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            self._services.log.debug(f"listener: {error}")
        self._socket.close()
        for connection, _ in running:
            connection.close()
        for thread in [self._thread, *(thread for _, thread in running)]:
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join(timeout=5)

    def connections(self) -> list[ClientInfo]:
        """The clients that are connected."""
        with self._lock:
            return [connection.client for connection in self._connections]

    def _accept(self) -> None:
        while not self._closed:
            try:
                sock, address = self._socket.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ECONNABORTED):
                    self._services.log.warning(f"cannot accept a connection: {error.strerror}")
                    continue
                return
            self._begin(sock, address)

    def _begin(self, sock: socket.socket, address: tuple[str, int]) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = ClientInfo(next(self._ids), (address[0], address[1]))
        connection = Connection(sock, client, self._services)
        thread = threading.Thread(target=self._serve, args=(connection,), name=f"secantus-conn{client.connection_id}", daemon=True)
        with self._lock:
            if self._closed or len(self._connections) >= self._services.settings.max_connections:
                sock.close()
                return
            self._connections[connection] = thread
        self._services.counters.add("connections")
        thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            self._services.counters.add("connectionsEnded")
            with self._lock:
                del self._connections[connection]
