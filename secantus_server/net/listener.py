"""The listener, which accepts connections and starts a thread for each connection."""

from __future__ import annotations

import _socket
import contextlib
import errno
import itertools
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.operations import Operation
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError
from secantus_server.net.connection import Connection
from secantus_server.net.descriptors import raise_descriptor_limit
from secantus_server.net.direct import NESTED, NESTED_S, DirectConnection, DirectTransport, Reaper, is_in_server
from secantus_server.net.establishment import Establishment
from secantus_server.net.plain import PlainTransport, new_turn
from secantus_server.net.refusal import Refusal
from secantus_server.net.transport import Transport
from secantus_server.settings import Settings
from secantus_server.system._clock import monotonic
from secantus_server.system._threads import Lock, Thread
from secantus_server.system.conditions import Event
from secantus_server.system.sockets import Socket, listen, listen_at
from secantus_server.wire.op_query import HELLO_NAMES

if TYPE_CHECKING:
    from secantus_server.diagnostics.log import Log
    from secantus_server.net.certificates import Certificates
    from secantus_server.net.strangers import Strangers


class ListenError(Exception):
    """Raised if the server cannot listen on its address. The message contains the reason."""


# How long close() waits until clients have received the replies of interrupted commands, and then until the connections' threads end.
DRAIN_S = 2.0
CLOSE_TIMEOUT_S = 5.0
# How long to pause after running out of descriptors or threads, so that some can be released.
EXHAUSTED_PAUSE_S = 0.05
# A read that has run longer is interrupted if its client has disconnected, since its result cannot be sent. Writes are completed.
ABANDONED_AFTER_S = 1.0
_READS = frozenset(["find", "aggregate", "count", "distinct", "getMore", "waitForFailPoint"])

# The address of direct clients. Each appears to have its own port, from the usual range of ephemeral ports.
_OWN_HOST = "127.0.0.1"
_EPHEMERAL_PORTS = range(32768, 61000)

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - they are keys here; nothing listens on them.
_PASSING_ERRORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def _strangers(services: Services) -> Strangers | None:
    """Return the limit on connections without a login, or None if no client has to log in."""
    if services.access is None:
        return None
    # Imported here, because few servers use it, and an import at the top would slow down every start of a server.
    from secantus_server.net.strangers import Strangers, default_limit

    return Strangers(services, services.settings.max_unauthenticated_connections or default_limit(services.connection_limit))


def reachable_address(host: str, port: int) -> str:
    """Return `host:port` for a client on this machine.

    A wildcard address is replaced by the loopback address, and an IPv6 address is written in brackets.
    """
    host = _WILDCARDS.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def advertised_address(settings: Settings, port: int) -> str:
    """Return the address `host:port` at which clients reach the server.

    Arguments:
        port: the port that the server listens on.
    """
    host = settings.advertised_host or settings.host
    has_port = host.count(":") == 1 or "]:" in host
    return host if has_port else reachable_address(host.strip("[]"), port)


def direct_port(number: int) -> int:
    """Return the client port to report for an in-process connection, which has no socket and thus no real port.

    Arguments:
        number: the number of the connection.
    """
    return _EPHEMERAL_PORTS[number % len(_EPHEMERAL_PORTS)]


class Listener:
    """The listening sockets of a server, with the threads that accept connections and the open connections.

    Threads: `_lock` guards `_connections`, `_strangers` and `_closed`. The accept threads and each connection's thread acquire it.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = Lock()
        self._connections: dict[Connection, Thread | DirectConnection] = {}
        self._closed = False
        self._closing = Event()
        self._establishment = Establishment(services, self._closing)
        self._ids = itertools.count(1)
        self._turn = new_turn()
        services.connection_limit = services.settings.max_connections or raise_descriptor_limit()
        self._refusal = Refusal(services, services.connection_limit)
        self.certificates = _certificates(services)
        if self.certificates is not None:
            services.reload_certificates = partial(_reload, self.certificates, services.log)
        self._strangers = _strangers(services)
        tcp = self._open()
        self.port: int = tcp.getsockname()[1]
        self._unix_path = self._path_of_unix_socket()
        self._sockets = [tcp, *self._open_unix(tcp)]
        self._accepting = [Thread(self._accept, (one,), "secantus-accept") for one in self._sockets]
        self._reaper = Reaper(self._end_direct)

    @property
    def address(self) -> str:
        """Return the address `host:port` to which clients connect."""
        return advertised_address(self._services.settings, self.port)

    @property
    def addresses(self) -> list[str]:
        """Return the address `host:port`, and the path of the Unix domain socket if there is one."""
        return [self.address, *([] if self._unix_path is None else [str(self._unix_path)])]

    def _open(self) -> Socket:
        """Bind the server's address and return the listening socket.

        Raises:
            ListenError: the host name cannot be resolved, or the address cannot be bound.
        """
        settings = self._services.settings
        try:
            return listen(settings.host, settings.port)
        except (_socket.gaierror, UnicodeError) as error:
            raise ListenError(f"The host name {settings.host!r} cannot be resolved: {getattr(error, 'strerror', error)}.") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ListenError(
                    f"Port {settings.port} of {settings.host} is in use by another process; choose another port, or 0 for a free one."
                ) from None
            raise ListenError(f"Cannot listen on {settings.host}:{settings.port}: {os.strerror(error.errno or 0)}.") from None

    def _path_of_unix_socket(self) -> Path | None:
        prefix = self._services.settings.unix_socket_prefix
        return Path(prefix).absolute() / f"mongodb-{self.port}.sock" if prefix else None

    def _open_unix(self, tcp: Socket) -> list[Socket]:
        """Return the listening Unix domain socket, if the settings ask for one. Close the other socket on failure.

        Raises:
            ListenError: the server cannot listen at the path.
        """
        if self._unix_path is None:
            return []
        try:
            return [listen_at(self._unix_path)]
        except OSError as error:
            tcp.close()
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise ListenError(f"Cannot listen on the Unix domain socket {self._unix_path}: {reason}.") from None

    def start(self) -> None:
        """Start accepting connections."""
        for thread in self._accepting:
            thread.start()

    def close(self) -> None:
        """Stop accepting connections and interrupt running commands. Then wait until clients have received their replies and all
        connections ended.
        """
        with self._lock:
            self._closed = True
            running = list(self._connections.items())
        self._closing.set()
        self._close_sockets()
        for connection, _ in running:
            connection.finish()
        threads: list[Thread | DirectConnection] = [*self._accepting, *(thread for _, thread in running)]
        self._join(threads, DRAIN_S)
        for connection, _ in running:
            connection.end()
        self._join(threads, CLOSE_TIMEOUT_S)
        self._reaper.close([thread for _, thread in running if isinstance(thread, DirectConnection)])

    def _close_sockets(self) -> None:
        if self._unix_path is not None:
            with contextlib.suppress(OSError):
                self._unix_path.unlink()
        for one in self._sockets:
            try:
                one.shutdown(_socket.SHUT_RDWR)
            except OSError as error:
                self._services.log.debug(f"listener: {error}", component="NETWORK")
            one.close()

    def abandon(self) -> None:
        """Close a forked child's copies of the sockets. The parent process continues to use its own."""
        for one in self._sockets:
            one.close()
        for connection, thread in list(self._connections.items()):
            connection.abandon()
            if isinstance(thread, DirectConnection):
                thread.abandon()

    def _join(self, threads: list[Thread | DirectConnection], timeout_s: float) -> None:
        """Wait until the threads terminate, but at most `timeout_s` seconds.

        Meanwhile, interrupt all commands repeatedly, because a connection may still start a command that it had already received.
        """
        deadline = monotonic() + timeout_s
        for thread in threads:
            while thread.is_alive() and not thread.is_current() and monotonic() < deadline:
                self._services.operations.shut_down()
                thread.join(0.01)

    def check_clients(self) -> None:
        """Close connections whose first command is overdue, and interrupt reads and waiting hellos whose clients have disconnected. A
        periodic task calls this method.
        """
        self._end_overdue()
        self._end_abandoned()

    def _end_overdue(self) -> None:
        """Close connections whose first command has not arrived within `handshake_timeout_s`.

        A timeout for each read would not suffice, because a client could send its handshake one byte at a time.
        """
        limit = self._services.settings.handshake_timeout_s
        if not limit or (self.certificates is None and self._strangers is None):
            return
        before = self._services.clock.monotonic() - limit
        with self._lock:
            overdue = [one for one in self._connections if not one.client.requests and one.client.opened < before]
        for connection in overdue:
            self._services.log.info(
                f"connection {connection.client.connection_id}: closed: it sent no command within handshake_timeout_s = {limit}"
            )
            connection.end()

    def _end_abandoned(self) -> None:
        """Interrupt reads, and hellos that wait, if their clients have closed the connections. For example, mongosh closes its connection
        on Ctrl-C.
        """
        services = self._services
        before = services.clock.monotonic() - ABANDONED_AFTER_S
        running = {one.connection_id: one for one in services.operations.all() if _is_interrupted(one, before)}
        if not running:
            return
        with self._lock:
            connections = [connection for connection in self._connections if connection.client.connection_id in running]
        for connection in connections:
            if connection.peek_closed():
                operation = running[connection.client.connection_id]
                operation.interrupt(CommandError(279, "operation was interrupted because a client disconnected"))

    def connections(self) -> list[ClientInfo]:
        """Return the connected clients."""
        with self._lock:
            return [connection.client for connection in self._connections]

    def _accept(self, listening: Socket) -> None:
        while not self._closed:
            try:
                self._begin(*listening.accept())
            except OSError as error:
                if error.errno in _PASSING_ERRORS:
                    self._services.log.warning(
                        f"cannot accept a connection: {error.strerror}; close unused clients, or raise the limit (ulimit -n)"
                    )
                    self._closing.wait(EXHAUSTED_PAUSE_S)
                elif self._closed or error.errno in (errno.EBADF, errno.EINVAL):
                    return

    def _begin(self, sock: Socket, address: tuple[str, int]) -> None:
        """Start a thread for a new connection. If the connection limit is reached, refuse the connection.

        Raises:
            OSError: the client has already disconnected.
        """
        client = ClientInfo(next(self._ids), (address[0], address[1]), opened=self._services.clock.monotonic())
        try:
            if not sock.is_unix:
                if self._services.access is not None:
                    client.server_address = sock.getsockname()[0]
                sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
                sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1)
            self._register(self._transport(sock, client), client)
        except OSError:
            sock.close()
            raise

    def _transport(self, sock: Socket, client: ClientInfo) -> Transport:
        plain = PlainTransport(sock, self._turn)
        if self.certificates is None:
            return plain
        from secantus_server.net.tls import TlsTransport

        return TlsTransport(plain, self.certificates, client, self._services.counters.add)

    def _register(self, transport: Transport, client: ClientInfo) -> None:
        connection = Connection(transport, client, self._services)
        thread = Thread(self._serve, (connection,), f"secantus-conn{client.connection_id}")
        with self._lock:
            if self._closed:
                connection.close()
                return
            if len(self._connections) >= self._services.connection_limit:
                self._refusal.refuse(transport)
                return
            self._connections[connection] = thread
            if self._strangers is not None:
                self._strangers.add(connection)
            try:
                thread.start()
            except RuntimeError as error:
                self._forget(connection)
                connection.close()
                self._services.log.warning(f"cannot start a thread for a connection: {error}", component="NETWORK")
                return
        self._services.counters.add("connections")

    def connect(self) -> DirectConnection | None:
        """Open an in-process connection, without a socket, for a client of this process.

        Returns:
            the client's end, or None if the client must use a socket. This is the case if the server is closing, uses TLS or
            authentication, or has reached its connection limit. Only a socket connection can report that limit.

        Raises:
            OSError: a finalizer or a signal handler has interrupted a command in this thread and cannot connect because that command
                holds the necessary locks.
        """
        if self._services.access is not None or self.certificates is not None:
            return None
        if not is_in_server(self._services):
            return self._connect()
        made: list[DirectConnection | None] = []
        thread = Thread(lambda: made.append(self._connect()), (), "secantus-nested")
        thread.start()
        thread.join(NESTED_S)
        if not made:
            raise ConnectionAbortedError(NESTED)
        return made[0]

    def _connect(self) -> DirectConnection | None:
        """Open an in-process connection, as `connect` does. The calling thread must not hold any lock of the server."""
        number = next(self._ids)
        client = ClientInfo(number, (_OWN_HOST, direct_port(number)), opened=self._services.clock.monotonic())
        transport = DirectTransport()
        connection = Connection(transport, client, self._services)
        direct = DirectConnection(connection, transport, self._services, self._turn, self._reaper.add)
        with self._lock:
            if self._closed or len(self._connections) >= self._services.connection_limit:
                return None
            self._connections[connection] = direct
        self._reaper.start()
        self._services.connections.add(client)
        self._services.counters.add("connections")
        return direct

    def _end_direct(self, direct: DirectConnection) -> None:
        """Remove an in-process connection that has ended. The reaper thread calls this method."""
        with self._lock:
            if direct.connection not in self._connections:
                return
            self._forget(direct.connection)
        self._services.connections.remove(direct.connection.client)
        self._services.counters.add("connectionsEnded")

    def _serve(self, connection: Connection) -> None:
        self._services.connections.add(connection.client)
        try:
            if self._establishment.admit(connection):
                connection.serve()
            else:
                connection.close()
        finally:
            self._services.connections.remove(connection.client)
            self._services.counters.add("connectionsEnded")
            with self._lock:
                self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        """Remove a connection that has ended. The caller must hold `_lock`."""
        del self._connections[connection]
        if self._strangers is not None:
            self._strangers.remove(connection)


def _certificates(services: Services) -> Certificates | None:
    """Load and return the server's certificates, or None if the server does not accept TLS.

    Raises:
        CertificateError: the certificates cannot be used.
    """
    if not services.settings.takes_tls:
        return None
    from secantus_server.net.certificates import Certificates

    return Certificates(services.settings)


def _reload(certificates: Certificates, log: Log, reason: str) -> None:
    """Reload the certificates and log the result.

    Raises:
        CertificateError: the new certificates cannot be used. The server continues to use the old certificates.
    """
    try:
        certificates.reload()
    except CommandError as error:
        log.error(f"the certificates were not rotated ({reason}): {error.message}")
        raise
    log.info(f"the certificates were rotated ({reason})")


def _is_interrupted(operation: Operation, before: float) -> bool:
    """Return whether an operation is interrupted if its client has disconnected.

    Arguments:
        before: the time by the server's clock before which a read must have started.
    """
    # The hello of a driver's monitor waits for ten seconds. A suite that opens a client per test would leave many of them waiting.
    if operation.wake is not None and next(iter(operation.body)) in HELLO_NAMES:
        return True
    return operation.started < before and _only_reads(operation.body)


def _only_reads(body: dict[str, Any]) -> bool:
    """Return whether a command only reads."""
    if next(iter(body)) not in _READS:
        return False
    pipeline = body.get("pipeline")
    last = pipeline[-1] if type(pipeline) is list and pipeline else None
    return not (type(last) is dict and ("$out" in last or "$merge" in last))
