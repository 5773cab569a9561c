"""The services of a server, which are created once and passed to every request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field
from typing import TYPE_CHECKING, Any

from bson.timestamp import Timestamp

from secantus_server.auth.throttle import Throttle
from secantus_server.bson.values import Date, timestamp_seconds
from secantus_server.clock import Clock
from secantus_server.dispatch.access import Access
from secantus_server.dispatch.connections import Connections
from secantus_server.dispatch.fail_points import FailPoints
from secantus_server.dispatch.fsync_lock import FsyncLock
from secantus_server.dispatch.interceptors import Interceptors
from secantus_server.dispatch.login_secret import LoginSecret
from secantus_server.dispatch.observer import Observer
from secantus_server.dispatch.operations import Operations
from secantus_server.errors import CommandError
from secantus_server.records import Protocol, record, replace
from secantus_server.settings import Settings
from secantus_server.version import RELEASES, Release

if TYPE_CHECKING:
    from secantus_server.catalog.catalog import Catalog
    from secantus_server.cursors._registry import CursorRegistry
    from secantus_server.diagnostics.counters import Counters
    from secantus_server.diagnostics.log import Log
    from secantus_server.dispatch.client import ClientInfo
    from secantus_server.dispatch.harness import Harness
    from secantus_server.dispatch.registry import Command, Reply
    from secantus_server.dispatch.request import Request
    from secantus_server.dispatch.topology import Topology
    from secantus_server.dispatch.unit_of_work import HeldStates, SessionWork, UnitOfWork
    from secantus_server.oplog._write_signal import WriteSignal
    from secantus_server.oplog.oplog import Oplog
    from secantus_server.sessions._registries import SessionTransaction
    from secantus_server.sessions.registry import SessionRegistry
    from secantus_server.storage import Engine, StorageError
    from secantus_server.wire.message import Unfinished

    Run = Callable[[Command, Request, dict[str, Any]], Reply]


class LaneTransport(Protocol):
    """The part of a connection's transport that the express lane uses; see `net.transport.Transport`."""

    push: Callable[[bytes], int] | None

    def receive(self) -> bytes:
        """Wait for at least one byte, then return all available bytes. At the end of the stream, return an empty value."""

    def send(self, data: bytes) -> None:
        """Send all bytes."""


class ExpressLane(Protocol):
    """The interface of the express lane, which is the fast path for the simplest commands of one connection.

    Attributes:
        unfinished: the state of a command that the express lane started but did not finish, for the general path; or None.
    """

    unfinished: Unfinished | None

    def answer_all(
        self, transport: LaneTransport, request_ids: Iterator[int], failed: Callable[[bytes, Exception], bytes]
    ) -> tuple[bytes, bool]:
        """Receive and answer messages as long as each arrives as a whole and the lane runs its command.

        Returns:
            the bytes that the caller must continue with, and whether they are a message that the lane has left to the general path.
        """

    def answer_one(
        self,
        raw: bytes,
        transport: LaneTransport,
        request_ids: Iterator[int],
        push: Callable[[bytes], int] | None,
        failed: Callable[[bytes, Exception], bytes],
    ) -> bool:
        """Run the command of a message and send the reply. Return False if the general path must run the command.

        Arguments:
            request_ids: the message ids for the connection's replies.
            push: the transport's `push`; None if the command must not wait for data.
            failed: logs an unexpected error of the message's command, and returns the encoded reply.
        """


def no_certificates(_reason: str) -> None:
    """Raise an error, because the server has no TLS certificates to reload.

    Raises:
        CommandError: 140 InvalidSSLConfiguration.
    """
    raise CommandError(140, "The server has no certificates: it was started without tls_cert_file.")


@record()
class Services:
    """The components of a running server.

    Arguments:
        request_stop: requests that another thread stops the server.
        parameters: the values set by setParameter. The dict is replaced as a whole, because snapshots refer to it.
        connections: the connected clients.
        interceptors: the actions before and after commands.
        writes: wakes the readers that wait for data, after each commit.
        work: the unit of work outside multi-document transactions; `assembly.py` sets it.
        open_transaction: begins a session's transaction when its first statement runs; `assembly.py` sets it.
        harness: the interface through which the command secantusTest controls the server; `assembly.py` sets it.
        run_in_snapshot: runs a command with read concern "snapshot"; `assembly.py` sets it.
        history: the past states of the store for commands with read concern "snapshot"; `assembly.py` sets it.
        observer: selects the commands to profile and log.
        express: creates the express lane (fast path) of a connection (`work/_express.pyx`); `assembly.py` sets it.
        fail_points: the fail points that tests set.
        fsync_lock: the lock of fsync, which blocks writes.
        index_filters: the filters set by planCacheSetFilter, by collection UUID and query shape hash. The dict is replaced as a whole.
        release: the release of MongoDB that the server emulates. Each command reads it once.
        query_settings: the query settings (`query.query_settings.QuerySettings`) by query shape hash. The dict is replaced as a whole.
        started: the start time on the monotonic clock.
        connection_limit: the maximum number of simultaneous connections; the listener sets it.
        reload_certificates: reloads the TLS certificates and logs the given reason; the listener sets it.
        failure: the fatal error of the store, or None.
        access: access control, which authorizes clients; None if access control is disabled.
        throttle: counts failed logins and delays later logins.
        login_secret: the secret from which the salts for unknown users are derived.
    """

    settings: Settings
    clock: Clock
    engine: Engine
    catalog: Catalog
    oplog: Oplog
    cursors: CursorRegistry
    sessions: SessionRegistry
    operations: Operations
    topology: Topology
    counters: Counters
    log: Log
    request_stop: Callable[[], None]
    parameters: dict[str, Any] = field(default_factory=dict)
    connections: Connections = field(default_factory=Connections)
    interceptors: Interceptors = field(default_factory=Interceptors)
    work: UnitOfWork = field(init=False)
    open_transaction: Callable[[SessionTransaction], SessionWork] = field(init=False)
    writes: WriteSignal = field(init=False)
    run_in_snapshot: Callable[[Command, Request, dict[str, Any], Run], Reply] = field(init=False)
    history: HeldStates = field(init=False)
    harness: Harness = field(init=False)
    observer: Observer = field(init=False)
    express: Callable[[Services, ClientInfo], ExpressLane] = field(init=False)
    fail_points: FailPoints = field(init=False)
    fsync_lock: FsyncLock = field(init=False)
    index_filters: dict[bytes, dict[str, dict[str, Any]]] = field(default_factory=dict)
    release: Release = field(init=False)
    query_settings: dict[str, Any] = field(default_factory=dict)
    started: float = field(init=False)
    connection_limit: int = 0
    reload_certificates: Callable[[str], None] = no_certificates
    failure: StorageError | None = None
    access: Access | None = None
    throttle: Throttle = field(init=False)
    login_secret: LoginSecret = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock.monotonic()
        self.present(RELEASES[self.settings.compat])
        self.writes = self.oplog.signal
        self.observer = Observer(self.clock, self.interceptors.refresh)
        self.fsync_lock = FsyncLock(self.interceptors.refresh)
        self.throttle = Throttle(self.clock, self.settings.login_delay_ms / 1000)
        self.login_secret = LoginSecret(self.engine, self.clock.random)
        self.fail_points = FailPoints(self.clock.random, self.interceptors.refresh)

    def present(self, release: Release) -> None:
        """Emulate another release of MongoDB, starting with the next command."""
        self.release = release
        self.settings = replace(self.settings, compat=release.name)

    def started_at(self) -> Date:
        """Return the date on which the server started."""
        return Date(self.clock.system_ms() - int((self.clock.monotonic() - self.started) * 1000))

    def document_time(self) -> Timestamp | None:
        """Return the current timestamp for documents and `$$CLUSTER_TIME`, or None without a replica set.

        The timestamp is normally the operation time. If a test has moved the clock, return the clock's time instead, because the
        operation time must never decrease and therefore cannot follow the clock.
        """
        if not self.settings.replica_set:
            return None
        return Timestamp(timestamp_seconds(self.clock.now_ms()), 1) if self.clock.is_moved else self.oplog.newest

    def end_expired_sessions(self) -> None:
        """Remove the sessions that have been idle longer than the timeout, and close their cursors."""
        before = self.sessions.known()
        self.sessions.expire()
        ended = before - self.sessions.known()
        if ended:
            self.cursors.kill_where(lambda cursor: not cursor.in_use and cursor.session in ended)

    def fail(self, error: StorageError) -> None:
        """Log a fatal error of the store and stop the server. Ignore further errors."""
        if self.failure is None:
            self.failure = error
            self.log.error(error.message)
            self.request_stop()
