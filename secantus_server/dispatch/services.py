"""What the commands of one server share: made once by the server, handed to every request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from secantus_server.bson.values import Date
from secantus_server.clock import Clock
from secantus_server.dispatch.connections import Connections
from secantus_server.dispatch.interceptors import Interceptors
from secantus_server.dispatch.observer import Observer
from secantus_server.dispatch.operations import Operations
from secantus_server.oplog.write_signal import WriteSignal
from secantus_server.settings import Settings

if TYPE_CHECKING:
    from secantus_server.catalog.catalog import Catalog
    from secantus_server.cursors.registry import CursorRegistry
    from secantus_server.diagnostics.counters import Counters
    from secantus_server.diagnostics.log import Log
    from secantus_server.dispatch.topology import Topology
    from secantus_server.dispatch.unit_of_work import UnitOfWork
    from secantus_server.oplog.oplog import Oplog
    from secantus_server.sessions.registry import SessionRegistry
    from secantus_server.storage import Engine, StorageError


@dataclass
class Services:
    """The parts of a running server.

    Arguments:
        request_stop: asks the server to stop; it does so in another thread.
        parameters: what setParameter has set; replaced whole, since snapshots keep it.
        connections: the clients that are connected.
        interceptors: what is done around every command.
        work: how commands read and write outside multi-document transactions; `server.py` sets it.
        observer: which commands are profiled and logged.
        index_filters: what planCacheSetFilter has set, by the collection's UUID and the query shape's hash.
        started: when, on the monotonic clock.
        connection_limit: how many connections there may be at a time; the listener sets it.
        failure: why the store cannot go on, once that has happened.
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
    writes: WriteSignal = field(default_factory=WriteSignal)
    parameters: dict[str, Any] = field(default_factory=dict)
    connections: Connections = field(default_factory=Connections)
    interceptors: Interceptors = field(default_factory=Interceptors)
    work: UnitOfWork = field(init=False)
    observer: Observer = field(init=False)
    index_filters: dict[bytes, dict[str, dict[str, Any]]] = field(default_factory=dict)
    started: float = field(init=False)
    connection_limit: int = 0
    failure: StorageError | None = None

    def __post_init__(self) -> None:
        self.started = self.clock.monotonic()
        self.observer = Observer(self.clock, self.interceptors.refresh)

    def started_at(self) -> Date:
        """When the server started."""
        return Date(self.clock.now_ms() - int((self.clock.monotonic() - self.started) * 1000))

    def fail(self, error: StorageError) -> None:
        """The store cannot go on: say so once, and ask the server to stop."""
        if self.failure is None:
            self.failure = error
            self.log.error(error.message)
            self.request_stop()
