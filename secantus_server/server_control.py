"""The part of a server's interface that a test harness uses: the command log and tap, the contents, the clock, faults."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from secantus_server.dispatch.fail_points import Mode
from secantus_server.dispatch.registry import is_command
from secantus_server.errors import CommandError
from secantus_server.interceptors.fail_command import NAME as FAIL_COMMAND
from secantus_server.periodic import expire

if TYPE_CHECKING:
    from secantus_server.dispatch.harness import Difference, DumpedCollection
    from secantus_server.dispatch.services import Services
    from secantus_server.interceptors.command_log import CommandLog
    from secantus_server.interceptors.command_tap import CommandTap, Tapped
    from secantus_server.interceptors.gate import Gate
    from secantus_server.snapshots import ServerSnapshot, Snapshots
    from secantus_server.work.command_records import CommandRecord
    from secantus_server.work.index_usage import IndexUsage


class ServerControl(ABC):
    """A running server as a test harness sees it. `SecantusDBServer` implements it."""

    _services: Services | None
    _gate: Gate | None
    _command_log: CommandLog | None
    _tap: CommandTap | None

    @property
    @abstractmethod
    def services(self) -> Services:
        """The server's services while it runs.

        Raises:
            RuntimeError: the server is not running.
        """

    @abstractmethod
    def _not_running(self) -> RuntimeError: ...

    @abstractmethod
    def _open_snapshots(self) -> Snapshots: ...

    def log_commands(self, ignored: str = "") -> None:
        """Begin to keep the commands that clients send, unless the server already does; `logged_commands` returns them.

        Arguments:
            ignored: the application name, or comment, of commands that are not kept.
        """
        if self._command_log is None:
            from secantus_server.interceptors.command_log import CommandLog

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
        from secantus_server.work.index_usage import index_usage

        namespaces = set() if self._command_log is None else self._command_log.namespaces(start)
        return index_usage(self.services.catalog.view, sorted(namespaces))

    def clear_command_log(self) -> None:
        """Forget the commands so far; positions in the log stay valid."""
        if self._command_log is not None:
            self._command_log.clear()

    def tap_commands(self, own: str = "") -> None:
        """Begin to keep commands with their replies, and contents that a restore changes. `own`: as in `CommandTap`."""
        from secantus_server.interceptors.command_tap import CommandTap

        self.stop_tapping()
        tap = self._tap = CommandTap(own)
        tap.install(self.services.interceptors)
        self._open_snapshots().when_changed = lambda: tap.note_state(self.dump(with_kept=True))

    def stop_tapping(self) -> tuple[list[Tapped], int]:
        """End what `tap_commands` has begun. Return what was kept, and the number of commands that did not fit."""
        tap, self._tap = self._tap, None
        if tap is None or self._services is None:
            return [], 0
        tap.remove(self._services.interceptors)
        self._open_snapshots().when_changed = None
        return tap.take(), tap.left_out

    def block(self, reason: str | None) -> None:
        """Refuse all commands except those with which a driver connects and disconnects.

        Arguments:
            reason: the message of the error 20 that commands fail with; None ends this.
        """
        if self._services is None or self._gate is None:
            raise self._not_running()
        self._gate.close(reason)

    def dump(self, with_kept: bool = False) -> list[DumpedCollection]:
        """Return the collections and views of users with definitions and documents, as committed now. `with_kept`: as in `work.dump`."""
        from secantus_server.work.dump import dump

        return dump(self.services, with_kept)

    def differences(self, snapshot: ServerSnapshot) -> list[Difference]:
        """Return the collections and views that differ from a snapshot. Open transactions are aborted."""
        return self._open_snapshots().differences(snapshot)

    def clock(self) -> tuple[int, bool]:
        """Return the server's time in milliseconds since the Unix epoch, and whether it runs."""
        clock = self.services.clock
        return clock.now_ms(), not clock.is_stopped

    def move_clock(self, to_ms: int | None = None, *, by_ms: int = 0, runs: bool | None = None) -> int:
        """Move the server's time, and expire what is due then before the return: transactions, cursors, sessions and documents.

        The time of `$$NOW`, of dates, ObjectIds and timestamps in documents, of expiry, and the wall time of change streams follows. The
        cluster time and time limits do not.

        Arguments:
            to_ms: the new time in milliseconds since the Unix epoch; the current one by default.
            by_ms: is added to it.
            runs: whether the time goes on from there; as before by default.

        Returns:
            the new time.
        """
        services = self.services
        before_ms = services.clock.now_ms()
        to_ms = (before_ms if to_ms is None else to_ms) + by_ms
        services.sessions.follow_clock(min(to_ms - before_ms, 0))
        services.clock.move_to(to_ms, not services.clock.is_stopped if runs is None else runs)
        expire(services)
        return to_ms

    def restore_clock(self) -> None:
        """Make the server's time that of the system again."""
        services = self.services
        if services.clock.is_moved:
            services.sessions.follow_clock(services.clock.system_ms() - services.clock.now_ms())
            services.clock.end_move()

    def set_fault(self, label: str, data: dict[str, Any], *, times: int | None = None, skip: int = 0) -> None:
        """Set the fail point failCommand under a label, beside others that are set.

        Arguments:
            label: distinguishes it from the others.
            data: the fail point's data. ([Fail points in tests](docs/fail-points.md))
            times: the number of commands that it acts on; None for all.
            skip: the number of commands that pass first.

        Raises:
            CommandError: the data is invalid, or 59 CommandNotFound if it names an unknown command.
        """
        for name in [*data.get("failCommands", ()), *data.get("exceptCommands", ())]:
            if not is_command(name):
                raise CommandError(59, f"no such command: {name!r}")
        mode = Mode(skip=skip, times=math.inf if times is None else times)
        self.services.fail_points.set(f"{FAIL_COMMAND}/{label}", mode, data)

    def end_fault(self, label: str) -> None:
        """End a fault that `set_fault` has set. Do nothing if it has ended."""
        self.services.fail_points.set(f"{FAIL_COMMAND}/{label}", None, {})

    def fault_count(self, label: str) -> int:
        """Return how often a fault has acted."""
        return self.services.fail_points.count(f"{FAIL_COMMAND}/{label}")
