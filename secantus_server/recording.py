"""What a server records of its commands while it is asked to: the log of the plugin, that of secantusTest, and the tap of a shadow.

The modules that record are imported when they are asked for: an import costs each start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from secantus_server.dispatch.services import Services
from secantus_server.snapshots import Snapshots

if TYPE_CHECKING:
    from secantus_server.dispatch.harness import LoggedCommands
    from secantus_server.interceptors.command_log import CommandLog
    from secantus_server.interceptors.command_tap import CommandTap, Tapped
    from secantus_server.work.command_records import CommandRecord
    from secantus_server.work.index_usage import IndexUsage


class Recording:
    """The recording of commands; a part of `SecantusDBServer`."""

    def __init__(self) -> None:
        self._services: Services | None = None
        self._command_log: CommandLog | None = None
        self._wire_log: CommandLog | None = None
        self._tap: CommandTap | None = None

    @property
    def services(self) -> Services:
        """The parts of the running server."""
        raise NotImplementedError

    def _open_snapshots(self) -> Snapshots:
        raise NotImplementedError

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
        from secantus_server.work.dump import dump

        self.stop_tapping()
        tap = self._tap = CommandTap(own)
        tap.install(self.services.interceptors)
        self._open_snapshots().when_changed = lambda: tap.note_state(dump(self.services, with_kept=True))

    def stop_tapping(self) -> tuple[list[Tapped], int]:
        """End what `tap_commands` has begun. Return what was kept, and the number of commands that did not fit."""
        tap, self._tap = self._tap, None
        if tap is None or self._services is None:
            return [], 0
        tap.remove(self._services.interceptors)
        self._open_snapshots().when_changed = None
        return tap.take(), tap.left_out

    def begin_wire_log(self) -> None:
        """Begin the log of secantusTest, unless there is one."""
        if self._wire_log is None:
            from secantus_server.interceptors.command_log import CommandLog

            self._wire_log = CommandLog()
            self.services.interceptors.install(self._wire_log)

    def end_wire_log(self) -> None:
        """End the log of secantusTest."""
        log, self._wire_log = self._wire_log, None
        if log is not None:
            self.services.interceptors.remove(log)

    def clear_wire_log(self) -> None:
        """Forget the commands in the log of secantusTest; positions in it stay valid."""
        if self._wire_log is not None:
            self._wire_log.clear()

    def wire_log(self, start: int) -> LoggedCommands | None:
        """Return the commands in the log of secantusTest from a position on, or None without a log."""
        log = self._wire_log
        if log is None:
            return None
        # The position first: a command that ends meanwhile is returned twice rather than never.
        end = log.position()
        return [record for record in log.records(start) if record.number < end], end, log.left_out
