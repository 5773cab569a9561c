"""Logs the commands that clients send, for use by tests. The interceptor is installed only on request."""

from __future__ import annotations

from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.interceptors import Call, ExpressValues, Interceptor, Outcome
from secantus_server.errors import CommandError
from secantus_server.work._command_entries import CommandEntry, Entries
from secantus_server.work.command_records import CommandRecord

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

    Threads: `Entries` may be changed by any thread, and single operations on a dict are atomic. Only one command at a time uses a cursor.
    """

    def __init__(self, ignored: str = "") -> None:
        self._ignored = ignored
        self._entries = Entries(ignored, MOST_ENTRIES, MOST_BYTES)
        #: The number of entries that `clear` has dropped. Positions include this number, so that they stay valid.
        self._first = 0
        # For the id of each open cursor, the entry of the command that opened the cursor.
        self._cursors: dict[int, CommandEntry] = {}

    def before(self, call: Call) -> None:
        """Request that the command's plan notes include all its query plans, even those of point lookups."""
        if call.name in _PLANNED:
            call.operation.notes_lookups = True

    def after(self, call: Call, outcome: Outcome) -> None:
        """Log a finished command."""
        name = call.name
        if name in OF_DRIVERS or (self._ignored and (call.body.get("comment") == self._ignored or self._entries.is_own(call.client))):
            return
        notes = call.operation.notes if name in _PLANNED else None
        opener = None
        if name == "getMore":
            opener = self._cursors.pop(call.body["getMore"], None)
            notes = None if opener is None else notes
        entry = CommandEntry(call, outcome, notes, opener)
        if not isinstance(outcome, CommandError):
            cursor = outcome.get("cursor")
            if name == "killCursors":
                self._forget(call.body["cursors"])
            elif name in _PLANNED and type(cursor) is dict and cursor.get("id"):
                # A later getMore on the cursor refers to the entry of the command that opened the cursor.
                self._cursors[cursor["id"]] = opener or entry
        raw = call.message.raw
        self._entries.add(entry, 0 if raw is None else len(raw))

    def after_express(self, client: ClientInfo, call: ExpressValues) -> None:
        """Log a command of the express lane."""
        self._entries.add_express(client, call)

    def _forget(self, cursors: list[int]) -> None:
        for cursor in cursors:
            self._cursors.pop(cursor, None)

    @property
    def left_out(self) -> int:
        """The number of commands that were not logged because the log was full."""
        return self._entries.left_out

    def position(self) -> int:
        """Return the log position after the last command, as a later `start`."""
        return self._first + len(self._entries.kept)

    def records(self, start: int = 0) -> list[CommandRecord]:
        """Return the logged commands from position `start` on."""
        entries, first = self._entries, self._first
        return [CommandRecord(first + place, entries.entry(place)) for place in range(max(start - first, 0), len(entries.kept))]

    def namespaces(self, start: int = 0) -> set[str]:
        """Return the names of the collections in the logged commands from position `start` on."""
        found = set()
        for entry in self._entries.kept[max(start - self._first, 0) :]:
            db, target = (entry[2], entry[3] or 1) if isinstance(entry, tuple) else (entry.db, entry.target)
            if type(target) is str:
                found.add((db, target))
        return {f"{db}.{target}" for db, target in found}

    def clear(self) -> None:
        """Remove the commands logged so far."""
        self._first += len(self._entries.kept)
        self._entries.clear()
        self._cursors = {}
