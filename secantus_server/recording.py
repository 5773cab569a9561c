"""Records a server's commands on request. The users are the plugin's command log, secantusTest's command log, and the comparison with a
shadow server.

The recording modules are imported on first use, because importing them at the top would slow down every start of a server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from secantus_server.dispatch.services import Services
from secantus_server.modules import import_late
from secantus_server.snapshots import Snapshots

if TYPE_CHECKING:
    from secantus_server.dispatch.harness import LoggedCommands
    from secantus_server.interceptors.command_log import CommandLog
    from secantus_server.interceptors.command_tap import CommandTap, Tapped
    from secantus_server.work._command_records import CommandRecord, TakenCommands
    from secantus_server.work.index_usage import IndexUsage


class Recording:
    """A base class of `SecantusDBServer` with the methods that record commands."""

    def __init__(self) -> None:
        self._services: Services | None = None
        self._command_log: CommandLog | None = None
        self._wire_log: CommandLog | None = None
        self._tap: CommandTap | None = None

    @property
    def services(self) -> Services:
        """Return the services of the running server."""
        raise NotImplementedError

    def _open_snapshots(self) -> Snapshots:
        raise NotImplementedError

    def log_commands(self, ignored: str = "") -> None:
        """Start to log the commands that clients send, unless the log was already started. `logged_commands` returns the log.

        Arguments:
            ignored: commands with this application name or comment are not logged.
        """
        if self._command_log is None:
            self._command_log = command_log = import_late("secantus_server.interceptors.command_log").CommandLog(ignored)
            self.services.interceptors.install(command_log)

    def stop_logging_commands(self) -> None:
        """Stop the command log and discard its commands."""
        log, self._command_log = self._command_log, None
        if log is not None and self._services is not None:
            self._services.interceptors.remove(log)

    def logged_commands(self, start: int = 0) -> list[CommandRecord]:
        """Return the logged commands from position `start` on, or an empty list if no log was started."""
        return [] if self._command_log is None else self._command_log.records(start)

    def command_log_position(self) -> int:
        """Return the log position after the last command, as a later `start`."""
        return 0 if self._command_log is None else self._command_log.position()

    def commands_left_out(self) -> int:
        """Return the number of commands that were not logged because the log was full."""
        return 0 if self._command_log is None else self._command_log.left_out

    def index_usage(self, start: int = 0) -> list[IndexUsage]:
        """Return how often each index was used by logged commands.

        The result includes all indexes of the collections that occur in logged commands, except indexes on `_id`.

        Arguments:
            start: the log position of the first command to consider.
        """
        log = self._command_log
        if log is None or not (targets := log.targets(start)):
            return []
        return cast("list[IndexUsage]", import_late("secantus_server.work.index_usage").index_usage(self.services.catalog.view, targets))

    def take_commands(self) -> TakenCommands:
        """Remove the commands logged so far, and return them. Positions in the log remain valid."""
        assert self._command_log is not None, "the log was started"
        return self._command_log.take()

    def clear_command_log(self) -> None:
        """Remove the commands logged so far. Positions in the log remain valid."""
        if self._command_log is not None:
            self._command_log.clear()

    def tap_commands(self, own: str = "") -> None:
        """Start to record commands with their replies, and the server's contents after each restore of a snapshot.

        Arguments:
            own: see `CommandTap`.
        """
        from secantus_server.interceptors.command_tap import CommandTap
        from secantus_server.work.dump import dump

        self.stop_tapping()
        tap = self._tap = CommandTap(own)
        tap.install(self.services.interceptors)
        self._open_snapshots().when_changed = lambda: tap.note_state(dump(self.services, with_kept=True))

    def stop_tapping(self) -> tuple[list[Tapped], int]:
        """Stop the recording that `tap_commands` started.

        Return the recorded entries, and the number of commands that were not recorded because the recording was full.
        """
        tap, self._tap = self._tap, None
        if tap is None or self._services is None:
            return [], 0
        tap.remove(self._services.interceptors)
        self._open_snapshots().when_changed = None
        return tap.take(), tap.left_out

    def begin_wire_log(self) -> None:
        """Start secantusTest's command log, unless it was already started."""
        if self._wire_log is None:
            from secantus_server.interceptors.command_log import CommandLog

            self._wire_log = CommandLog()
            self.services.interceptors.install(self._wire_log)

    def end_wire_log(self) -> None:
        """Stop secantusTest's command log."""
        log, self._wire_log = self._wire_log, None
        if log is not None:
            self.services.interceptors.remove(log)

    def clear_wire_log(self) -> None:
        """Remove the commands from secantusTest's command log. Positions in the log remain valid."""
        if self._wire_log is not None:
            self._wire_log.clear()

    def wire_log(self, start: int) -> LoggedCommands | None:
        """Return the commands in secantusTest's command log from position `start` on, or None if no log was started."""
        log = self._wire_log
        if log is None:
            return None
        # Read the position before the commands. A command that ends in between is then returned twice, but none is ever lost.
        end = log.position()
        return [record for record in log.records(start) if record.number < end], end, log.left_out
