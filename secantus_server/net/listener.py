"""The listening socket: accepts connections and gives each a thread."""

from __future__ import annotations

import _socket
import errno
import itertools
import os
from typing import Any

from secantus_server.diagnostics.cores import usable_cores
from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError
from secantus_server.net._receive import Turn
from secantus_server.net.connection import Connection
from secantus_server.net.descriptors import raise_descriptor_limit
from secantus_server.net.refusal import Refusal
from secantus_server.system._clock import monotonic
from secantus_server.system._threads import Lock, Thread
from secantus_server.system.conditions import Event
from secantus_server.system.sockets import Socket, listen


class ListenError(Exception):
    """The address cannot be listened on; the text says why."""


# After so many seconds nobody waits any more for the threads of closed connections.
CLOSE_TIMEOUT_S = 5.0
# A descriptor or a thread may be free again after so many seconds.
EXHAUSTED_PAUSE_S = 0.05
# So long a connection looks for its client's next message before it sleeps: a client's time between a reply and its next command is less
# (pymongo's own is 50 to 100 microseconds). Where there is one core only, it would keep the client from running.
PATIENCE_US = 300
# So long it keeps the turn while other threads of the server's process wait for theirs: the next one's threads have to be woken, for which
# this is long enough not to matter. Ten threads that call without a pause wait at most nine times as long.
SHARE_US = 2000
# What runs for longer is ended when its client has gone away, if it does nothing but read: nobody will see what it finds.
ABANDONED_AFTER_S = 1.0
_READS = frozenset(["find", "aggregate", "count", "distinct", "getMore"])

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - they are looked up here, not listened on.
_PASSING_ERRORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def reachable_address(host: str, port: int) -> str:
    """`host:port` for a client on this machine: a wildcard stands for the loopback, and IPv6 has brackets."""
    host = _WILDCARDS.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Listener:
    """Accepts connections until it is closed.

    Threads: `_lock` guards `_connections` and `_closed`; the accept thread and each connection's thread take it.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = Lock()
        self._connections: dict[Connection, Thread] = {}
        self._closed = False
        self._closing = Event()
        self._ids = itertools.count(1)
        self._turn = Turn(PATIENCE_US, SHARE_US) if usable_cores() > 1 else Turn(0)
        services.connection_limit = services.settings.max_connections or raise_descriptor_limit()
        self._refusal = Refusal(services, services.connection_limit)
        self._socket = self._open()
        self.host, self.port = self._socket.getsockname()[:2]
        self._thread = Thread(self._accept, name="secantus-accept")

    @property
    def address(self) -> str:
        """`host:port`, as a client on this machine reaches it."""
        return reachable_address(self.host, self.port)

    def _open(self) -> Socket:
        """The listening socket."""
        settings = self._services.settings
        try:
            return listen(settings.host, settings.port)
        except (_socket.gaierror, UnicodeError) as error:
            raise ListenError(f"The host name {settings.host!r} cannot be resolved: {getattr(error, 'strerror', error)}.") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ListenError(
                    f"Port {settings.port} of {settings.host} is taken by another process; choose another port, or 0 for a free one."
                ) from None
            raise ListenError(f"Cannot listen on {settings.host}:{settings.port}: {os.strerror(error.errno or 0)}.") from None

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    def close(self) -> None:
        """Accept no more, end every connection, interrupt what runs on them, and wait until their threads are through."""
        with self._lock:
            self._closed = True
            running = list(self._connections.items())
        self._closing.set()
        try:
            self._socket.shutdown(_socket.SHUT_RDWR)
        except OSError as error:
            self._services.log.debug(f"listener: {error}")
        self._socket.close()
        for connection, _ in running:
            connection.end()
        self._join([self._thread, *(thread for _, thread in running)])

    def abandon(self) -> None:
        """For the child of a fork: give back its copies of the sockets, on which the parent goes on."""
        self._socket.close()
        for connection in list(self._connections):
            connection.abandon()

    def _join(self, threads: list[Thread]) -> None:
        """Wait for the threads; a command that had come in before its connection was closed is interrupted too."""
        deadline = monotonic() + CLOSE_TIMEOUT_S
        for thread in threads:
            while thread.is_alive() and not thread.is_current() and monotonic() < deadline:
                self._services.operations.kill_all(CommandError(11600, "interrupted at shutdown"))
                thread.join(0.01)

    def end_abandoned(self) -> None:
        """Interrupt the reads whose clients have closed their connections, as a shell does when its user presses Ctrl-C."""
        services = self._services
        before = services.clock.monotonic() - ABANDONED_AFTER_S
        running = {one.connection_id: one for one in services.operations.all() if one.started < before and _only_reads(one.body)}
        if not running:
            return
        with self._lock:
            connections = [connection for connection in self._connections if connection.client.connection_id in running]
        for connection in connections:
            if connection.is_abandoned():
                operation = running[connection.client.connection_id]
                operation.killed = CommandError(279, "operation was interrupted because a client disconnected")

    def connections(self) -> list[ClientInfo]:
        """The clients that are connected."""
        with self._lock:
            return [connection.client for connection in self._connections]

    def _accept(self) -> None:
        while not self._closed:
            try:
                self._begin(*self._socket.accept())
            except OSError as error:
                if error.errno in _PASSING_ERRORS:
                    self._services.log.warning(
                        f"cannot accept a connection: {error.strerror}; close unused clients, or raise the limit (ulimit -n)"
                    )
                    self._closing.wait(EXHAUSTED_PAUSE_S)
                elif self._closed or error.errno in (errno.EBADF, errno.EINVAL):
                    return

    def _begin(self, sock: Socket, address: tuple[str, int]) -> None:
        """Give a connection its thread, or close it where there cannot be another one.

        Raises:
            OSError: the client has gone away meanwhile.
        """
        client = ClientInfo(next(self._ids), (address[0], address[1]))
        connection = Connection(sock, client, self._services, self._turn)
        thread = Thread(self._serve, (connection,), f"secantus-conn{client.connection_id}")
        try:
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1)
            self._register(connection, thread, sock)
        except OSError:
            sock.close()
            raise

    def _register(self, connection: Connection, thread: Thread, sock: Socket) -> None:
        with self._lock:
            if self._closed:
                connection.close()
                return
            if len(self._connections) >= self._services.connection_limit:
                self._refusal.refuse(sock)
                return
            self._connections[connection] = thread
            try:
                thread.start()
            except RuntimeError as error:
                del self._connections[connection]
                connection.close()
                self._services.log.warning(f"cannot serve a connection: {error}")
                return
        self._services.counters.add("connections")

    def _serve(self, connection: Connection) -> None:
        self._services.connections.add(connection.client)
        try:
            connection.serve()
        finally:
            self._services.connections.remove(connection.client)
            self._services.counters.add("connectionsEnded")
            with self._lock:
                del self._connections[connection]


def _only_reads(body: dict[str, Any]) -> bool:
    """Whether a command leaves the store as it is."""
    if next(iter(body)) not in _READS:
        return False
    pipeline = body.get("pipeline")
    last = pipeline[-1] if type(pipeline) is list and pipeline else None
    return not (type(last) is dict and ("$out" in last or "$merge" in last))
