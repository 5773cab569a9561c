"""SecantusDBServer: puts the parts together, starts them and stops them.

This is the composition root, the only module that may import every package.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from secantus_server.catalog.catalog import Catalog
from secantus_server.clock import Clock
from secantus_server.commands.all import load_commands
from secantus_server.cursors.registry import CursorRegistry
from secantus_server.diagnostics.counters import Counters
from secantus_server.diagnostics.log import Log
from secantus_server.dispatch.operations import Operations
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.topology import Topology
from secantus_server.errors import CommandError
from secantus_server.interceptors.profiler import Profiler
from secantus_server.interceptors.slow_log import SlowLog
from secantus_server.net.listener import Listener, reachable_address
from secantus_server.oplog.oplog import Oplog
from secantus_server.periodic import Periodic
from secantus_server.sessions.registry import SessionRegistry
from secantus_server.settings import Settings, check_names
from secantus_server.snapshots import SetAside, Snapshot, Snapshots
from secantus_server.storage import Engine
from secantus_server.system.conditions import Event

load_commands()

# Only for forks: the servers that run in this process.
_RUNNING: weakref.WeakSet[SecantusDBServer] = weakref.WeakSet()


def _abandon_all() -> None:
    """A fork's child has none of the threads that serve, so its copies of the servers are stopped ones."""
    for server in list(_RUNNING):
        server.abandon()


os.register_at_fork(after_in_child=_abandon_all)


class SecantusDBServer:
    """A MongoDB server in this process.

    Use it as a context manager, or call `start` and `stop`. It stores its data in WiredTiger, in memory or in a directory,
    and speaks MongoDB's wire protocol on a TCP port.

    Arguments:
        host: the address to listen on.
        port: the TCP port; 0 takes a free one, which `port` then tells.
        storage_path: a directory, made if it is not there, or ":memory:".
        clock: time and randomness; a test may give one that stands still.
        **settings: the other fields of `secantus_server.settings.Settings`.

    Raises:
        SettingsError: a setting that cannot be.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 27017,
        storage_path: str = "./secantus-data",
        *,
        clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        check_names(settings, "SecantusDBServer")
        self.settings = Settings(host=host, port=port, storage_path=str(storage_path), **settings)
        self._clock = clock or Clock()
        self._services: Services | None = None
        self._snapshots: Snapshots | None = None
        self._listener: Listener | None = None
        self._periodic: Periodic | None = None
        self._stop_asked = Event()
        self._ended = False
        self._abandoned = False

    def start(self) -> SecantusDBServer:
        """Open the store and listen.

        Raises:
            StorageError: the store cannot be opened.
            ListenError: the port cannot be listened on.
            RuntimeError: the server is running already.
        """
        if self._services is not None:
            raise RuntimeError("the server is running already")
        if self._ended:
            self._stop_asked, self._ended, self._abandoned = Event(), False, False
        operations = Operations(self._clock)
        size = self.settings.cache_size_mb or None
        engine = Engine.open(self.settings.storage_path, cache_size_mb=size, check_waiting=operations.check_waiting)
        try:
            self._services = self._assemble(engine, operations)
            self._listener = Listener(self._services)
            self._snapshots = Snapshots(self._services)
            self._services.topology.address = self._listener.address
            self._periodic = Periodic(self._services, self._listener.end_abandoned)
        except BaseException:
            self._services = None
            engine.close()
            raise
        self._periodic.start()
        self._listener.start()
        _RUNNING.add(self)
        self._services.log.info(f"listening on {self._services.topology.address}")
        return self

    def _assemble(self, engine: Engine, operations: Operations) -> Services:
        settings, clock = self.settings, self._clock
        services = Services(
            settings=settings,
            clock=clock,
            engine=engine,
            catalog=Catalog(engine, clock),
            oplog=Oplog(engine, clock, enabled=bool(settings.replica_set)),
            cursors=CursorRegistry(clock),
            sessions=SessionRegistry(clock),
            operations=operations,
            topology=Topology(settings, clock),
            counters=Counters(),
            log=Log(settings.log_level),
            request_stop=self.request_stop,
        )
        services.interceptors.install(SlowLog(services), Profiler(services))
        return services

    def wait(self) -> None:
        """Block until the server is asked to stop, by the shutdown command or by `stop` in another thread."""
        self._stop_asked.wait()

    def request_stop(self) -> None:
        """Let `wait` return. It only sets an event, so that a command or a signal may call it."""
        self._stop_asked.set()

    def stop(self) -> None:
        """End every connection, wake whatever waits, and close the store. A second call does nothing.

        Raises:
            StorageError: the store had stopped before, on a full disk for instance; or it cannot be closed cleanly. What was
                acknowledged is kept: the next start reads it from the log.
        """
        services, self._services = self._services, None
        if services is None:
            return
        self._ended = True
        self._stop_asked.set()
        _RUNNING.discard(self)
        assert self._listener is not None, "a running server has a listener"
        assert self._periodic is not None, "a running server has its periodic work"
        services.topology.close()
        services.writes.close()
        self._periodic.ask_to_stop()
        self._listener.close()
        self._periodic.stop()
        services.cursors.kill_where(lambda cursor: True)
        self._close_store(services)

    def abandon(self) -> None:
        """For the child of a fork, where it is called by itself: the server goes on in the parent, here it is over."""
        services, self._services = self._services, None
        self._ended = self._abandoned = True
        assert services is not None, "only running servers are abandoned"
        assert self._listener is not None, "a running server has a listener"
        self._listener.abandon()
        services.engine.abandon()

    def _close_store(self, services: Services) -> None:
        try:
            services.engine.close()
        except CommandError:
            if services.failure is None:
                raise
        if services.failure is not None:
            raise services.failure

    def __enter__(self) -> SecantusDBServer:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.stop()

    @property
    def services(self) -> Services:
        """The server's parts while it runs.

        Raises:
            RuntimeError: it does not run.
        """
        if self._services is None:
            raise self._not_running()
        return self._services

    def _not_running(self) -> RuntimeError:
        if self._abandoned:
            return RuntimeError("the server is not running in this fork of its process; with pytest, use secantus_process = yes")
        return RuntimeError("the server is not running; call start() first")

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return self.settings.port if self._listener is None else self._listener.port

    @property
    def uri(self) -> str:
        """The connection string for MongoClient."""
        return f"mongodb://{reachable_address(self.settings.host, self.port)}/?directConnection=true"

    def _open_snapshots(self) -> Snapshots:
        if self._services is None or self._snapshots is None:
            raise self._not_running()
        return self._snapshots

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """The open snapshots, outermost first."""
        return self._open_snapshots().open

    def snapshot(self) -> Snapshot:
        """Remember what the server holds now. Snapshots nest: release or restore the later one first."""
        return self._open_snapshots().take()

    def restore(self, snapshot: Snapshot) -> None:
        """Put everything back to what it was at the snapshot, which stays usable; what was opened since is ended.

        Raises:
            StorageError: the snapshot was released, or an earlier one restored.
        """
        self._open_snapshots().restore(snapshot)

    def keep_definitions(self) -> None:
        """From now on a restore takes away documents and keeps definitions: what was created and not dropped.

        A collection or view made since the snapshot is shown in no listing after the restore. It comes back - its options and
        indexes, no documents - when a command writes to it or asks about it. An index made since on an older collection is there
        at once. This is for libraries that make their collections and indexes once per process.
        """
        self.services.catalog.keeps_definitions = True

    def release(self, snapshot: Snapshot) -> None:
        """Forget a snapshot and keep what was written since."""
        self._open_snapshots().release(snapshot)

    def written_since(self, snapshot: Snapshot) -> bool:
        """Whether anything was written since a snapshot."""
        return self._open_snapshots().written_since(snapshot)

    def set_aside(self, snapshot: Snapshot) -> SetAside:
        """Undo what was written since a snapshot, end it and those taken later, and return what `put_back` needs."""
        return self._open_snapshots().set_aside(snapshot)

    def put_back(self, aside: SetAside) -> None:
        """Take the snapshots that were set aside again, and write on top of what is there now what was written since each.

        Raises:
            CommandError: 11000 where a document does not fit beside one written meanwhile.
        """
        self._open_snapshots().put_back(aside)

    @contextmanager
    def checkpoint(self) -> Iterator[Snapshot]:
        """A block whose writes are undone at its end."""
        snapshot = self.snapshot()
        try:
            yield snapshot
        finally:
            self.restore(snapshot)
            self.release(snapshot)
