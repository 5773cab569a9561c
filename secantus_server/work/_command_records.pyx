# cython: language_level=3
"""The data that the command log stores for each executed command, compiled because a report of a test run reads every command.

A `CommandEntry` is filled after the command has run. Readers of the log get a `CommandRecord`. It computes its texts on first access or
when it is sent to another process.
"""

cimport cython

from secantus_server.work._shell_text cimport Output

from secantus_server.bson import decode
from secantus_server.query.plan_notes import plan_summary
from secantus_server.work._command_entries import entry_at, settle
from secantus_server.work._shell_commands import command_shape, command_text
from secantus_server.work._shell_text import plain
from secantus_server.work.index_advice import advice_lines, advised_indexes, keys_of

#: The shape of a getMore consists of this text and the shape of the command that opened the cursor.
CONTINUED = "getMore of "


def records_of(list kept not None, Py_ssize_t start, Py_ssize_t first):
    """Return the records of a log's entries.

    Arguments:
        kept: the entries of the log.
        start: the position in the log of the first entry to return.
        first: the position in the log of the first entry in `kept`.
    """
    return [CommandRecord(first + place, entry_at(kept, place)) for place in range(max(start - first, 0), len(kept))]


@cython.no_gc  # Like its entries, it is never part of a cycle.
cdef class TakenCommands:
    """Commands that were removed from a log. Their records are made when they are read, which a report does later.

    Arguments:
        kept: the entries of the log.
        first: the position in the log of the first entry.

    Attributes:
        end: the position in the log after the last entry.
        has_long: whether the record of one of the commands keeps decoded documents (see `CommandRecord.is_long`).
    """

    # The entries, or the records of commands that another process has sent.
    cdef list kept
    cdef Py_ssize_t first
    cdef readonly bint has_long
    cdef bint are_records

    def __init__(self, list kept not None, Py_ssize_t first):
        self.kept, self.first, self.has_long = kept, first, settle(kept)

    def __len__(self):
        return len(self.kept)

    @property
    def end(self):
        return self.first + len(self.kept)

    def records(self):
        """Return the records of the commands."""
        return self.kept if self.are_records else records_of(self.kept, 0, self.first)

    def __reduce__(self):
        """Return what pickling needs: the records, with all texts computed."""
        return restored_commands, (self.records(), self.first, self.has_long)


def restored_commands(list records not None, Py_ssize_t first, bint has_long):
    """Return commands that another process has taken from its log."""
    cdef TakenCommands taken = TakenCommands([], first)
    taken.kept, taken.has_long, taken.are_records = records, has_long, True
    return taken


cdef bint names_documents(dict body) except -1:
    """Return whether a find selects documents by a list of `_id`s, which limits the number of results."""
    query = plain(body.get("filter"))
    wanted = query.get("_id") if type(query) is dict else None
    operators = {name for name in wanted if name.startswith("$")} if type(wanted) is dict else set()
    return wanted is not None and (not operators or not operators.isdisjoint(("$eq", "$in")))


@cython.no_gc  # No value of a record refers to a record, and the garbage collector would visit the records that wait for a report.
cdef class CommandRecord:
    """A record of an executed command, for readers of the command log.

    Arguments:
        number: the command's position in the log.
        entry: the log's entry for the command.

    Attributes:
        name: the command's name.
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

    # None in a record that was sent to another process, which has computed everything.
    cdef object entry
    cdef readonly Py_ssize_t number, n_returned, results, reply_bytes
    cdef readonly long long keys_examined, docs_examined, scanned, rejected, sorted
    cdef readonly object request_id
    cdef readonly str name, database
    cdef readonly object error
    cdef readonly double duration_ms
    cdef readonly bint is_long, is_hinted
    cdef readonly tuple scanned_collections
    cdef public object source, thread, task
    cdef public tuple stack
    cdef public Py_ssize_t part
    cdef tuple wanted
    # What the text, the shape and the namespace are made of, and what has been computed so far.
    cdef tuple shown
    cdef str known_namespace, known_shape, known_text, known_plan_summary
    cdef tuple known_advice
    cdef object known_unbounded

    def __init__(self, Py_ssize_t number, entry not None):
        self.entry, self.number = entry, number
        self.request_id, self.name, self.database, self.error = entry.request_id, entry.name, entry.db, entry.error
        self.keys_examined, self.docs_examined, self.scanned, self.rejected, self.sorted = entry.examined
        self.n_returned, self.results, self.reply_bytes, self.is_long = entry.n_returned, entry.results, entry.reply_bytes, entry.is_long
        self.duration_ms = entry.seconds * 1000
        # Computed now, because it reads the indexes of the collections, which may change until a text is read.
        self.wanted = wanted = entry.wanted
        self.scanned_collections = self.stack = ()
        if wanted:
            self.scanned_collections = tuple(dict.fromkeys([one.collection for one in wanted if one.scanned]))
            self.is_hinted = any([one.hinted for one in wanted])
        self.thread = self.task = 0

    @property
    def _of(self):
        """The log's entry."""
        assert self.entry is not None, "a record that was sent to another process has computed everything"
        return self.entry

    @property
    def site(self):
        """The innermost line of the call stack outside of libraries, as `file:line`, or None if unknown."""
        return self.stack[0] if self.stack else None

    @property
    def place(self):
        """The source location of the command: the line in the project, and the line in the test from which it was called."""
        if not self.stack or self.stack[0] == self.source:
            return self.source or ""
        return f"{self.stack[0]} (from {self.source})"

    @property
    def is_unbounded(self):
        """Whether the command is a find without a limit whose filter does not list `_id`s, and the client has read more than the first
        batch or to the end.
        """
        if self.known_unbounded is None:
            entry = self._of
            if entry.name != "find" or (entry.unread and self.results == self.n_returned):
                self.known_unbounded = False
            else:
                self.known_unbounded = not entry.body.get("limit") and not names_documents(entry.body)
        return self.known_unbounded

    cdef tuple parts(self):
        """Return what the text, the shape and the namespace are made of."""
        if self.shown is None:
            self.shown = self._of.shown()
        return self.shown

    @property
    def namespace(self):
        """The command's namespace, as `database.collection` or `database.$cmd`."""
        if self.known_namespace is None:
            if self.name == "bulkWrite":
                self.known_namespace = f"{self.database}.$cmd.bulkWrite"
            else:
                target = (<dict>self.parts()[0]).get("collection") if self.name == "getMore" else self._of.target
                self.known_namespace = f"{self.database}.{target}" if type(target) is str else f"{self.database}.$cmd"
        return self.known_namespace

    @property
    def shape(self):
        """The command with `?` in place of its constants."""
        if self.known_shape is None:
            opener = self._of.opener
            if opener is not None:
                fields, statements, _ = opener.shown()
                self.known_shape = CONTINUED + command_shape(opener.name, fields, statements)
            else:
                fields, statements, _ = self.parts()
                self.known_shape = command_shape(self.name, fields, statements)
        return self.known_shape

    @property
    def text(self):
        """The command in mongosh syntax."""
        if self.known_text is None:
            fields, statements, count = self.parts()
            self.known_text = command_text(self.name, fields, statements, count)
        return self.known_text

    @property
    def plan_summary(self):
        """The scans of the command's plans, such as `IXSCAN { a: 1 }`; empty for a command without a plan."""
        if self.known_plan_summary is None:
            stages = self._of.stages
            self.known_plan_summary = plan_summary(stages) if stages else ""
        return self.known_plan_summary

    @property
    def advice(self):
        """The mongosh commands that create suitable indexes for the command's queries."""
        if self.known_advice is None:
            self.known_advice = self.find_advice()
        return self.known_advice

    cdef tuple find_advice(self):
        entry = self._of.opener or self._of
        collation = entry.body.get("collation")
        wanted = self.wanted
        if wanted and entry.name not in ("update", "delete"):
            found = [(one.collection, key, one.indexes) for one in wanted for key in keys_of(one.filter, one.sort) if list(key) != ["_id"]]
            return () if self.is_hinted else advice_lines(found, collation)
        target = entry.body.get(entry.name)
        if type(target) is not str:
            return ()
        statements = [decode(one) if type(one) is bytes else one for one in entry.statements]
        indexes = wanted[0].indexes if wanted else ()
        return advice_lines([(target, key, indexes) for key in advised_indexes(entry.name, entry.body, statements)])

    def row(self, Py_ssize_t longest):
        """Return the command's row on a page of a report, as JSON.

        Arguments:
            longest: the maximum number of characters of the command's text. A longer one is truncated.
        """
        cdef Output output = Output.__new__(Output)
        cdef str text = self.text
        output.put('{"text": ', 9)
        output.put_json(text if len(text) <= longest else f"{text[:longest]}...")
        output.put(', "namespace": ', 15)
        output.put_json(self.namespace)
        output.put(', "plan": ', 10)
        output.put_json(self.plan_summary)
        output.put(', "keys": ', 10)
        output.put_number(self.keys_examined)
        output.put(', "docs": ', 10)
        output.put_number(self.docs_examined)
        output.put(', "returned": ', 14)
        output.put_number(self.n_returned)
        output.put(', "ms": ', 8)
        put_thousandths(output, <long long>(self.duration_ms * 1000 + 0.5))
        output.put(', "source": ', 12)
        output.put_json(self.place)
        output.put(', "error": ', 11)
        output.put_json(self.error or "")
        output.put("}", 1)
        return output.text()

    def values(self):
        """Return the values of all attributes and texts by their names."""
        return {
            "number": self.number, "request_id": self.request_id, "name": self.name, "database": self.database,
            "keys_examined": self.keys_examined, "docs_examined": self.docs_examined, "scanned": self.scanned,
            "rejected": self.rejected, "sorted": self.sorted, "n_returned": self.n_returned, "results": self.results,
            "reply_bytes": self.reply_bytes, "is_long": self.is_long, "scanned_collections": self.scanned_collections,
            "is_hinted": self.is_hinted, "duration_ms": self.duration_ms, "error": self.error, "source": self.source,
            "stack": self.stack, "thread": self.thread, "task": self.task, "part": self.part, "namespace": self.namespace,
            "shape": self.shape, "text": self.text, "plan_summary": self.plan_summary, "advice": self.advice,
            "is_unbounded": self.is_unbounded,
        }  # fmt: skip

    def __reduce__(self):
        """Return what pickling needs: all texts computed, and without the log's entry."""
        return restored, (self.values(),)

    def __repr__(self):
        return f"<{self.text}>"


cdef int put_thousandths(Output output, long long number) except -1:
    """Add a number of thousandths as Python writes a float. It is not negative."""
    cdef int rest = number % 1000
    cdef char[4] digits
    digits[0] = c"."
    digits[1], digits[2], digits[3] = <char>(c"0" + rest // 100), <char>(c"0" + rest // 10 % 10), <char>(c"0" + rest % 10)
    output.put_number(number // 1000)
    return output.put(digits, 4 if rest % 10 else 3 if rest % 100 else 2)


def restored(dict values not None):
    """Return a record that another process has sent, given its values."""
    cdef CommandRecord record = CommandRecord.__new__(CommandRecord)
    record.number, record.request_id, record.name, record.database = (
        values["number"], values["request_id"], values["name"], values["database"])
    record.keys_examined, record.docs_examined, record.scanned = values["keys_examined"], values["docs_examined"], values["scanned"]
    record.rejected, record.sorted, record.n_returned = values["rejected"], values["sorted"], values["n_returned"]
    record.results, record.reply_bytes, record.is_long = values["results"], values["reply_bytes"], values["is_long"]
    record.scanned_collections, record.is_hinted = values["scanned_collections"], values["is_hinted"]
    record.duration_ms, record.error, record.source = values["duration_ms"], values["error"], values["source"]
    record.stack, record.thread, record.task, record.part = values["stack"], values["thread"], values["task"], values["part"]
    record.known_namespace, record.known_shape, record.known_text = values["namespace"], values["shape"], values["text"]
    record.known_plan_summary, record.known_advice = values["plan_summary"], values["advice"]
    record.known_unbounded = values["is_unbounded"]
    return record
