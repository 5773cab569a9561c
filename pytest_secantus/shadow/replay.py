"""The replay of a test's commands on the shadow, in the order in which they ended on our server, and the comparison of the replies."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from bson.int64 import Int64

from pytest_secantus.shadow.cursors import PairedCursor
from pytest_secantus.shadow.equality import Aside, Mismatch
from pytest_secantus.shadow.findings import Difference, make_difference
from pytest_secantus.shadow.replies import compare_replies
from pytest_secantus.shadow.results import order_of
from pytest_secantus.shadow.rewriting import ENDS, WRITES, Names, reason_to_leave_out
from secantus_server.bson import decode
from secantus_server.interceptors.command_tap import TappedState
from secantus_server.work._shell_commands import command_text, plain_body

if TYPE_CHECKING:
    from pytest_secantus.shadow.client import ShadowClient
    from pytest_secantus.shadow.contents import Contents
    from secantus_server.dispatch.harness import DumpedCollection
    from secantus_server.interceptors.command_tap import Tapped, TappedCommand

_STATEMENTS: Final = {"insert": "documents", "update": "updates", "delete": "deletes", "bulkWrite": "ops"}
#: If our clock differs from the system's by more than this, the test has moved it.
_MOVED_MS: Final = 1000
MOVED: Final = "the test has moved the server's clock, which the shadow does not follow"
NO_TRANSACTIONS: Final = "the rest of tests with transactions, which a standalone shadow does not have"
KEPT: Final = "listCollections, with secantus_keep_definitions"
_EXISTS: Final = 48
NO_CURSOR: Final = "getMore and killCursors of cursors that the shadow does not have"


class Replay:
    """Replays the commands of one test on the shadow, and compares the replies.

    Arguments:
        test: the node id.
        keeps_definitions: whether our server retains the definitions of collections that a restore removed. If so, such collections are
            created, empty, on the shadow.
    """

    def __init__(self, client: ShadowClient, contents: Contents, names: Names, test: str, keeps_definitions: bool) -> None:
        self._client = client
        self._contents = contents
        self._names = names
        self._test = test
        self._keeps_definitions = keeps_definitions
        self._aside = Aside(contents.documents)
        self._cursors: dict[int, PairedCursor] = {}
        self._write_count = 0
        self._is_over = False
        self._note = ""
        self.differences: list[Difference] = []
        self.left_out: Counter[str] = Counter()
        #: The number of commands whose answers were compared.
        self.compared = 0

    def run(self, beginning: list[DumpedCollection], entries: list[Tapped]) -> None:
        """Make the shadow's contents identical to our server's at the beginning of the test, then send the commands.

        Raises:
            NotLoaded: the shadow refuses the contents.
            PyMongoError: the shadow does not respond.
        """
        self._contents.load(beginning)
        for entry in entries:
            if isinstance(entry, TappedState):
                self._finish_cursors()
                self._client.end_sessions()
                self._contents.load(entry.collections)
            else:
                self._take(entry)
        self._finish_cursors()
        self._client.end_sessions()

    def _take(self, entry: TappedCommand) -> None:
        body, ours = decode(entry.command), decode(entry.reply)
        reason = NO_TRANSACTIONS if self._is_over else reason_to_leave_out(entry, body, ours)
        if reason is None:
            reason = self._send(entry, body, ours)
        if reason is not None and not entry.is_own:
            self.left_out[reason] += 1

    def _send(self, entry: TappedCommand, body: dict[str, Any], ours: dict[str, Any]) -> str | None:
        """Send a command and compare the replies. Return None, or the reason if the command cannot be sent."""
        if self._keeps_definitions and entry.name == "listCollections":
            return KEPT
        if abs(entry.clock_ms - entry.system_ms) > _MOVED_MS:
            self._note = MOVED
        session = _session_of(body)
        if "autocommit" in body and (reason := self._enter_transaction(entry.name, body, session)) is not None:
            return reason
        if entry.name in ENDS:
            self._compare(entry, body, ours, decode(self._client.end_transaction(session, entry.name)))
            return None
        if entry.name in ("getMore", "killCursors"):
            return self._continue(entry, body, ours)
        if entry.name in WRITES:
            self._write_count += 1
            for db in self._written_by(entry, body):
                self._contents.touch(db)
        sent = self._names.command(entry.name, self._aside.for_shadow(entry.command))
        self._aside.note_command(entry.command)
        theirs = self._run(entry, self._names.of(entry.db) if entry.db != "admin" else "admin", sent, session)
        self._compare(entry, body, ours, theirs)
        if not entry.is_own and ours["ok"] and theirs["ok"] and "cursor" in ours:
            order = order_of(entry.name, body, entry.command)
            db = self._names.of(entry.db) if entry.db != "admin" else "admin"
            cursor = PairedCursor(entry.name, _text_of(entry, body), sent, db, session, order, self._write_count)
            self._follow(cursor, entry, ours, theirs)
        return None

    def _enter_transaction(self, name: str, body: dict[str, Any], session: bytes) -> str | None:
        """Start a transaction if the statement is the first of its transaction.

        Return None, or the reason if the statement cannot be sent.
        """
        if not self._client.has_transactions:
            self._is_over = True
            return NO_TRANSACTIONS
        if body.get("startTransaction"):
            self._client.begin_transaction(session)
        elif not self._client.is_in_transaction(session):
            return f"{name} in a transaction that has ended on the shadow"
        return None

    def _written_by(self, entry: TappedCommand, body: dict[str, Any]) -> set[str]:
        """Return the databases to which a command writes."""
        namespaces: list[Any] = []
        if entry.name == "bulkWrite":
            namespaces = [one.get("ns") for one in body.get("nsInfo", ()) if type(one) is dict]
        elif entry.name == "renameCollection":
            namespaces = [body.get("renameCollection"), body.get("to")]
        found = {one.partition(".")[0] for one in namespaces if type(one) is str}
        return found if entry.db == "admin" else found | {entry.db}

    def _run(self, entry: TappedCommand, db: str, sent: dict[str, Any], session: bytes) -> dict[str, Any]:
        """Run a command on the shadow. Return the reply, with the shadow's ids replaced by ours."""
        before_ms = self._client.now_ms()
        reply = self._client.run(db, sent, session)
        ahead_ms = self._client.ahead_ms - entry.clock_ms
        self._aside.note_delay(before_ms + ahead_ms, self._client.now_ms() + ahead_ms)
        return decode(self._aside.from_shadow(reply))

    def _compare(self, entry: TappedCommand, body: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any]) -> None:
        if entry.is_own or (self._keeps_definitions and entry.name == "create" and ours["ok"] and theirs.get("code") == _EXISTS):
            return
        self.compared += 1
        if (found := compare_replies(entry.name, ours, theirs, self._aside)) is not None:
            self._report(entry.db, _text_of(entry, body), found, ours, theirs)

    def _continue(self, entry: TappedCommand, body: dict[str, Any], ours: dict[str, Any]) -> str | None:
        """Read from a cursor on the shadow, or close it there. Return None, or the reason if the shadow has no such cursor."""
        if entry.name == "killCursors":
            ended = [self._cursors.pop(number) for number in body.get("cursors", ()) if number in self._cursors]
            for cursor in ended:
                self._finish(cursor, entry.db)
                if cursor.their_id:
                    kill = {"killCursors": cursor.collection, "cursors": [Int64(cursor.their_id)]}
                    self._client.run(cursor.db, kill, cursor.session)
            return None if ended else NO_CURSOR
        found = self._cursors.pop(body["getMore"], None)
        if found is None:
            return NO_CURSOR
        theirs: dict[str, Any] = {"ok": 1.0, "cursor": {"id": 0, "ns": f"{found.db}.{found.collection}", "nextBatch": []}}
        if found.their_id:
            sent = self._names.command(entry.name, entry.command)
            theirs = self._run(entry, found.db, {**sent, "getMore": Int64(found.their_id)}, found.session)
        self._compare(entry, body, ours, theirs)
        if ours["ok"] and theirs["ok"]:
            self._follow(found, entry, ours, theirs)
        return None

    def _follow(self, cursor: PairedCursor, entry: TappedCommand, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
        """Add the results in two replies to a cursor. When our server has returned all of its results, compare them."""
        cursor.take_ours(ours, entry.db)
        cursor.take_theirs(theirs)
        if cursor.is_open:
            self._cursors[ours["cursor"]["id"]] = cursor
        elif (found := cursor.compare(self._client, self._aside, self._write_count)) is not None:
            self._report(entry.db, cursor.text, found, ours, theirs)

    def _finish_cursors(self) -> None:
        for number in list(self._cursors):
            cursor = self._cursors.pop(number)
            self._finish(cursor, cursor.db)

    def _finish(self, cursor: PairedCursor, db: str) -> None:
        """Compare the results so far of a cursor that was not exhausted."""
        if (found := cursor.compare_part(self._client, self._aside, self._write_count)) is not None:
            answers = ({"cursor": {"firstBatch": results}} for results in (cursor.ours, cursor.theirs))
            self._report(db, cursor.text, found, *answers)

    def _report(self, db: str, text: str, found: Mismatch, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
        self.differences.append(make_difference(self._test, db, text, found, ours, theirs, self._note))


def _session_of(body: dict[str, Any]) -> bytes:
    """Return the session id in a command."""
    session = body.get("lsid")
    return bytes(session["id"]) if type(session) is dict and "id" in session else b""


def _text_of(entry: TappedCommand, body: dict[str, Any]) -> str:
    """Return a command in mongosh syntax."""
    field = _STATEMENTS.get(entry.name, "")
    statements = body.get(field)
    statements = statements if type(statements) is list else []
    shown = {key: value for key, value in body.items() if key != field}
    return command_text(entry.name, plain_body(shown), statements, len(statements))
