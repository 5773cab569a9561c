"""Logs the commands that clients send, for use by tests. The interceptor is installed only on request."""

from __future__ import annotations

from secantus_server.dispatch.interceptors import Interceptor
from secantus_server.work._command_entries import PLANNED, Entries
from secantus_server.work._command_records import CommandRecord, TakenCommands, records_of

#: The maximum number of commands in the log. Commands beyond it are only counted.
MOST_ENTRIES = 100_000
#: The maximum size in bytes of the logged messages. Commands beyond it are only counted.
MOST_BYTES = 256 * 1024 * 1024


class CommandLog(Entries, Interceptor):
    """An interceptor that logs finished commands, in the order in which they ended.

    `Entries` has the methods that run for each command, and the number of commands that were not logged because the log was full.

    Arguments:
        ignored: commands with this application name or comment are not logged.
    """

    notes_lookups_of = PLANNED

    def __init__(self, ignored: str = "") -> None:
        super().__init__(ignored, MOST_ENTRIES, MOST_BYTES)

    def records(self, start: int = 0) -> list[CommandRecord]:
        """Return the logged commands from position `start` on."""
        return records_of(self.kept, start, self.first)

    def take(self) -> TakenCommands:
        """Remove the commands logged so far, and return them."""
        kept, first = self.kept, self.first
        self.clear()
        return TakenCommands(kept, first)
