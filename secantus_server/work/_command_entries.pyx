# cython: language_level=3
"""The entries of the command log, compiled because every command that is logged creates one.

An entry keeps what the command leaves behind. Everything that can be computed from that is computed when the log is read.
"""

cimport cython
from cpython.bytes cimport PyBytes_GET_SIZE

from secantus_server.bson import RawDocument, decode
from secantus_server.bson._codec cimport RawArray
from secantus_server.dispatch._operation cimport ExpressCall, Operation
from secantus_server.dispatch.interceptors import OF_DRIVERS
from secantus_server.query._plan_notes cimport PlanNotes, Seen, WHOLE_SCAN
from secantus_server.query.plan_notes import wanted_of
from secantus_server.wire._sections import raw_sections
from secantus_server.wire.op_msg import CHECKSUM_PRESENT, sections_of
from secantus_server.work._shell_commands import MAX_STATEMENTS, body_fields, plain_body
from secantus_server.work._shell_text import items_of

#: The maximum number of a command's documents that an entry keeps.
cdef Py_ssize_t KEPT_STATEMENTS = 20
cdef dict STATEMENTS = {"insert": "documents", "update": "updates", "delete": "deletes", "bulkWrite": "ops"}
#: The maximum length of a message that an entry keeps as a whole. For a longer message, it keeps the decoded body and the first documents.
cdef Py_ssize_t LONGEST_KEPT = 1 << 14
cdef tuple NO_STATEMENTS = ([], 0)
# The commands whose plans are logged. explain is not among them, because its plans return no documents to the client.
PLANNED = frozenset(
    ["find", "aggregate", "count", "distinct", "update", "delete", "findAndModify", "findandmodify", "bulkWrite", "getMore"]
)
# The kinds of commands that the log treats differently, so that one look-up tells them apart.
cdef enum:
    OTHER
    DRIVERS
    INSERTS
    WITH_PLANS
    WRITES  # with plans, but without documents in the reply
    GET_MORE
    KILL_CURSORS
cdef dict KINDS = (
    {name: DRIVERS for name in OF_DRIVERS}
    | {name: WITH_PLANS for name in PLANNED}
    | {"insert": INSERTS, "update": WRITES, "delete": WRITES, "getMore": GET_MORE, "killCursors": KILL_CURSORS}
)


@cython.no_gc  # No value that an entry keeps refers to an entry, and the garbage collector would visit each of them again and again.
cdef class CommandEntry:
    """The command log's entry for an executed command.

    A short command is stored as an encoded message and decoded on access. A decoded body would cost more than the rest of the log,
    because the garbage collector would visit its values repeatedly.

    Attributes:
        opener: for a getMore, the entry of the command that opened the cursor.
        target: the value of the command's first field, usually the name of its collection.
        examined: the numbers of keys and documents that this command examined, without other commands of its cursor.
        results: the number of documents that the command's cursor has returned so far, including later getMore commands.
        unread: whether the cursor had more documents after the command's own batch.
        error: the name of the command's error, or None.
    """

    cdef object sent_id
    cdef readonly object error
    cdef readonly double seconds
    cdef readonly str name, db
    cdef readonly object target
    cdef readonly CommandEntry opener
    # The counts of `examined`, which most readers of the log do not need as objects.
    cdef Seen seen
    # The key pattern of the index if the command's only plan is a point lookup, which needs no further object; otherwise `stages`.
    cdef dict looked_up
    cdef tuple noted_stages
    cdef readonly bint unread
    cdef readonly Py_ssize_t n_returned, results, reply_bytes
    cdef bytes raw
    cdef object decoded_body
    cdef tuple decoded_statements, slow, known_wanted

    cdef int note_plans(self, PlanNotes notes) except -1:
        """Note what the command's plans have examined, given their notes or None. Dispatch has already counted it.

        The entry copies the counts but does not reference the plans, also to spare the garbage collector.
        """
        if notes is None:
            self.noted_stages = self.slow = ()
            return 0
        self.seen = notes.counted
        self.looked_up = notes.looked_up()
        if self.looked_up is None:
            self.noted_stages, self.slow = notes.noted_stages(), notes.slow(&self.seen)
        else:
            self.slow = ()
        return 0

    @property
    def stages(self):
        """The scans of the command's plans."""
        return self.noted_stages if self.looked_up is None else (("EXPRESS_IXSCAN", self.looked_up),)

    @property
    def examined(self):
        """The numbers of keys and documents that this command examined (see `query.plan_notes.Examined`)."""
        return self.seen.keys, self.seen.documents, self.seen.scanned, self.seen.rejected, self.seen.ordered

    @property
    def request_id(self):
        """The id of the command's message."""
        return int.from_bytes(self.raw[4:8], "little", signed=True) if self.sent_id is None else self.sent_id

    @property
    def is_long(self):
        """Whether the entry keeps decoded documents, because the command's message is long."""
        return self.raw is None

    @property
    def wanted(self):
        """The command's queries that an index could have served (see `query.plan_notes.Wanted`), as of the first access."""
        return self.find_wanted()

    cdef tuple find_wanted(self):
        if self.known_wanted is None:
            self.known_wanted = tuple([wanted_of(*one) for one in self.slow]) if self.slow else ()
        return self.known_wanted

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

    def shown(self):
        """Return what the text of the command shows: the fields of the command document, which may still be encoded (see
        `_shell_commands.body_fields`), its first documents or statements, and their total number. The entry keeps nothing of it.
        """
        if self.raw is None:
            statements, count = self.decoded_statements
            return plain_body(self.decoded_body), statements[:MAX_STATEMENTS], count
        # Without the function of `wire.op_msg`, because a report reads the message of each command of each test.
        encoded, sequences = raw_sections(self.raw, len(self.raw) - (4 if self.raw[16] & CHECKSUM_PRESENT else 0))
        fields = body_fields(encoded)
        if self.name == "bulkWrite" and "nsInfo" in sequences:
            fields["nsInfo"] = [RawDocument(one) for one in sequences["nsInfo"]]
        statements, count = statements_of(self.name, fields, sequences)
        return fields, statements[:MAX_STATEMENTS], count

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
        total += PyBytes_GET_SIZE(document) if type(document) is bytes else len(document)
    return total


def express_entry(ExpressCall call not None):
    """Return the entry for a command of the express lane."""
    cdef CommandEntry entry = CommandEntry.__new__(CommandEntry)
    cdef bytes raw = call.raw
    cdef str name = call.name
    cdef Py_ssize_t returned = call.returned
    index = call.index
    entry.name, entry.db, entry.target, entry.seconds = name, call.db, call.target or 1, call.seconds
    if len(raw) > LONGEST_KEPT:
        entry.sent_id = int.from_bytes(raw[4:8], "little", signed=True)
        body, sequences = sections_of(raw)
        entry.keep_decoded(body, sequences)
    else:
        entry.raw = raw
    if name == "findAndModify":
        returned = 1
    entry.seen.keys, entry.seen.documents, entry.noted_stages, entry.slow = call.keys, call.documents, (), ()
    if call.whole_scans:
        entry.noted_stages = WHOLE_SCAN
    elif index is not None:
        # A unique index on a path with dots is scanned like an index that is not unique.
        is_lookup = not call.is_range and name != "aggregate" and index.point_path is not None and "." not in index.point_path
        if is_lookup:
            entry.looked_up = index.spec["key"]
        else:
            entry.noted_stages = (("IXSCAN", index.spec["key"]),)
    entry.n_returned = entry.results = returned
    # The batch contains 5 bytes of its own, and a type and a name of two or three bytes for each document.
    entry.reply_bytes = call.batch_bytes - 5 - 3 * returned - max(returned - 10, 0) if call.batch_bytes else 0
    return entry


cdef tuple statements_of(str name, dict body, dict sequences):
    """Return the leading documents or statements of a command, up to a maximum number, and their total number."""
    if name not in STATEMENTS:
        return NO_STATEMENTS
    field = STATEMENTS[name]
    found = sequences.get(field)
    if found is None:
        found = body.get(field)
        found = (<RawArray>found).documents if type(found) is RawArray else items_of(found)
    return (found[:KEPT_STATEMENTS], len(found)) if type(found) is list else NO_STATEMENTS


cdef class Entries:
    """The methods and the bounded list of a command log, which drops the commands of the test harness.

    A command of the express lane (the fast path) is kept as the lane reports it. Its entry is made when the log is read.

    Arguments:
        ignored: commands with this application name or comment are not kept.
        most_entries, most_bytes: the maximum number of entries, and the maximum total size of their messages.

    Attributes:
        first: the number of entries that `clear` has dropped. Positions include this number, so that they stay valid.
        left_out: the number of commands that were not kept because the list was full.

    Threads: the interpreter lock guards the list. No method releases it between a check and the change that follows. Only one command at
    a time uses a cursor.
    """

    cdef readonly list kept
    cdef readonly Py_ssize_t first, left_out
    cdef str ignored
    cdef Py_ssize_t size, most_entries, most_bytes
    # For each connection id, whether the connection's commands are ignored. The connection's first command, hello, decides this, because it
    # names the application.
    cdef dict clients
    # The client of the last command, and whether its commands are ignored.
    cdef object last_client
    cdef bint is_last_own
    # For the id of each open cursor, the entry of the command that opened the cursor.
    cdef dict cursors

    def __init__(self, str ignored, Py_ssize_t most_entries, Py_ssize_t most_bytes):
        self.ignored, self.most_entries, self.most_bytes = ignored, most_entries, most_bytes
        self.kept, self.clients, self.cursors = [], {}, {}

    def position(self):
        """Return the log position after the last command, as a later `start`."""
        return self.first + len(self.kept)

    def targets(self, Py_ssize_t start=0):
        """Return the database and the collection of each command from position `start` on that has a collection, without duplicates."""
        cdef Py_ssize_t place
        cdef dict found = {}
        cdef object db = None, target = None
        for place in range(max(start - self.first, 0), len(self.kept)):
            entry = self.kept[place]
            if type(entry) is ExpressCall:
                if (<ExpressCall>entry).db is db and (<ExpressCall>entry).target is target:
                    continue
                db, target = (<ExpressCall>entry).db, (<ExpressCall>entry).target
            else:
                db, target = (<CommandEntry>entry).db, (<CommandEntry>entry).target
            if type(target) is str and target:
                found[db, target] = None
        return list(found)

    def after_general(self, call, str name, client, Operation operation not None, dict body, bytes raw, double seconds, outcome):
        """Log a command of the general path, given its reply or error."""
        cdef int kind = KINDS.get(name, OTHER)
        if kind == DRIVERS or self.ignored and (self.is_own(client) or self.is_marked(body)):
            return
        cdef CommandEntry entry = CommandEntry.__new__(CommandEntry)
        entry.name, entry.db, entry.target, entry.seconds = name, operation.db, body.get(name), seconds
        if kind == GET_MORE:
            entry.opener = self.cursors.get(body["getMore"])
        if call.is_concealed:
            entry.sent_id = call.message.request_id
            entry.decoded_body, entry.decoded_statements = operation.body, NO_STATEMENTS
        elif raw is None or len(raw) > LONGEST_KEPT:
            entry.sent_id = call.message.request_id
            entry.keep_decoded(body, call.message.sequences)
        else:
            entry.raw = raw
        entry.note_plans(operation.notes if kind == WITH_PLANS or kind == WRITES or entry.opener is not None else None)
        if type(outcome) is not dict:
            entry.error = outcome.code_name
        elif kind != WRITES and kind != INSERTS:
            entry.note_reply(outcome)
        if entry.unread or entry.opener is not None or kind == KILL_CURSORS:
            self.note_cursors(entry, body, outcome)
        self.add(entry, 0 if raw is None else len(raw))

    cdef int note_cursors(self, CommandEntry entry, dict body, outcome) except -1:
        """Note which cursors a command has opened or closed."""
        if entry.name == "killCursors":
            if entry.error is None:
                for cursor in body["cursors"]:
                    self.cursors.pop(cursor, None)
        elif entry.unread:
            # A later getMore on the cursor refers to the entry of the command that opened the cursor.
            self.cursors[outcome["cursor"]["id"]] = entry if entry.opener is None else entry.opener
        elif entry.error is None:
            self.cursors.pop(body["getMore"], None)
        return 0

    def after_express(self, client, ExpressCall call not None):
        """Log a command of the express lane. Such a command never opens a cursor or has a comment."""
        cdef Py_ssize_t size = len(call.raw)
        if not self.ignored or not self.is_own(client):
            self.add(call if size <= LONGEST_KEPT else express_entry(call), size)

    cdef int add(self, entry, Py_ssize_t size) except -1:
        """Add an entry for a message of the given size, if the list is not full."""
        if len(self.kept) < self.most_entries and self.size + size <= self.most_bytes:
            self.size += size
            self.kept.append(entry)
        else:
            self.left_out += 1
        return 0

    cdef bint is_marked(self, dict body) except -1:
        """Return whether a command is ignored because of its comment."""
        comment = body.get("comment")
        return comment is not None and comment == self.ignored

    cdef bint is_own(self, client) except -1:
        """Return whether a client's commands are ignored."""
        cdef object known
        if client is not self.last_client:
            known = self.clients.get(client.connection_id)
            if known is None:
                known = self.clients[client.connection_id] = client.application == self.ignored
            # In this order: the assignment of the client may run other code.
            self.is_last_own = known
            self.last_client = client
        return self.is_last_own

    def clear(self):
        """Remove all entries."""
        self.first += len(self.kept)
        self.kept, self.cursors, self.size, self.left_out = [], {}, 0, 0


def settle(list kept not None):
    """Compute what the entries of a list still read from the catalog. Return whether one of them keeps decoded documents."""
    cdef CommandEntry entry
    cdef bint has_long = False
    for one in kept:
        if type(one) is CommandEntry:
            entry = <CommandEntry>one
            entry.find_wanted()
            has_long |= entry.raw is None
    return has_long


def entry_at(list kept not None, Py_ssize_t place):
    """Return the entry at a position of a list of entries."""
    entry = kept[place]
    if type(entry) is ExpressCall:
        entry = kept[place] = express_entry(entry)
    return entry
