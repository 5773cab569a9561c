"""Logs the commands that clients send, for use by tests. The interceptor is installed only on request."""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.interceptors import Call, ExpressCall, Interceptor, Outcome
from secantus_server.errors import CommandError
from secantus_server.work.command_records import CommandEntry, CommandRecord, express_entry

# The commands that drivers send on their own: heartbeats, logins and ends of sessions.
OF_DRIVERS = frozenset(["hello", "isMaster", "ismaster", "saslStart", "saslContinue", "endSessions"])
# The commands whose plans are logged. explain is not among them, because its plans return no documents to the client.
_PLANNED = frozenset(
    ["find", "aggregate", "count", "distinct", "update", "delete", "findAndModify", "findandmodify", "bulkWrite", "getMore"]
)
#: The maximum number of commands in the log. Commands beyond it are only counted.
MOST_ENTRIES = 100_000


def _notes(call: Call) -> Any:
    """Return the plan notes (the recorded query plans) of a command, or None if absent."""
    return call.operation.notes if call.name in _PLANNED else None


class CommandLog(Interceptor):
    """An interceptor that logs finished commands, in the order in which they ended.

    Arguments:
        ignored: commands with this application name or comment are not logged.

    Threads: appending to a list and single operations on a dict are atomic. Only one command at a time uses a cursor.
    """

    def __init__(self, ignored: str = "") -> None:
        self._ignored = ignored
        self._entries: list[CommandEntry] = []
        #: The number of entries that `clear` has dropped. Positions include this number, so that they stay valid.
        self._first = 0
        #: The number of commands that were not logged because the log was full.
        self.left_out = 0
        # For each connection id, whether the connection's commands are ignored. The connection's first command, hello, decides this,
        # because it names the application.
        self._clients: dict[int, bool] = {}
        # For the id of each open cursor, the entry of the command that opened the cursor.
        self._cursors: dict[int, CommandEntry] = {}

    def before(self, call: Call) -> None:
        """Request that the command's plan notes include all its query plans, even those of point lookups."""
        if call.name in _PLANNED:
            call.operation.notes_lookups = True

    def after(self, call: Call, outcome: Outcome) -> None:
        """Log a finished command."""
        if call.name in OF_DRIVERS or self._is_ignored(call):
            return
        if call.name == "getMore":
            entry = self._continued(call, outcome)
        else:
            entry = CommandEntry(call, outcome, _notes(call), None)
            if call.name == "killCursors" and entry.error is None:
                self._forget(call.body["cursors"])
        self._note_cursor(call, outcome, entry)
        self._add(entry)

    def after_express(self, call: ExpressCall) -> None:
        """Log a command of the express lane (the fast path). Such a command never opens a cursor or has a comment."""
        if not self._ignored or not self._is_own(call.client):
            self._add(express_entry(call))

    def _add(self, entry: CommandEntry) -> None:
        if len(self._entries) < MOST_ENTRIES:
            self._entries.append(entry)
        else:
            self.left_out += 1

    def _is_ignored(self, call: Call) -> bool:
        if not self._ignored:
            return False
        if call.body.get("comment") == self._ignored:
            return True
        return self._is_own(call.client)

    def _is_own(self, client: ClientInfo) -> bool:
        known = self._clients.get(client.connection_id)
        if known is None:
            known = self._clients[client.connection_id] = client.application == self._ignored
        return known

    def _continued(self, call: Call, outcome: Outcome) -> CommandEntry:
        """Return the log entry of a getMore, which refers to the entry of the command that opened the cursor."""
        opener = self._cursors.pop(call.body["getMore"], None)
        return CommandEntry(call, outcome, None if opener is None else _notes(call), opener)

    def _note_cursor(self, call: Call, outcome: Outcome, entry: CommandEntry) -> None:
        """Record which entry opened a cursor, so that later getMore commands on the cursor can refer to the entry."""
        if call.name not in _PLANNED or isinstance(outcome, CommandError):
            return
        cursor = outcome.get("cursor")
        cursor_id = cursor.get("id") if type(cursor) is dict else 0
        if cursor_id:
            self._cursors[cursor_id] = entry.opener or entry

    def _forget(self, cursors: list[int]) -> None:
        for cursor in cursors:
            self._cursors.pop(cursor, None)

    def position(self) -> int:
        """Return the log position after the last command, as a later `start`."""
        return self._first + len(self._entries)

    def records(self, start: int = 0) -> list[CommandRecord]:
        """Return the logged commands from position `start` on."""
        offset = max(start - self._first, 0)
        return [CommandRecord(self._first + offset + number, entry) for number, entry in enumerate(self._entries[offset:])]

    def namespaces(self, start: int = 0) -> set[str]:
        """Return the names of the collections in the logged commands from position `start` on."""
        found = ((entry.db, entry.target) for entry in self._entries[max(start - self._first, 0) :])
        return {f"{db}.{target}" for db, target in found if type(target) is str}

    def clear(self) -> None:
        """Remove the commands logged so far."""
        self._first += len(self._entries)
        self.left_out = 0
        self._entries = []
        self._cursors = {}
