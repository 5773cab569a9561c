"""Logs the commands that clients send, for use by tests. The interceptor is installed only on request."""

from __future__ import annotations

from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.interceptors import Call, ExpressCall, ExpressValues, Interceptor, Outcome
from secantus_server.errors import CommandError
from secantus_server.work.command_records import LONGEST_KEPT, CommandEntry, CommandRecord, express_entry

# The commands that drivers send on their own: heartbeats, logins and ends of sessions.
OF_DRIVERS = frozenset(["hello", "isMaster", "ismaster", "saslStart", "saslContinue", "endSessions"])
# The commands whose plans are logged. explain is not among them, because its plans return no documents to the client.
_PLANNED = frozenset(
    ["find", "aggregate", "count", "distinct", "update", "delete", "findAndModify", "findandmodify", "bulkWrite", "getMore"]
)
#: The maximum number of commands in the log. Commands beyond it are only counted.
MOST_ENTRIES = 100_000
#: The maximum size in bytes of the logged messages. Commands beyond it are only counted.
MOST_BYTES = 256 * 1024 * 1024


class CommandLog(Interceptor):
    """An interceptor that logs finished commands, in the order in which they ended.

    Arguments:
        ignored: commands with this application name or comment are not logged.

    A command of the express lane (the fast path) is logged as the lane reports it. Its entry is made when the log is read.

    Threads: appending to a list, replacing its items and single operations on a dict are atomic. Only one command at a time uses a cursor.
    """

    def __init__(self, ignored: str = "") -> None:
        self._ignored = ignored
        self._entries: list[CommandEntry | ExpressValues] = []
        # The size of the logged messages. The commands of several threads may make it inexact.
        self._bytes = 0
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
        name = call.name
        if name in OF_DRIVERS or (self._ignored and self._is_ignored(call)):
            return
        notes = call.operation.notes if name in _PLANNED else None
        if name == "getMore":
            opener = self._cursors.pop(call.body["getMore"], None)
            entry = CommandEntry(call, outcome, None if opener is None else notes, opener)
        else:
            entry = CommandEntry(call, outcome, notes, None)
        if not isinstance(outcome, CommandError):
            cursor = outcome.get("cursor")
            if name == "killCursors":
                self._forget(call.body["cursors"])
            elif name in _PLANNED and type(cursor) is dict and cursor.get("id"):
                # A later getMore on the cursor refers to the entry of the command that opened the cursor.
                self._cursors[cursor["id"]] = entry.opener or entry
        raw = call.message.raw
        self._add(entry, 0 if raw is None else len(raw))

    def after_express(self, client: ClientInfo, call: ExpressValues) -> None:
        """Log a command of the express lane. Such a command never opens a cursor or has a comment."""
        if not self._ignored or not self._is_own(client):
            size = len(call[0])
            self._add(call if size <= LONGEST_KEPT else express_entry(ExpressCall(*call)), size)

    def _add(self, entry: CommandEntry | ExpressValues, size: int) -> None:
        """Add an entry for a message of the given size, if the log is not full."""
        if len(self._entries) < MOST_ENTRIES and self._bytes + size <= MOST_BYTES:
            self._bytes += size
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

    def _forget(self, cursors: list[int]) -> None:
        for cursor in cursors:
            self._cursors.pop(cursor, None)

    def position(self) -> int:
        """Return the log position after the last command, as a later `start`."""
        return self._first + len(self._entries)

    def records(self, start: int = 0) -> list[CommandRecord]:
        """Return the logged commands from position `start` on."""
        entries, offset = self._entries, max(start - self._first, 0)
        found = []
        for position in range(offset, len(entries)):
            entry = entries[position]
            if isinstance(entry, tuple):
                entry = entries[position] = express_entry(ExpressCall(*entry))
            found.append(CommandRecord(self._first + position, entry))
        return found

    def namespaces(self, start: int = 0) -> set[str]:
        """Return the names of the collections in the logged commands from position `start` on."""
        found = set()
        for entry in self._entries[max(start - self._first, 0) :]:
            db, target = (entry[2], entry[3] or 1) if isinstance(entry, tuple) else (entry.db, entry.target)
            if type(target) is str:
                found.add((db, target))
        return {f"{db}.{target}" for db, target in found}

    def clear(self) -> None:
        """Remove the commands logged so far."""
        self._first += len(self._entries)
        self.left_out = 0
        self._entries, self._bytes = [], 0
        self._cursors = {}
