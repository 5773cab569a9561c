"""The log of the commands that clients send, for tests. It is installed when it is asked for."""

from __future__ import annotations

from secantus_server.dispatch.interceptors import Call, Interceptor, Outcome
from secantus_server.errors import CommandError
from secantus_server.query.plan_notes import NOTHING, Examined, PlanNotes
from secantus_server.work.command_records import CommandEntry, CommandRecord

# What drivers send by themselves: heartbeats, logins, the end of sessions.
OF_DRIVERS = frozenset(["hello", "isMaster", "ismaster", "saslStart", "saslContinue", "endSessions"])
# The commands with a plan. An explained plan is not executed for its documents.
_PLANNED = frozenset(
    ["find", "aggregate", "count", "distinct", "update", "delete", "findAndModify", "findandmodify", "bulkWrite", "getMore"]
)
#: The log keeps this many commands; it counts the others.
MOST_ENTRIES = 100_000


class CommandLog(Interceptor):
    """Keeps the commands that have run, in the order of their ends.

    Arguments:
        ignored: the application name, or comment, of commands that are not kept.

    Threads: appending to a list and single operations on a dict are atomic; each cursor is used by one command at a time.
    """

    def __init__(self, ignored: str = "") -> None:
        self._ignored = ignored
        self._entries: list[CommandEntry] = []
        #: The number of entries that `clear` has dropped, so that positions stay valid.
        self._first = 0
        #: The number of commands that did not fit.
        self.left_out = 0
        self.paused = False
        # By cursor id: the entry of the command that opened it, and what its plans had examined then.
        self._cursors: dict[int, tuple[CommandEntry, Examined]] = {}

    def before(self, call: Call) -> None:
        """Make a command note its plans."""
        if call.name not in _PLANNED or self.paused:
            return
        if call.name == "getMore":
            opened = self._cursors.get(call.body["getMore"])
            call.plans = None if opened is None else opened[0].notes
        else:
            call.plans = PlanNotes()

    def after(self, call: Call, outcome: Outcome) -> None:
        """Keep a command that has run."""
        if self.paused or call.name in OF_DRIVERS or self._is_ignored(call):
            return
        opener, before = None, NOTHING
        if call.name == "getMore":
            opener, before = self._cursors.get(call.body["getMore"], (None, NOTHING))
        entry = CommandEntry(call, outcome, call.plans, opener, before)
        if len(self._entries) < MOST_ENTRIES:
            self._entries.append(entry)
        else:
            self.left_out += 1
        self._note_cursor(call, outcome, opener or entry)

    def _is_ignored(self, call: Call) -> bool:
        return self._ignored != "" and (call.client.application == self._ignored or call.body.get("comment") == self._ignored)

    def _note_cursor(self, call: Call, outcome: Outcome, opener: CommandEntry) -> None:
        """Remember the cursor that a command left open."""
        cursor = None if isinstance(outcome, CommandError) else outcome.get("cursor")
        cursor_id = cursor.get("id") if type(cursor) is dict else None
        if cursor_id and opener.notes is not None:
            self._cursors[cursor_id] = opener, opener.notes.examined()
        elif call.name == "getMore":
            self._cursors.pop(call.body["getMore"], None)
            opener.notes = None
        else:
            opener.notes = None
        if call.name == "killCursors":
            for killed in call.body["cursors"]:
                self._cursors.pop(killed, None)

    def position(self) -> int:
        """Return the position after the last command."""
        return self._first + len(self._entries)

    def records(self, start: int = 0) -> list[CommandRecord]:
        """Return the commands from a position on."""
        offset = max(start - self._first, 0)
        return [CommandRecord(self._first + offset + number, entry) for number, entry in enumerate(self._entries[offset:])]

    def clear(self) -> None:
        """Forget the commands so far."""
        self._first += len(self._entries)
        self._entries = []
        self._cursors = {}
