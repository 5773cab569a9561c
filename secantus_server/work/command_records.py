"""The data that the command log stores for each executed command.

A `CommandEntry` is filled after the command has run. Readers of the log get a `CommandRecord`. It computes its texts on first access or
when it is sent to another process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from secantus_server.bson import decode
from secantus_server.work._command_entries import CommandEntry
from secantus_server.work._shell_commands import command_shape, command_text
from secantus_server.work._shell_text import plain
from secantus_server.work.index_advice import advice_lines, advised_indexes, keys_of
from secantus_server.work.operation_details import plan_summary

if TYPE_CHECKING:
    pass

Value = TypeVar("Value")
#: The shape of a getMore consists of this text and the shape of the command that opened the cursor.
CONTINUED = "getMore of "


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
        is_long: whether the record keeps decoded documents until its texts are computed, because the command's message is long.
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
        self.is_long = entry.is_long
        self.scanned_collections: tuple[str, ...] = ()
        self.is_hinted = False
        # Computed now, because it reads the indexes of the collections, which may change until a text is read.
        self._wanted = wanted = entry.wanted
        if wanted:
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
    def _shown(self) -> tuple[dict[str, Any], list[Any], int]:
        """What the text, the shape and the namespace are made of."""
        return self._of.shown()

    @_Computed
    def namespace(self) -> str:
        """The command's namespace, as `database.collection` or `database.$cmd`."""
        if self.name == "bulkWrite":
            return f"{self.database}.$cmd.bulkWrite"
        target = self._shown[0].get("collection") if self.name == "getMore" else self._of.target
        return f"{self.database}.{target}" if type(target) is str else f"{self.database}.$cmd"

    @_Computed
    def shape(self) -> str:
        """The command with `?` in place of its constants."""
        opener = self._of.opener
        if opener is not None:
            fields, statements, _ = opener.shown()
            return CONTINUED + command_shape(opener.name, fields, statements)
        fields, statements, _ = self._shown
        return command_shape(self.name, fields, statements)

    @_Computed
    def text(self) -> str:
        """The command in mongosh syntax."""
        return command_text(self.name, *self._shown)

    @_Computed
    def plan_summary(self) -> str:
        """The scans of the command's plans, such as `IXSCAN { a: 1 }`."""
        stages = self._of.stages
        return plan_summary(stages) if stages else ""

    @_Computed
    def advice(self) -> tuple[str, ...]:
        """The mongosh commands that create suitable indexes for the command's queries."""
        entry = self._of.opener or self._of
        collation = entry.body.get("collation")
        wanted = self._wanted
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
        return {name: value for name, value in vars(self).items() if name not in ("_shown", "_wanted")} | {"_entry": None}

    def __repr__(self) -> str:
        return f"<{self.text}>"
