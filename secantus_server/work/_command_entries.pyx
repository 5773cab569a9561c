# cython: language_level=3
"""The entries of the command log, compiled because every command that is logged creates one.

An entry keeps what the command leaves behind. Everything that can be computed from that is computed when the log is read.
"""

cimport cython

from secantus_server.bson import decode
from secantus_server.bson._codec cimport RawArray
from secantus_server.dispatch._operation cimport Operation
from secantus_server.errors import CommandError
from secantus_server.query.plan_notes import NONE_EXAMINED, WHOLE_SCAN, wanted_of
from secantus_server.wire.op_msg import sections_of

#: The maximum number of a command's documents that an entry keeps.
cdef Py_ssize_t KEPT_STATEMENTS = 20
cdef dict STATEMENTS = {"insert": "documents", "update": "updates", "delete": "deletes", "bulkWrite": "ops"}
#: The maximum length of a message that an entry keeps as a whole. For a longer message, it keeps the decoded body and the first documents.
cdef Py_ssize_t LONGEST_KEPT = 1 << 14
cdef tuple NO_STATEMENTS = ([], 0)
# The commands that drivers send on their own: heartbeats, logins and ends of sessions.
OF_DRIVERS = frozenset(["hello", "isMaster", "ismaster", "saslStart", "saslContinue", "endSessions"])
# The commands whose plans are logged. explain is not among them, because its plans return no documents to the client.
cdef frozenset PLANNED = frozenset(
    ["find", "aggregate", "count", "distinct", "update", "delete", "findAndModify", "findandmodify", "bulkWrite", "getMore"]
)
cdef object none_examined = NONE_EXAMINED


@cython.no_gc  # No value that an entry keeps refers to an entry, and the garbage collector would visit each of them again and again.
cdef class CommandEntry:
    """The command log's entry for an executed command.

    A short command is stored as an encoded message and decoded on access. A decoded body would cost more than the rest of the log,
    because the garbage collector would visit its values repeatedly.

    Attributes:
        opener: for a getMore, the entry of the command that opened the cursor.
        target: the value of the command's first field, usually the name of its collection.
        examined: the numbers of keys and documents that this command examined, without other commands of its cursor.
        stages: the scans of the command's plans.
        results: the number of documents that the command's cursor has returned so far, including later getMore commands.
        unread: whether the cursor had more documents after the command's own batch.
        error: the name of the command's error, or None.
    """

    cdef readonly object request_id, seconds, error
    cdef readonly str name, db
    cdef readonly object target
    cdef readonly CommandEntry opener
    cdef readonly tuple examined, stages
    cdef readonly bint unread
    cdef readonly Py_ssize_t n_returned, results, reply_bytes
    cdef bytes raw
    cdef object decoded_body
    cdef tuple decoded_statements, slow

    cdef int note(self, call, message, dict body, outcome, notes) except -1:
        """Note a finished command of the general path, given its message and command document.

        Arguments:
            notes: the notes on the command's plans, or None. The entry copies their counts but does not reference the plans, also to
                spare the garbage collector.
        """
        cdef bytes raw = message.raw
        self.request_id = message.request_id
        self.db, self.seconds = call.db, call.seconds
        self.target = body.get(self.name)
        if call.is_concealed:
            self.decoded_body, self.decoded_statements = call.operation.body, NO_STATEMENTS
        elif raw is None or len(raw) > LONGEST_KEPT:
            self.keep_decoded(body, message.sequences)
        else:
            self.raw = raw
        self.examined, self.stages, self.slow = none_examined, (), ()
        if notes is not None:
            self.examined, self.stages, self.slow = notes.logged()
        if isinstance(outcome, CommandError):
            self.error = outcome.code_name
        else:
            self.note_reply(outcome)
        return 0

    @property
    def wanted(self):
        """The command's queries that an index could have served (see `query.plan_notes.Wanted`)."""
        return tuple([wanted_of(*one) for one in self.slow])

    @property
    def body(self):
        """The command document, decoded if the entry contains an encoded message."""
        self.decode()
        return self.decoded_body

    @property
    def statements(self):
        """The command's documents or statements, up to a maximum number."""
        self.decode()
        return self.decoded_statements[0]

    @property
    def count(self):
        """The total number of the command's documents or statements."""
        self.decode()
        return self.decoded_statements[1]

    cdef int decode(self) except -1:
        """Read the command document, its first documents or statements, and their total number, if the message is still encoded."""
        if self.decoded_statements is None:
            body, sequences = sections_of(self.raw)
            self.keep_decoded(body, sequences)
        return 0

    cdef int keep_decoded(self, dict body, dict sequences) except -1:
        """Keep a decoded message: the command document, the first documents or statements, and their total number."""
        if self.name == "bulkWrite" and "nsInfo" in sequences:
            body = {**body, "nsInfo": [decode(one) for one in sequences["nsInfo"]]}
        self.decoded_body, self.decoded_statements = body, statements_of(self.name, body, sequences)
        return 0

    cdef int note_reply(self, dict reply) except -1:
        cursor = reply.get("cursor")
        if type(cursor) is dict:
            batch = (<dict>cursor).get("firstBatch")
            if batch is None:
                batch = (<dict>cursor).get("nextBatch")
            if type(batch) is RawArray:
                self.n_returned = len((<RawArray>batch).documents)
                self.reply_bytes = total_length((<RawArray>batch).documents)
            elif batch is not None:
                self.n_returned = len(batch)
            self.unread = bool((<dict>cursor).get("id"))
        elif "values" in reply:
            self.n_returned = len(reply["values"])
        elif reply.get("value") is not None and self.name.lower() == "findandmodify":
            self.n_returned = 1
        self.results = self.n_returned
        if self.opener is not None:
            self.opener.results += self.n_returned
        return 0


cdef Py_ssize_t total_length(list documents) except -1:
    cdef Py_ssize_t total = 0
    for document in documents:
        total += len(document)
    return total


def express_entry(tuple values not None):
    """Return the entry for a command of the express lane, given its `ExpressValues`."""
    cdef CommandEntry entry = CommandEntry.__new__(CommandEntry)
    cdef bytes raw
    cdef str name, target
    cdef Py_ssize_t returned, batch_bytes
    raw, name, entry.db, target, entry.seconds, index, is_range, before, after, batch_bytes = values
    entry.request_id = int.from_bytes(raw[4:8], "little", signed=True)
    entry.name, entry.target = name, target or 1
    if len(raw) > LONGEST_KEPT:
        body, sequences = sections_of(raw)
        entry.keep_decoded(body, sequences)
    else:
        entry.raw = raw
    keys, documents, returned, whole_scans = [new - old for new, old in zip(after, before)]
    if name == "findAndModify":
        returned = 1
    entry.examined, entry.stages, entry.slow = (keys, documents, 0, 0, 0), (), ()
    if whole_scans:
        entry.stages = WHOLE_SCAN
    elif index is not None:
        # A unique index on a path with dots is scanned like an index that is not unique.
        is_lookup = not is_range and name != "aggregate" and index.point_path is not None and "." not in index.point_path
        entry.stages = (("EXPRESS_IXSCAN" if is_lookup else "IXSCAN", index.spec["key"]),)
    entry.n_returned = entry.results = returned
    # The batch contains 5 bytes of its own, and a type and a name of two or three bytes for each document.
    entry.reply_bytes = batch_bytes - 5 - 3 * returned - max(returned - 10, 0) if batch_bytes else 0
    return entry


cdef tuple statements_of(str name, dict body, dict sequences):
    """Return the leading documents or statements of a command, up to a maximum number, and their total number."""
    if name not in STATEMENTS:
        return NO_STATEMENTS
    field = STATEMENTS[name]
    found = sequences.get(field)
    if found is None:
        found = body.get(field)
        found = (<RawArray>found).documents if type(found) is RawArray else found
    return (found[:KEPT_STATEMENTS], len(found)) if type(found) is list else NO_STATEMENTS


cdef class Entries:
    """The methods and the bounded list of a command log, which drops the commands of the test harness.

    A command of the express lane (the fast path) is kept as the lane reports it. Its entry is made when the log is read.

    Arguments:
        ignored: commands with this application name or comment are not kept.
        most_entries, most_bytes: the maximum number of entries, and the maximum total size of their messages.

    Attributes:
        left_out: the number of commands that were not kept because the list was full.

    Threads: the interpreter lock guards the list. No method releases it between a check and the change that follows. Only one command at
    a time uses a cursor.
    """

    cdef readonly list kept
    cdef readonly Py_ssize_t left_out
    cdef str ignored
    cdef Py_ssize_t size, most_entries, most_bytes
    # For each connection id, whether the connection's commands are ignored. The connection's first command, hello, decides this, because it
    # names the application.
    cdef dict clients
    # For the id of each open cursor, the entry of the command that opened the cursor.
    cdef dict cursors

    def __init__(self, str ignored, Py_ssize_t most_entries, Py_ssize_t most_bytes):
        self.ignored, self.most_entries, self.most_bytes = ignored, most_entries, most_bytes
        self.kept, self.clients, self.cursors = [], {}, {}

    def before(self, call):
        """Request that the command's plan notes include all its query plans, even those of point lookups."""
        if call.name in PLANNED:
            call.operation.notes_lookups = True

    def after(self, call, outcome):
        """Log a finished command, given its reply or error."""
        cdef str name = call.name
        cdef dict body = call.body
        if name in OF_DRIVERS or (self.ignored and (body.get("comment") == self.ignored or self.is_own(call.client))):
            return
        cdef bint is_planned = name in PLANNED
        cdef CommandEntry entry = CommandEntry.__new__(CommandEntry)
        notes = (<Operation>call.operation).notes if is_planned else None
        if name == "getMore":
            entry.opener = self.cursors.get(body["getMore"])
            notes = None if entry.opener is None else notes
        message = call.message
        entry.name = name
        entry.note(call, message, body, outcome, notes)
        if name == "killCursors":
            if entry.error is None:
                for cursor in body["cursors"]:
                    self.cursors.pop(cursor, None)
        elif is_planned and entry.unread:
            # A later getMore on the cursor refers to the entry of the command that opened the cursor.
            self.cursors[outcome["cursor"]["id"]] = entry if entry.opener is None else entry.opener
        elif entry.opener is not None and entry.error is None:
            self.cursors.pop(body["getMore"], None)
        raw = message.raw
        self.add(entry, 0 if raw is None else len(<bytes>raw))

    def after_express(self, client, tuple values not None):
        """Log a command of the express lane, given its `ExpressValues`. Such a command never opens a cursor or has a comment."""
        cdef Py_ssize_t size = len(<bytes>values[0])
        if not self.ignored or not self.is_own(client):
            self.add(values if size <= LONGEST_KEPT else express_entry(values), size)

    cpdef int add(self, entry, Py_ssize_t size) except -1:
        """Add an entry for a message of the given size, if the list is not full."""
        if len(self.kept) < self.most_entries and self.size + size <= self.most_bytes:
            self.size += size
            self.kept.append(entry)
        else:
            self.left_out += 1
        return 0

    cpdef bint is_own(self, client) except -1:
        """Return whether a client's commands are ignored."""
        cdef object known = self.clients.get(client.connection_id)
        if known is None:
            known = self.clients[client.connection_id] = client.application == self.ignored
        return known

    def clear(self):
        """Remove all entries."""
        self.kept, self.cursors, self.size, self.left_out = [], {}, 0, 0


def entry_at(list kept not None, Py_ssize_t place):
    """Return the entry at a position of a list of entries."""
    entry = kept[place]
    if type(entry) is tuple:
        entry = kept[place] = express_entry(entry)
    return entry
