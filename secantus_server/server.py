"""SecantusDBServer: assembles, starts and stops the parts of a server.

This is the composition root, the only module that may import every package.
"""

from __future__ import annotations

import os
import weakref
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import Any, Final

from secantus_server.catalog.catalog import Catalog
from secantus_server.checkpoint import checkpoint
from secantus_server.clock import Clock
from secantus_server.commands.all import load_commands
from secantus_server.cursors.registry import CursorRegistry
from secantus_server.diagnostics.counters import Counters
from secantus_server.diagnostics.log import Log
from secantus_server.dispatch.interceptors import Interceptors
from secantus_server.dispatch.operations import Operations
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.topology import Topology
from secantus_server.errors import CommandError
from secantus_server.interceptors.command_log import CommandLog
from secantus_server.interceptors.fail_command import FailCommand
from secantus_server.interceptors.profiler import Profiler
from secantus_server.interceptors.role_check import RoleCheck
from secantus_server.interceptors.slow_log import SlowLog
from secantus_server.interceptors.time_limits import TimeLimits
from secantus_server.net.listener import Listener, ListenError, reachable_address
from secantus_server.oplog.oplog import Oplog
from secantus_server.oplog.retention import retention_of
from secantus_server.periodic import Periodic
from secantus_server.sessions.registry import SessionRegistry
from secantus_server.sessions.retry_rows import load
from secantus_server.settings import Settings, check_names
from secantus_server.snapshots import ServerSnapshot, SetAside, Snapshots
from secantus_server.storage import Engine, StorageError
from secantus_server.system.conditions import Event
from secantus_server.work.auto_commit import AutoCommit
from secantus_server.work.command_records import CommandRecord
from secantus_server.work.index_usage import IndexUsage, index_usage
from secantus_server.work.session_work import SessionWork
from secantus_server.work.snapshot_history import SnapshotHistory
from secantus_server.work.snapshot_reads import run_in_snapshot

load_commands()

#: The errors of `SecantusDBServer.start` that are caused by its settings or the machine.
START_ERRORS: Final = (OSError, StorageError, ListenError)

# The servers running in this process; used only after a fork.
_RUNNING: weakref.WeakSet[SecantusDBServer] = weakref.WeakSet()


def _abandon_all() -> None:
    """Abandon the servers in a forked child, which has none of their threads."""
    for server in list(_RUNNING):
        server.abandon()


os.register_at_fork(after_in_child=_abandon_all)


def _free_memory(services: Services) -> None:
    """Release what a store that is nearly full can do without."""
    services.history.clear()
    services.oplog.trim_if_large()


class SecantusDBServer:
    """A MongoDB server in this process.

    Use it as a context manager, or call `start` and `stop`. It stores its data with WiredTiger, in memory or in a directory,
    and speaks MongoDB's wire protocol on a TCP port.

    Arguments:
        host: the address to listen on.
        port: the TCP port; 0 selects a free one, available as `port`.
        storage_path: a directory, created if missing, or ":memory:".
        clock: the source of time and randomness; a test may pass one that stands still.
        **settings: the other fields of `secantus_server.settings.Settings`. Test commands are enabled by default.

    Raises:
        SettingsError: a setting is invalid.
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
        settings.setdefault("enable_test_commands", True)
        self.settings = Settings(host=host, port=port, storage_path=str(storage_path), **settings)
        self._clock = clock or Clock()
        self._services: Services | None = None
        self._snapshots: Snapshots | None = None
        self._listener: Listener | None = None
        self._periodic: Periodic | None = None
        self._command_log: CommandLog | None = None
        self._stop_asked = Event()
        self._ended = False
        self._abandoned = False

    def start(self) -> SecantusDBServer:
        """Open the store and listen.

        Raises:
            StorageError: the store cannot be opened.
            ListenError: the port cannot be bound.
            RuntimeError: the server is already running.
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
        settings, clock, interceptors = self.settings, self._clock, Interceptors()
        services = Services(
            settings=settings,
            clock=clock,
            engine=engine,
            catalog=Catalog(engine, clock),
            oplog=Oplog(
                engine,
                clock,
                enabled=bool(settings.replica_set),
                retention=retention_of(settings.oplog_size_mb, settings.oplog_min_retention_hours, in_memory=engine.in_memory),
            ),
            cursors=CursorRegistry(clock),
            sessions=SessionRegistry(clock),
            operations=operations,
            topology=Topology(settings, clock, interceptors.refresh),
            interceptors=interceptors,
            counters=Counters(),
            log=Log(settings.log_level),
            request_stop=self.request_stop,
        )
        services.sessions.resume(load(engine))
        services.work = AutoCommit(services)
        services.run_in_snapshot = run_in_snapshot
        services.history = SnapshotHistory(services)
        engine.call_when_crowded(partial(_free_memory, services))
        services.open_transaction = partial(SessionWork, services)
        interceptors.install(SlowLog(services), Profiler(services), TimeLimits(services), FailCommand(services), RoleCheck(services))
        return services

    def wait(self) -> None:
        """Block until the server is asked to stop, by the shutdown command or by `stop` in another thread."""
        self._stop_asked.wait()

    def request_stop(self) -> None:
        """Let `wait` return. This only sets an event, so that commands and signal handlers may call it."""
        self._stop_asked.set()

    def stop(self) -> None:
        """Close every connection, wake all waiting threads, and close the store. A second call does nothing.

        Raises:
            StorageError: the store had already stopped, for instance because the disk is full, or cannot be closed cleanly.
                Acknowledged writes are kept: the next start reads them from the log.
        """
        self.stop_logging_commands()
        services, self._services = self._services, None
        if services is None:
            return
        self._ended = True
        self._stop_asked.set()
        _RUNNING.discard(self)
        assert self._listener is not None, "a running server has a listener"
        assert self._periodic is not None, "a running server has its periodic work"
        services.topology.close()
        services.fail_points.close()
        services.writes.close()
        self._periodic.ask_to_stop()
        self._listener.close()
        self._periodic.stop()
        services.cursors.kill_where(lambda cursor: True)
        self._close_store(services)

    def abandon(self) -> None:
        """Abandon the server in a forked child; called automatically. The server continues in the parent."""
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
        """The server's services while it runs.

        Raises:
            RuntimeError: the server is not running.
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
    def snapshots(self) -> tuple[ServerSnapshot, ...]:
        """The open snapshots, outermost first."""
        return self._open_snapshots().open

    def snapshot(self) -> ServerSnapshot:
        """Take a snapshot of the server's contents. Snapshots nest: release or restore the later one first."""
        return self._open_snapshots().take()

    def restore(self, snapshot: ServerSnapshot) -> None:
        """Restore the contents at a snapshot, which stays usable; cursors and sessions opened since are ended.

        Raises:
            StorageError: the snapshot was released, or an earlier one was restored.
        """
        self._open_snapshots().restore(snapshot)

    def keep_definitions(self) -> None:
        """Make restores keep the definitions of collections that were created and not dropped, and remove only their documents.

        A collection or view created since the snapshot does not appear in listings after the restore. It comes back, with its options and
        indexes but without documents, when a command writes to it or looks it up. An index created since on an older collection is kept
        immediately. This is for libraries that create their collections and indexes once per process.
        """
        self.services.catalog.keeps_definitions = True

    def release(self, snapshot: ServerSnapshot) -> None:
        """Release a snapshot and keep later writes."""
        self._open_snapshots().release(snapshot)

    def written_since(self, snapshot: ServerSnapshot) -> bool:
        """Return whether anything was written since a snapshot."""
        return self._open_snapshots().written_since(snapshot)

    def set_aside(self, snapshot: ServerSnapshot) -> SetAside:
        """Undo the writes since a snapshot, end it and all later ones, and return the state for `put_back`."""
        return self._open_snapshots().set_aside(snapshot)

    def put_back(self, aside: SetAside) -> None:
        """Retake the snapshots that were set aside, and repeat the writes since each on the current contents.

        Raises:
            CommandError: 11000 if a document conflicts with one written meanwhile.
        """
        self._open_snapshots().put_back(aside)

    def log_commands(self, ignored: str = "") -> None:
        """Begin to keep the commands that clients send, unless the server already does; `logged_commands` returns them.

        Arguments:
            ignored: the application name, or comment, of commands that are not kept.
        """
        if self._command_log is None:
            self._command_log = CommandLog(ignored)
            self.services.interceptors.install(self._command_log)

    def stop_logging_commands(self) -> None:
        """Keep no further commands, and forget those that were kept."""
        log, self._command_log = self._command_log, None
        if log is not None and self._services is not None:
            self._services.interceptors.remove(log)

    def logged_commands(self, start: int = 0) -> list[CommandRecord]:
        """Return the commands that have run since `log_commands`, from a position on; an empty list without a log."""
        return [] if self._command_log is None else self._command_log.records(start)

    def command_log_position(self) -> int:
        """Return the position after the last command in the log."""
        return 0 if self._command_log is None else self._command_log.position()

    def commands_left_out(self) -> int:
        """Return the number of commands that did not fit into the log."""
        return 0 if self._command_log is None else self._command_log.left_out

    def index_usage(self, start: int = 0) -> list[IndexUsage]:
        """Return how often the indexes of the collections that logged commands name were used, without those on `_id`.

        Arguments:
            start: the position in the log of the first command.
        """
        namespaces = set() if self._command_log is None else self._command_log.namespaces(start)
        return index_usage(self.services.catalog.view, sorted(namespaces))

    def clear_command_log(self) -> None:
        """Forget the commands so far; positions in the log stay valid."""
        if self._command_log is not None:
            self._command_log.clear()

    def checkpoint(self) -> AbstractContextManager[ServerSnapshot]:
        """Undo the writes of a block at its end."""
        return checkpoint(self)
