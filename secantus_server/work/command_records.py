"""The data that the command log stores for each executed command.

A `CommandEntry` is filled after the command has run. Readers of the log get a `CommandRecord`. It computes its texts on first access or
when it is sent to another process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from secantus_server.bson import RawArray, decode
from secantus_server.errors import CommandError
from secantus_server.query.plan_notes import NONE_EXAMINED, WHOLE_SCAN, Examined, PlanNotes, ScanName, Wanted
from secantus_server.wire.op_msg import sections_of
from secantus_server.work._shell_commands import MAX_STATEMENTS, command_shape, command_text, plain_body
from secantus_server.work._shell_text import plain
from secantus_server.work.index_advice import advice_lines, advised_indexes, keys_of
from secantus_server.work.operation_details import plan_summary

if TYPE_CHECKING:
    from secantus_server.dispatch.interceptors import Call, ExpressCall, Outcome

Value = TypeVar("Value")
#: The maximum number of a command's documents that an entry keeps.
KEPT_STATEMENTS = 20
_STATEMENTS = {"insert": "documents", "update": "updates", "delete": "deletes", "bulkWrite": "ops"}
#: The maximum length of a message that an entry keeps as a whole. For a longer message, it keeps the decoded body and the first documents.
LONGEST_KEPT = 1 << 14
#: The shape of a getMore consists of this text and the shape of the command that opened the cursor.
CONTINUED = "getMore of "
_NO_PLANS: tuple[Examined, tuple[ScanName, ...]] = (NONE_EXAMINED, ())
_NO_STATEMENTS: tuple[list[Any], int] = ([], 0)


class CommandEntry:
    """The command log's entry for an executed command.

    A short command is stored as an encoded message and decoded on access. A decoded body would cost more than the rest of the log,
    because the garbage collector would visit its values repeatedly.

    Arguments:
        notes: the notes on the command's plans, or None. The entry copies their counts but does not reference the plans, also to spare
            the garbage collector.
        opener: for a getMore, the entry of the command that opened the cursor.

    Attributes:
        target: the value of the command's first field, usually the name of its collection.
        examined: the numbers of keys and documents that this command examined, without other commands of its cursor.
        stages: the scans of the command's plans.
        results: the number of documents that the command's cursor has returned so far, including later getMore commands.
        unread: whether the cursor had more documents after the command's own batch.
        wanted: the command's queries that an index could have served.
    """

    __slots__ = (
        "_body", "_raw", "_statements", "db", "error", "examined", "n_returned", "name", "opener", "reply_bytes", "request_id", "results",
        "seconds", "stages", "target", "unread", "wanted",
    )  # fmt: skip

    def __init__(self, call: Call, outcome: Outcome, notes: PlanNotes | None, opener: CommandEntry | None) -> None:
        message = call.message
        raw = message.raw
        self.request_id = message.request_id
        self.name = call.name
        self.db = call.db
        self.target = call.body.get(call.name)
        self.seconds = call.seconds
        self.opener = opener
        self._body: dict[str, Any] | None = None
        self._statements: tuple[list[Any], int] | None = None
        if call.is_concealed:
            self._raw, self._body, self._statements = None, call.operation.body, _NO_STATEMENTS
        elif raw is None or len(raw) > LONGEST_KEPT:
            self._raw, self._body = None, call.body
            self._statements = _statements_of(call.name, call.body, message.sequences)
        else:
            self._raw = raw
        self.examined: Examined
        self.stages: tuple[ScanName, ...]
        self.examined, self.stages = _NO_PLANS if notes is None else notes.latest_result()
        self.wanted: tuple[Wanted, ...] = ()
        if notes is not None and (self.examined[2] or self.examined[4]):
            self.wanted = notes.wanted()
        self.unread = False
        self.error: str | None = None
        self.n_returned = self.results = self.reply_bytes = 0
        if isinstance(outcome, CommandError):
            self.error = outcome.code_name
        else:
            self._note_reply(outcome)

    @property
    def body(self) -> dict[str, Any]:
        """The command document, decoded if the entry contains an encoded message."""
        return self._decoded()[0]

    @property
    def statements(self) -> list[Any]:
        """The command's documents or statements, up to a maximum number."""
        return self._decoded()[1][0]

    @property
    def count(self) -> int:
        """The total number of the command's documents or statements."""
        return self._decoded()[1][1]

    def _decoded(self) -> tuple[dict[str, Any], tuple[list[Any], int]]:
        """Return the command document, its first documents or statements, and their total number."""
        if self._body is None or self._statements is None:
            assert self._raw is not None, "what is not decoded is kept as a message"
            self._body, sequences = sections_of(self._raw)
            self._statements = _statements_of(self.name, self._body, sequences)
        return self._body, self._statements

    def _note_reply(self, reply: dict[str, Any]) -> None:
        cursor = reply.get("cursor")
        if type(cursor) is dict:
            batch = cursor.get("firstBatch", cursor.get("nextBatch"))
            documents = batch.documents if type(batch) is RawArray else batch or ()
            self.n_returned = len(documents)
            self.reply_bytes = sum(map(len, documents)) if type(batch) is RawArray else 0
            self.unread = bool(cursor.get("id"))
        elif "values" in reply:
            self.n_returned = len(reply["values"])
        elif reply.get("value") is not None and self.name.lower() == "findandmodify":
            self.n_returned = 1
        self.results = self.n_returned
        if self.opener is not None:
            self.opener.results += self.n_returned


def express_entry(call: ExpressCall) -> CommandEntry:
    """Return the entry for a command of the express lane."""
    entry = CommandEntry.__new__(CommandEntry)
    raw = call.raw
    entry.request_id = int.from_bytes(raw[4:8], "little", signed=True)
    entry.name, entry.db, entry.seconds = call.name, call.db, call.seconds
    entry.target = call.target or 1
    entry.opener = entry.error = None
    entry.unread, entry.wanted = False, ()
    entry._raw, entry._body, entry._statements = raw, None, None
    if len(raw) > LONGEST_KEPT:
        body, sequences = sections_of(raw)
        entry._raw, entry._body, entry._statements = None, body, _statements_of(call.name, body, sequences)
    entry.examined, entry.stages = (call.keys, call.documents, 0, 0, 0), ()
    if call.whole_scans:
        entry.stages = WHOLE_SCAN
    elif call.key is not None:
        entry.stages = (("EXPRESS_IXSCAN" if call.is_lookup else "IXSCAN", call.key),)
    entry.n_returned = entry.results = returned = call.returned
    # The batch contains 5 bytes of its own, and a type and a name of two or three bytes for each document.
    entry.reply_bytes = call.batch_bytes - 5 - 3 * returned - max(returned - 10, 0) if call.batch_bytes else 0
    return entry


def _statements_of(name: str, body: dict[str, Any], sequences: dict[str, list[bytes]]) -> tuple[list[Any], int]:
    """Return the leading documents or statements of a command, up to a maximum number, and their total number."""
    if name not in _STATEMENTS:
        return _NO_STATEMENTS
    field = _STATEMENTS[name]
    found: Any = sequences.get(field)
    if found is None:
        found = body.get(field)
        found = found.documents if type(found) is RawArray else found
    return (found[:KEPT_STATEMENTS], len(found)) if type(found) is list else ([], 0)


def _names_documents(body: dict[str, Any]) -> bool:
    """Return whether a find selects documents by a list of `_id`s, which limits the number of results."""
    query = plain(body.get("filter"))
    wanted = query.get("_id") if type(query) is dict else None
    operators = {name for name in wanted if name.startswith("$")} if type(wanted) is dict else set()
    return wanted is not None and (not operators or not operators.isdisjoint(("$eq", "$in")))


class _Computed(Generic[Value]):
    """A property that is computed on first access. Unlike `functools.cached_property` of Python 3.11, it takes no lock."""

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, record: None, kind: type) -> _Computed[Value]: ...
    @overload
    def __get__(self, record: object, kind: type) -> Value: ...
    def __get__(self, record: object | None, kind: type) -> _Computed[Value] | Value:
        """Return the computed value and keep it as an attribute, which from then on takes precedence over the property."""
        if record is None:
            return self
        value = record.__dict__[self._name] = self._compute(record)
        return value


class CommandRecord:
    """A record of an executed command, for readers of the command log.

    Arguments:
        number: the command's position in the log.
        entry: the log's entry for the command.

    Attributes:
        name: the command's name.
        namespace: `database.collection`, or `database.$cmd`.
        shape: the command with `?` in place of its constants.
        text: the command in mongosh syntax.
        plan_summary: the scans of the command's plans, such as `IXSCAN { a: 1 }`; empty for a command without a plan.
        keys_examined, docs_examined: the number of index keys and the number of documents that the command examined.
        scanned: the number of documents read by full collection scans with a filter, which an index could serve.
        rejected: the number of scanned documents that did not match.
        sorted: the number of documents sorted in memory because no index provides the order.
        n_returned: the number of documents in the reply.
        results: the number of documents that the command's cursor has returned so far, including later getMore commands.
        reply_bytes: the size of the documents in the reply, in bytes.
        scanned_collections: the names of the collections in `scanned`, without duplicates.
        is_hinted: whether a hint chose the index or the scan of a slow query.
        advice: the mongosh lines that create indexes for the command.
        duration_ms: the server's working time in milliseconds.
        error: the name of the command's error, or None if it succeeded.
        request_id: the id of the client's message.
        source: the line of test code that sent the command, as `file:line`, or None if unknown.
        stack: the lines of the call stack outside of libraries, innermost first.
        thread: the id of the client's thread, or 0.
        task: the id of the client's asyncio task, or 0.
        part: the number of the example or subtest that sent the command, or 0.

        The reader of the log sets `source`, `stack`, `thread`, `task` and `part`.
    """

    _COMPUTED = ("namespace", "shape", "text", "plan_summary", "advice", "is_unbounded")

    def __init__(self, number: int, entry: CommandEntry) -> None:
        self._entry: CommandEntry | None = entry
        self.number = number
        self.request_id = entry.request_id
        self.name = entry.name
        self.database = entry.db
        self.keys_examined, self.docs_examined, self.scanned, self.rejected, self.sorted = entry.examined
        self.n_returned = entry.n_returned
        self.results = entry.results
        self.reply_bytes = entry.reply_bytes
        self.scanned_collections: tuple[str, ...] = ()
        self.is_hinted = False
        if wanted := entry.wanted:
            self.scanned_collections = tuple(dict.fromkeys(one.collection for one in wanted if one.scanned))
            self.is_hinted = any(one.hinted for one in wanted)
        self.duration_ms = entry.seconds * 1000
        self.error = entry.error
        self.source: str | None = None
        self.stack: tuple[str, ...] = ()
        self.thread = 0
        self.task = 0
        self.part = 0

    @property
    def site(self) -> str | None:
        """The innermost line of the call stack outside of libraries, as `file:line`, or None if unknown."""
        return self.stack[0] if self.stack else None

    @property
    def _of(self) -> CommandEntry:
        assert self._entry is not None, "a record that was sent to another process has computed everything"
        return self._entry

    @_Computed
    def is_unbounded(self) -> bool:
        """Whether the command is a find without a limit whose filter does not list `_id`s, and the client has read more than the first
        batch or to the end.
        """
        entry = self._of
        if entry.name != "find" or (entry.unread and self.results == self.n_returned):
            return False
        return not entry.body.get("limit") and not _names_documents(entry.body)

    @_Computed
    def _body(self) -> dict[str, Any]:
        return plain_body(self._of.body)

    @_Computed
    def _statements(self) -> list[Any]:
        """The documents or statements that the text shows, decoded once for the text and the shape."""
        return [decode(one) if type(one) is bytes else plain(one) for one in self._of.statements[:MAX_STATEMENTS]]

    @_Computed
    def namespace(self) -> str:
        """The command's namespace, as `database.collection` or `database.$cmd`."""
        body = self._of.body
        if self.name == "bulkWrite":
            return f"{self.database}.$cmd.bulkWrite"
        target = body.get("collection") if self.name == "getMore" else self._of.target
        return f"{self.database}.{target}" if type(target) is str else f"{self.database}.$cmd"

    @_Computed
    def shape(self) -> str:
        """The command with `?` in place of its constants."""
        opener = self._of.opener
        if opener is not None:
            return CONTINUED + command_shape(opener.name, plain_body(opener.body), opener.statements[:1])
        return command_shape(self.name, self._body, self._statements)

    @_Computed
    def text(self) -> str:
        """The command in mongosh syntax."""
        return command_text(self.name, self._body, self._statements, self._of.count)

    @_Computed
    def plan_summary(self) -> str:
        """The scans of the command's plans, such as `IXSCAN { a: 1 }`."""
        return plan_summary(self._of.stages)

    @_Computed
    def advice(self) -> tuple[str, ...]:
        """The mongosh commands that create suitable indexes for the command's queries."""
        entry = self._of.opener or self._of
        collation = entry.body.get("collation")
        wanted = self._of.wanted
        if wanted and entry.name not in ("update", "delete"):
            found = [(one.collection, key, one.indexes) for one in wanted for key in keys_of(one.filter, one.sort) if list(key) != ["_id"]]
            return () if self.is_hinted else advice_lines(found, collation)
        target = entry.body.get(entry.name)
        if type(target) is not str:
            return ()
        statements = [decode(one) if type(one) is bytes else one for one in entry.statements]
        indexes = wanted[0].indexes if wanted else ()
        return advice_lines([(target, key, indexes) for key in advised_indexes(entry.name, entry.body, statements)])

    def __getstate__(self) -> dict[str, Any]:
        """Return the record's attributes for pickling, with all texts computed and without the log's entry."""
        for name in self._COMPUTED:
            getattr(self, name)
        return {name: value for name, value in vars(self).items() if name not in ("_body", "_statements")} | {"_entry": None}

    def __repr__(self) -> str:
        return f"<{self.text}>"
