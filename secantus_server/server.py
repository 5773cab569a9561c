"""The class SecantusDBServer, which starts and stops all parts of a server. This module may import every package, as `assembly.py` does."""

from __future__ import annotations

import math
import os
import weakref
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from secantus_server.assembly import assemble
from secantus_server.checkpoint import checkpoint
from secantus_server.clock import Clock
from secantus_server.diagnostics.log import Log
from secantus_server.diagnostics.log_lines import as_json, as_text
from secantus_server.dispatch.fail_points import Mode
from secantus_server.dispatch.operations import Operations
from secantus_server.dispatch.registry import find_command, is_command
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError
from secantus_server.interceptors.fail_command import NAME as FAIL_COMMAND
from secantus_server.interceptors.gate import Gate
from secantus_server.modules import import_late, keep_modules
from secantus_server.net.listener import Listener, ListenError, reachable_address
from secantus_server.periodic import Periodic, expire
from secantus_server.recording import Recording
from secantus_server.settings import Settings, check_names, tls_settings
from secantus_server.snapshots import ServerSnapshot, SetAside, Snapshots
from secantus_server.storage import META, Engine, StorageError
from secantus_server.system.conditions import Event
from secantus_server.version import RELEASES

if TYPE_CHECKING:
    from secantus_server.backup.segments import OplogArchive
    from secantus_server.console_process import ConsoleProcess
    from secantus_server.diagnostics.log_file import LogFile
    from secantus_server.dispatch.harness import Difference, DumpedCollection
    from secantus_server.net.direct import DirectConnection
    from secantus_server.net.metrics_endpoint import MetricsEndpoint
    from secantus_server.query._plan_notes import PlanNotes
    from secantus_server.storage.memory_store import EarlyStore

#: The errors of `SecantusDBServer.start` that are caused by its settings or the machine.
START_ERRORS: Final = (OSError, StorageError, ListenError)

# The servers that are running in this process. The set is used only after a fork.
_RUNNING: weakref.WeakSet[SecantusDBServer] = weakref.WeakSet()


def _import_notes() -> type[PlanNotes]:
    """Return the class of the notes of a command's plans."""
    notes: type[PlanNotes] = import_late("secantus_server.query._plan_notes").PlanNotes
    return notes


def _abandon_all() -> None:
    """Call `abandon` on all servers. This runs in a forked child process, because the servers' threads do not exist there."""
    for server in list(_RUNNING):
        server.abandon()


os.register_at_fork(after_in_child=_abandon_all)


# The first and the last time that a driver can represent, in milliseconds since the Unix epoch.
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999


class SecantusDBServer(Recording):
    """A MongoDB server in this process.

    Use it as a context manager, or call `start` and `stop`. It stores its data with WiredTiger, in memory or in a directory,
    and accepts connections with MongoDB's wire protocol on a TCP port.

    Arguments:
        host: the address to listen on.
        port: the TCP port; 0 selects a free port, which the property `port` returns.
        storage_path: a directory, created if missing, or ":memory:".
        clock: the source of time and randomness. A test may pass a clock that does not run.
        tls: the `tls_*` settings, without the prefix: `{"cert_file": "server.pem", "ca_file": "ca.pem"}`.
        early_store: an in-memory store that is being opened already. The first `start` uses it if it fits the settings.
        **settings: the other fields of `secantus_server.settings.Settings`. Unlike in the daemon, test commands are enabled by default,
            and failed logins are not delayed.

    Raises:
        SettingsError: if a setting is invalid.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 27017,
        storage_path: str = "./secantus-data",
        *,
        clock: Clock | None = None,
        tls: Mapping[str, Any] | None = None,
        early_store: EarlyStore | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        check_names(settings, "SecantusDBServer")
        settings.setdefault("enable_test_commands", True)
        settings.setdefault("login_delay_ms", 0)
        settings = {**settings, **tls_settings(tls)}
        self.settings = Settings(host=host, port=port, storage_path=str(storage_path), **settings).check_together()
        self._clock, self._early_store = clock or Clock(), early_store
        self._services: Services | None = None
        self._log = Log(self.settings.log_level)
        self._gate: Gate | None = None
        self._snapshots: Snapshots | None = None
        self._listener: Listener | None = None
        self._metrics: MetricsEndpoint | None = None
        self._console: ConsoleProcess | None = None
        self._periodic: Periodic | None = None
        self._stop_asked = Event()
        self._ended = False
        self._abandoned = False

    def start(self) -> SecantusDBServer:
        """Open the store, start to accept connections, and return this server.

        Raises:
            StorageError: if the store cannot be opened.
            ListenError: if the port cannot be bound.
            SettingsError: if the settings request a console, but its packages are not installed.
            RuntimeError: if the server is already running.
        """
        if self._services is not None:
            raise RuntimeError("the server is running already")
        if self._ended:
            self._stop_asked, self._ended, self._abandoned = Event(), False, False
        operations = Operations(self._clock, _import_notes)
        self._log = Log(self.settings.log_level, self._open_log_file(), self._clock.now_ms)
        engine = Engine.open(
            self.settings.storage_path,
            cache_size_mb=self.settings.cache_size_mb or None,
            session_max=self.settings.session_max,
            check_waiting=operations.check_waiting,
            early=self._early_store,
        )
        try:
            self._services, self._gate = self._assemble(engine, operations)
            self._listener, self._snapshots = Listener(self._services), Snapshots(self._services)
            self._services.topology.address = self._listener.address
            self._periodic = Periodic(self._services, self._listener.check_clients, self._oplog_archive(self._services))
            self._metrics = self._metrics_endpoint(self._services)
            self._console = self._start_console()
        except BaseException:
            self._services = None
            engine.close()
            raise
        self._periodic.start()
        self._listener.start()
        if self._metrics is not None:
            self._metrics.start()
        _RUNNING.add(self)
        self._note_start(self._listener.addresses)
        return self

    def _metrics_endpoint(self, services: Services) -> MetricsEndpoint | None:
        """Return the HTTP endpoint for metrics, or None if the settings do not enable it."""
        if not self.settings.metrics_port:
            return None
        # Imported here, because few servers use it, and an import at the top would slow down every start of a server.
        from secantus_server.net.metrics_endpoint import MetricsEndpoint

        return MetricsEndpoint(services)

    def _start_console(self) -> ConsoleProcess | None:
        if not self.settings.console:
            return None
        from secantus_server.console_process import start_console

        return start_console(self.settings, self.uri)

    @property
    def console_url(self) -> str | None:
        """Return the address of the console, including a one-time token. Return None if there is no console."""
        return None if self._console is None else self._console.url

    def _note_start(self, addresses: list[str]) -> None:
        for cut in self.services.engine.log_cuts:
            self._log.warning(f"{cut.described()} They are kept in {cut.kept}.")
        for address in addresses:
            details: dict[str, Any] = {"id": 23016, "summary": "Waiting for connections", "attributes": {"address": address}}
            self._log.info(f"listening on {address}", component="NETWORK", **details)

    def _open_log_file(self) -> LogFile | None:
        """Open the log file, or return None if the settings do not specify a log file.

        Raises:
            StorageError: if the file cannot be opened.
        """
        settings = self.settings
        if not settings.log_file:
            return None
        # Imported here, because few servers use it, and an import at the top would slow down every start of a server.
        from secantus_server.diagnostics.log_file import LogFile

        form = as_json if settings.log_format == "json" else as_text
        try:
            return LogFile(Path(settings.log_file).absolute(), form, renames=settings.log_rotate == "rename")
        except OSError as error:
            raise StorageError(f"The log file {settings.log_file} cannot be opened: {(error.strerror or str(error)).lower()}.") from error

    def rotate_log(self) -> None:
        """Start a new log file, if the server has a log file.

        Raises:
            OSError: if the file cannot be renamed or opened.
        """
        self._log.rotate()

    def _oplog_archive(self, services: Services) -> OplogArchive | None:
        """Return the archive of the oplog, or None if the settings do not specify a directory for it.

        Raises:
            CommandError: if the directory cannot be used.
        """
        if not self.settings.oplog_archive_path:
            return None
        # Imported here, because few servers archive their oplog, and importing gzip takes milliseconds.
        from secantus_server.backup.segments import OplogArchive

        with services.engine.transaction() as unit:
            oldest = services.oplog.history_begins_at(unit)
        directory = Path(self.settings.oplog_archive_path).absolute()
        return OplogArchive(services.engine, directory, services.oplog.newest_stamp, oldest)

    def _assemble(self, engine: Engine, operations: Operations) -> tuple[Services, Gate]:
        keep_modules()
        return assemble(self.settings, self._clock, engine, operations, self._log, self, self.request_stop)

    @contextmanager
    def offline(self) -> Iterator[Services]:
        """Return a context manager that opens the store without listening on a port, and provides the server's services.

        Programs use it to run commands on the store.

        Raises:
            StorageError: if the store cannot be opened.
        """
        operations = Operations(self._clock, _import_notes)
        engine = Engine.open(self.settings.storage_path, cache_size_mb=self.settings.cache_size_mb or None)
        try:
            services, _ = self._assemble(engine, operations)
            yield services
            services.writes.close()
        finally:
            engine.close()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until a stop is requested, by the shutdown command or by `stop` in another thread, and return whether one was requested.

        Arguments:
            timeout_s: the maximum time to wait in seconds; None for no limit.
        """
        return self._stop_asked.wait(timeout_s)

    def check_alive(self) -> None:
        """Raise an error if the store cannot be read.

        Raises:
            CommandError: if the store cannot be read.
        """
        with self.services.engine.transaction() as unit:
            unit.get(META, b"alive")

    def request_stop(self) -> None:
        """Request that the server stops, by making `wait` return.

        Commands and signal handlers may call this method, because it only sets an event.
        """
        self._stop_asked.set()

    def reload_certificates(self, reason: str = "reload_certificates") -> None:
        """Read the files of the `tls_*` settings again and use them for new connections. Open connections are not affected.

        Arguments:
            reason: the cause of the reload, for the log.

        Raises:
            CommandError: 140 if a file cannot be used (the old certificates then remain in use), or if the server does not use TLS.
        """
        self.services.reload_certificates(reason)

    def stop(self) -> None:
        """Close every connection, wake all waiting threads, and close the store. A second call has no effect.

        Raises:
            StorageError: if the store had already failed, for instance because the disk is full, or if it cannot be closed cleanly.
                Acknowledged writes are not lost, because the next start reads them from the store's log.
        """
        self.stop_logging_commands()
        services, self._services = self._services, None
        if services is None:
            return
        keep_modules()
        self._ended = True
        self._stop_asked.set()
        _RUNNING.discard(self)
        assert self._listener is not None, "a running server has a listener"
        assert self._periodic is not None, "a running server has its periodic work"
        if self._metrics is not None:
            self._metrics.close()
        if self._console is not None:
            self._console.close()
            self._console = None
        services.topology.close()
        services.fail_points.close()
        # Before the signal ends all waits: otherwise a thousand waiting commands would wait again, without blocking, until the listener
        # interrupts them.
        services.operations.shut_down()
        services.writes.close()
        self._periodic.ask_to_stop()
        self._listener.close()
        self._periodic.stop()
        services.cursors.kill_where(lambda cursor: True)
        self._close_store(services)

    def abandon(self) -> None:
        """Abandon the server in a forked child process, while it continues to run in the parent process. This is called automatically."""
        services, self._services = self._services, None
        self._ended = self._abandoned = True
        assert services is not None, "only running servers are abandoned"
        assert self._listener is not None, "a running server has a listener"
        self._listener.abandon()
        if self._metrics is not None:
            self._metrics.abandon()
        if self._console is not None:
            self._console.abandon()
        services.engine.abandon()

    def _close_store(self, services: Services) -> None:
        try:
            services.engine.close()
        except CommandError:
            if services.failure is None:
                raise
        finally:
            services.log.close()
        if services.failure is not None:
            raise services.failure

    def __enter__(self) -> SecantusDBServer:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.stop()

    @property
    def services(self) -> Services:
        """Return the server's services.

        Raises:
            RuntimeError: if the server is not running.
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
        """Return the port on which the server listens."""
        return self.settings.port if self._listener is None else self._listener.port

    @property
    def uri(self) -> str:
        """Return the connection string for MongoClient."""
        tls = "&tls=true" if self.settings.requires_tls else ""
        return f"mongodb://{reachable_address(self.settings.host, self.port)}/?directConnection=true{tls}"

    def connect_directly(self) -> DirectConnection | None:
        """Open an in-process connection for a client, without a socket. Return None if the client must use a socket.

        See `Listener.connect`.
        """
        return None if self._services is None or self._listener is None else self._listener.connect()

    def interrupt_thread(self, thread: int) -> None:
        """Interrupt the command that a thread is running through an in-process connection, if any. The command fails with error 11601."""
        for operation in self.services.operations.all():
            if operation.thread == thread:
                operation.interrupt(CommandError(11601, "operation was interrupted"))

    def _open_snapshots(self, *used: object) -> Snapshots:
        """Return the snapshots of the running server.

        Arguments:
            used: the arguments that must be snapshots.

        Raises:
            TypeError: one of the arguments is not a snapshot.
        """
        for one in used:
            if not isinstance(one, ServerSnapshot):
                raise TypeError(f"{one!r} is not a snapshot: pass one that snapshot() has returned")
        if self._services is None or self._snapshots is None:
            raise self._not_running()
        return self._snapshots

    @property
    def snapshots(self) -> tuple[ServerSnapshot, ...]:
        """Return the open snapshots, outermost first."""
        return self._open_snapshots().open

    def snapshot(self) -> ServerSnapshot:
        """Take a snapshot of the server's contents.

        Snapshots nest, so a later snapshot must be released or restored before an earlier snapshot.
        """
        return self._open_snapshots().take()

    def renew(self, snapshot: ServerSnapshot) -> bool:
        """Make a snapshot represent the current state, as if it were taken now. Return False if that is impossible because something was
        written since the innermost snapshot.
        """
        return self._open_snapshots(snapshot).renew(snapshot)

    def is_unchanged(self, snapshot: ServerSnapshot) -> bool:
        """Return whether a snapshot is the innermost open snapshot and nothing was written since."""
        return self._open_snapshots(snapshot).is_unchanged(snapshot)

    def restore(self, snapshot: ServerSnapshot) -> None:
        """Restore the server's contents to the state of a snapshot. Close the cursors and sessions that were opened since then.

        The snapshot remains usable.

        Raises:
            StorageError: if the snapshot was released, or if an earlier snapshot was restored.
            TypeError: if the argument is not a snapshot.
        """
        self._open_snapshots(snapshot).restore(snapshot)

    def keep_definitions(self) -> None:
        """Make restores retain the definitions of collections created since the snapshot, and remove only their documents.

        After the restore, listings do not show a collection or view that was created since the snapshot. When a command writes to it or
        looks it up, it is recreated with its options and indexes, but without documents. An index that was created since the snapshot on
        an older collection is retained and immediately visible. This mode is for libraries that create their collections and indexes once
        per process.
        """
        self.services.catalog.keeps_definitions = True

    def release(self, snapshot: ServerSnapshot) -> None:
        """Release a snapshot without undoing the writes since then."""
        self._open_snapshots(snapshot).release(snapshot)

    def written_since(self, snapshot: ServerSnapshot) -> bool:
        """Return whether anything was written since a snapshot."""
        return self._open_snapshots(snapshot).written_since(snapshot)

    def set_aside(self, snapshot: ServerSnapshot) -> SetAside:
        """Undo the writes since a snapshot, and close this and all later snapshots. Return the closed snapshots and undone writes for
        `put_back`.
        """
        return self._open_snapshots(snapshot).set_aside(snapshot)

    def put_back(self, aside: SetAside) -> None:
        """Undo `set_aside`: recreate its snapshots on top of the current contents, and repeat the writes since each snapshot.

        Raises:
            CommandError: 11000 if a document conflicts with a document written in the meantime.
            TypeError: if the argument is not a result of `set_aside`.
        """
        if not isinstance(aside, SetAside):
            raise TypeError(f"{aside!r} is not a result of set_aside()")
        self._open_snapshots().put_back(aside)

    def block(self, reason: str | None) -> None:
        """Refuse all commands except those that drivers need to connect and disconnect.

        Arguments:
            reason: the message of error 20, with which the refused commands fail; None allows commands again.

        Raises:
            TypeError: the reason is not a string or None.
        """
        if reason is not None and not isinstance(reason, str):
            raise TypeError(f"block({reason!r}): pass the reason as a string, or None")
        if self._services is None or self._gate is None:
            raise self._not_running()
        self._gate.close(reason)

    def present(self, release: str) -> None:
        """Emulate another release of MongoDB, starting with the next command.

        Waiting hellos return immediately and report the new release.

        Arguments:
            release: a value of the setting `compat`.

        Raises:
            ValueError: if there is no such release.
        """
        if release not in RELEASES:
            raise ValueError(f"the release must be one of {', '.join(RELEASES)}, not {release!r}")
        services = self.services
        if services.release is not RELEASES[release]:
            services.present(RELEASES[release])
            services.topology.renew()

    def dump(self, with_kept: bool = False) -> list[DumpedCollection]:
        """Return the definitions and committed documents of all collections and views, except internal ones.

        Arguments:
            with_kept: see `work.dump`.
        """
        from secantus_server.work.dump import dump

        return dump(self.services, with_kept)

    def differences(self, snapshot: ServerSnapshot) -> list[Difference]:
        """Abort open transactions, then return the collections and views that differ from a snapshot."""
        return self._open_snapshots(snapshot).differences(snapshot)

    def clock(self) -> tuple[int, bool]:
        """Return the server clock's time in milliseconds since the Unix epoch, and whether the clock runs."""
        clock = self.services.clock
        return clock.now_ms(), not clock.is_stopped

    def move_clock(self, to_ms: int | None = None, *, by_ms: int = 0, runs: bool | None = None) -> int:
        """Move the server's clock. Then expire the transactions, cursors, sessions and documents that are due.

        `$$NOW`, dates, ObjectIds and timestamps in documents, expiry, and the wall time of change streams follow this clock. The cluster
        time and time limits do not follow it.

        Arguments:
            to_ms: the new time in milliseconds since the Unix epoch; by default, the current time.
            by_ms: the milliseconds to add to `to_ms`.
            runs: whether the clock runs from now on. By default, this does not change.

        Returns:
            the new time.

        Raises:
            TypeError: a time is not a whole number of milliseconds.
            ValueError: the new time is not in the years 1 to 9999, which drivers can represent.
        """
        services = self.services
        if type(by_ms) is not int or type(to_ms) not in (int, type(None)):
            raise TypeError(f"move_clock({to_ms!r}, by_ms={by_ms!r}): pass whole milliseconds")
        before_ms = services.clock.now_ms()
        to_ms = (before_ms if to_ms is None else to_ms) + by_ms
        if not _FIRST_MS <= to_ms <= _LAST_MS:
            raise ValueError(f"move_clock: {to_ms} ms since 1970 is not in the years 1 to 9999; pass an earlier or later time")
        services.sessions.follow_clock(min(to_ms - before_ms, 0))
        services.clock.move_to(to_ms, not services.clock.is_stopped if runs is None else runs)
        expire(services)
        return to_ms

    def restore_clock(self) -> None:
        """Reset the server's clock to the system's time."""
        services = self.services
        if services.clock.is_moved:
            services.sessions.follow_clock(services.clock.system_ms() - services.clock.now_ms())
            services.clock.end_move()

    def set_fault(self, label: str, data: dict[str, Any], *, times: int | None = None, skip: int = 0) -> None:
        """Set the fail point failCommand with a label ("fault"), in addition to fail points that are already set.

        Arguments:
            label: the label, which distinguishes the fault from other faults.
            data: the data of the fail point. ([Fail points in tests](docs/fail-points.md))
            times: the number of commands to which the fault applies; None for no limit.
            skip: the number of matching commands to ignore first.

        Raises:
            CommandError: if the data is invalid; 59 CommandNotFound if it contains an unknown command; 72 InvalidOptions for a write
                concern error of a command that takes no write concern.
        """
        for name in [*data.get("failCommands", ()), *data.get("exceptCommands", ())]:
            if not is_command(name):
                raise CommandError(59, f"no such command: {name!r}")
        for name in data.get("failCommands", ()) if "writeConcernError" in data else ():
            if not find_command(name).is_write:
                raise CommandError(72, f"the command {name} takes no write concern, so it cannot report a write concern error")
        mode = Mode(skip=skip, times=math.inf if times is None else times)
        self.services.fail_points.set(f"{FAIL_COMMAND}/{label}", mode, data)

    def end_fault(self, label: str) -> None:
        """Remove a fault that `set_fault` has set. Do nothing if it is no longer set."""
        self.services.fail_points.set(f"{FAIL_COMMAND}/{label}", None, {})

    def fault_count(self, label: str) -> int:
        """Return how often a fault has been triggered."""
        return self.services.fail_points.count(f"{FAIL_COMMAND}/{label}")

    def checkpoint(self) -> AbstractContextManager[ServerSnapshot]:
        """Return a context manager that undoes the writes of its `with` block when the block ends."""
        return checkpoint(self)
