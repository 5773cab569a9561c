# cython: language_level=3, boundscheck=False, wraparound=False
"""The express lane, which runs the most common commands in their simplest form, from message bytes to reply bytes.

The lane runs a find, update, delete or findAndModify with an equality on the field of a unique index, a find with an equality or a range that
only one index could serve and that few documents match, and an insert of a few documents. It also does so in a session's transaction, and
commits such transactions. Outside transactions, it also answers a ping, sorts what such a find finds, updates the few documents that match such an
equality, finds, counts or groups all documents of a small collection, creates and drops collections without options, creates a missing collection
with one index, and lets a getMore wait for a change stream's next event. The command must have only the usual fields, and nothing may watch or restrict commands: no active interceptor
(other than logs, see `Interceptor.after_express`), fail point, access control or profiler. All other commands take the general path
(`dispatch/dispatcher.py`), as do commands that fail.
`Express.answer` returns None for such a command without having changed anything, and the general path runs the command from the beginning.
`Express.unfinished` has the exceptions: a transaction that the command has begun, and an error after which it must not run again. So the
lane's replies are equal to those of the general path; tests compare the two.

`_express_statements` has the statements, and `_express_transactions` the transactions of sessions. They are base classes of `Express` because
the steps of a command share the state of the running command, which are fields of one C structure.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint8_t
from libc.string cimport memcmp

from secantus_server.bson._raw cimport Element, read_int32
from secantus_server.catalog._collection_state cimport CollectionState
from secantus_server.dispatch._operation cimport Counts, ExpressCall, Lane, Operation, operation_of
from secantus_server.sessions._registries cimport RetryableWrite
from secantus_server.storage._unit cimport RecoveryUnit
from secantus_server.work._brief_work cimport is_plain
from secantus_server.work._creation cimport begin_creation, begin_drop
from secantus_server.work._express_transactions cimport SessionStatements
from secantus_server.work._plain_message cimport COMMIT, COUNT, CREATE, CREATE_INDEXES, DROP, FIND, GET_MORE, INSERT, PING, text_of
from secantus_server.work.change_streams._stream_wait cimport StreamWait, begin_wait, send_event

from secantus_server.errors import CommandError
from secantus_server.index.errors import DuplicateKey
from secantus_server.wire.message import Unfinished
from secantus_server.work._express_find import Unusual
from secantus_server.work.express_record import looked_up, record_slow

cdef enum:
    # If the last finds by a range or with a sort were left to the general path, the lane attempts one in this number.
    ATTEMPTED = 16
    # One in this number of messages with writes of at most so many bytes checks whether the store is crowded.
    CHECKED = 16
    SMALL_BYTES = 4096
    # Upper bound on a document to which the last update of a connection refers.
    KEPT_BYTES = 16384
    # The size of a message's header, which begins with the length of the message.
    HEADER_BYTES = 16

cdef tuple NAMES = ("find", "insert", "update", "delete", "findAndModify", "aggregate", "commitTransaction", "create", "drop", "ping", "createIndexes")
cdef tuple COUNTERS = ("query", "insert", "update", "delete", *(["command"] * 7))


cdef str kept_text(const Element* element, str last):
    """Return the value of a string: the same object as the last one if they are equal, because its hash is already known."""
    cdef Py_ssize_t length
    cdef const char* text = PyUnicode_AsUTF8AndSize(last, &length)
    if read_int32(element.value) == length + 1 and memcmp(element.value + 4, text, length) == 0:
        return last
    return text_of(element)


cdef bint is_message(bytes data) except -1:
    """Return whether the received bytes are exactly one message."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    return size >= HEADER_BYTES and read_int32(<const uint8_t*>PyBytes_AS_STRING(data)) == size


cdef class Express(SessionStatements):
    """The express lane of one connection. One thread at a time uses it.

    Arguments:
        services: the server.
        client: the connection's state.
    """

    # The last update and its BSON, because loops often send the same update for one document after the other. It is None while it is applied,
    # so that an update that has failed is not used again.
    cdef object last_update
    cdef bytes last_operators
    # The connection's counts at the begin of the running command, and whether anything logged commands then.
    cdef long long keys, documents, returned, whole_scans
    cdef bint is_logged

    def answer_all(self, transport, request_ids, failed):
        """Receive and answer messages as long as each arrives as a whole and the lane runs its command.

        The loop is part of the lane, because a core without the caches of the client's core spends more time on the frames around a short
        command than on the command.

        Arguments:
            transport, request_ids, failed: see `answer_one`.

        Returns:
            the bytes that the caller must continue with, and whether they are a message that the lane has left to the general path. If
            they are not, they may be a part of a message, several messages, or empty at the end of the connection.

        Raises:
            OSError, EOFError, ProtocolError: the connection is broken.
        """
        cdef bytes data
        while True:
            data = transport.receive()
            if not is_message(data):
                return data, False
            if not self.answer_one(data, transport, request_ids, transport.push, failed):
                return data, True

    cpdef bint answer_one(self, bytes raw, transport, request_ids, push, failed) except -1:
        """Run the command of a message and send the reply; return False if the general path must run the command.

        Arguments:
            transport: the connection's transport.
            request_ids, push: see `answer`.
            failed: logs an unexpected error of the message's command, and returns the reply.

        Raises:
            OSError: the connection is broken.
        """
        client = self.client
        try:
            try:
                data = self.answer(raw, request_ids, push)
                if data is not None and type(data) is not bytes:
                    data = data.wait()
            except Exception as error:  # Like in `net.connection`, a bug must not end the server.
                data = failed(raw, error)
            if data is None:
                return False
            client.bytes_in += len(raw)
            client.requests += 1
            # Empty if another thread has sent the reply of a waiting command.
            if data:
                transport.send(data)
                client.bytes_out += len(data)
        finally:
            # A signal handler has raised an error after the commit. Nothing else would wake these clients' commands.
            if self.claims.count > 0:
                send_event(self.claims, self.reply, self.key)
        return True

    cpdef answer(self, bytes raw, request_ids, push=None):
        """Run the command of a message; return the reply, or None if the general path must run the command.

        A getMore has no reply yet. Its result is a `StreamWait`, whose method `wait` returns the reply.

        Arguments:
            request_ids: the iterator of ids for the connection's replies.
            push: sends the reply of a getMore (see `net.transport.Transport`); None if the lane must not wait.
        """
        cdef Operation operation
        cdef str db, name
        if not self.is_suitable(raw):
            return None
        if self.message.parts.kind == GET_MORE:
            return None if push is None or not self.is_clear() else self.begin_wait(raw, request_ids, push)
        db, name = "admin", ""
        if self.message.parts.kind != COMMIT:
            db = self.db = kept_text(&self.message.parts.db, self.db)
            if self.message.parts.kind != PING:
                name = self.name = kept_text(&self.message.parts.name, self.name)
        operation = operation_of(self.clock, self.operations.new_id(), self.client.connection_id, db, self.operations.new_notes, raw)
        self.running[operation.opid] = operation
        self.committed, self.index, self.statements, self.operation, self.own_time = False, None, 1, operation, None
        self.begun = self.failure = self.shown = self.catalog_change = None
        self.note_counts()
        try:
            # Check after the registration: code that blocks commands first sets its condition and then looks for running commands.
            if not self.is_clear():
                raise Unusual()
            self.run(operation, name)
        except (CommandError, DuplicateKey, MemoryError, Unusual):
            if self.committed:
                raise
            self.pass_on(operation)
            return None
        finally:
            del self.running[operation.opid]
            self.operation = self.begun = self.failure = None
        self.finish(operation, name, raw)
        return self.reply.framed(raw, next(request_ids))

    cdef void note_counts(self) noexcept:
        """Note the connection's counts at the begin of a command."""
        cdef Counts usage = self.usage
        self.keys, self.documents, self.returned, self.whole_scans = usage.keys, usage.documents, usage.returned, usage.whole_scans

    cdef bint is_suitable(self, bytes raw) except -1:
        """Read a message; return whether the lane attempts to run its command."""
        if self.unfinished is not None or self.services.access is not None or not self.message.read(raw, self.oplog.cluster_stamp):
            return False
        if (self.message.parts.is_range or self.message.parts.is_sorted) and self.refused > 1 and self.refused % ATTEMPTED:
            self.refused += 1
            return False
        # Logs report the documents that a command sorts, which only the general path describes.
        if self.message.parts.is_sorted and self.interceptors.lane.logs:
            return False
        return self.message.parts.kind in (FIND, COUNT, PING, GET_MORE) or not self.is_crowded(len(raw))

    cdef object parsed_update(self):
        """Return the parsed update: the last one if its text is the same. Forget the last one."""
        cdef Element* operators = &self.message.parts.update
        parsed, self.last_update = self.last_update, None
        if (
            parsed is not None
            and PyBytes_GET_SIZE(self.last_operators) == <Py_ssize_t>operators.value_len
            and memcmp(PyBytes_AS_STRING(self.last_operators), operators.value, operators.value_len) == 0
        ):
            return parsed
        self.last_operators = None
        return SessionStatements.parsed_update(self)

    cdef int note_update(self, update, Py_ssize_t size) except -1:
        """Keep the parsed update. It refers to the last document, so those of large documents are not kept."""
        cdef Element* operators = &self.message.parts.update
        if operators.value_len <= SMALL_BYTES and size <= KEPT_BYTES:
            if self.last_operators is None:
                self.last_operators = PyBytes_FromStringAndSize(<const char*>operators.value, operators.value_len)
            self.last_update = update
        return 0

    cdef bint is_crowded(self, Py_ssize_t size) except -1:
        """Return whether the store is crowded. Not every small write asks, because the answer takes as long as a part of the write."""
        self.oplog.small_writes += 1
        return (size > SMALL_BYTES or self.oplog.small_writes % CHECKED == 0) and self.engine.is_crowded()

    cdef object begin_wait(self, bytes raw, request_ids, push):
        cdef StreamWait wait = begin_wait(
            self, self.reply, self.key, self.services, self.client, &self.message.parts, raw, request_ids, push
        )
        if wait is None or wait.is_answered:
            return None if wait is None else wait.rest
        return None if not self.is_clear() and wait.end() else wait

    cdef int pass_on(self, Operation operation) except -1:
        """Leave the running command to the general path."""
        self.refused += self.message.parts.is_range or self.message.parts.is_sorted
        error = operation.killed if self.failure is None else self.failure
        lookup = None if self.index is None or self.failure is None else looked_up(self.index)
        if error is not None or self.begun is not None:
            self.unfinished = Unfinished(error, self.begun, lookup)
        if self.index is not None and lookup is None:
            self.index.uses -= 1
        return 0

    cdef bint is_clear(self) except -1:
        """Return whether nothing watches, restricts or delays commands, so that the lane may run them."""
        services = self.services
        cdef Lane lane = self.interceptors.lane
        self.is_logged = lane.logs is not None and len(lane.logs) > 0
        if not lane.is_open or services.access is not None or services.fail_points.active:
            return False
        if self.is_logged and self.message.parts.is_sorted:
            return False
        settings = services.settings
        if settings is not self.settings:
            self.settings, self.is_suited = settings, settings.replica_set and not settings.sync_on_commit
        if not self.is_suited or services.index_filters or services.query_settings:
            return False
        return self.message.parts.kind in (FIND, COUNT, PING, GET_MORE) or self.message.parts.in_transaction or not self.transactions.open

    cdef int run(self, Operation operation, str name) except -1:
        """Run the command and write its reply.

        Raises:
            Unusual, CommandError, DuplicateKey: the general path must run the command.
        """
        cdef RecoveryUnit unit
        write = None
        if self.message.parts.lsid.start != NULL:
            operation.session = PyBytes_FromStringAndSize(<const char*>self.message.parts.lsid.value + 13, 16)
            self.sessions.use(operation.session)
        if self.message.parts.kind == PING:
            self.reply.begin()
            return self.reply.end()
        if self.message.parts.in_transaction:
            return self.run_in_transaction(operation, name)
        if self.message.parts.number.start != NULL:
            write = self.begin_retryable(operation.session)
        try:
            unit = self.engine.acquire()
            try:
                return self.run_on(unit, self.begin(unit, operation.db, name), operation.db, name, write)
            finally:
                self.end(unit)
        finally:
            if write is not None:
                write.lock.release()

    cdef object end(self, RecoveryUnit unit):
        """Return the recovery unit of a command, and release the locks of a change of the catalog."""
        try:
            self.engine.release(unit)
        finally:
            if self.catalog_change is not None:
                self.catalog_change.end()

    cdef object begin(self, RecoveryUnit unit, str db, str name):
        """Begin a transaction of the store, and return the collection or None. Begin a drop, or to create the missing collection of a create,
        createIndexes or insert.
        """
        view = self.catalog.begin(unit)
        collection = view.find(db, name)
        if collection is None and self.message.parts.kind in (INSERT, CREATE, CREATE_INDEXES):
            index = self.index_spec() if self.message.parts.kind == CREATE_INDEXES else None
            self.catalog_change = begin_creation(self.services, unit, view, db, name, index)
            collection = None if self.catalog_change is None else self.catalog_change.collection
        elif collection is not None and self.message.parts.kind == DROP and is_plain(collection):
            self.catalog_change = begin_drop(self.services, unit, view, collection)
        return collection

    cdef object begin_retryable(self, bytes session):
        """Begin a retryable write with a new number, and return it with its lock held."""
        cdef RetryableWrite write = self.retries.of(session)
        cdef bint is_new = False
        if write is not None and (self.message.parts.number_value <= write.number or write.lock.locked()):
            raise Unusual()
        write = self.retries.register(session, self.message.parts.number_value, False, &is_new)
        if not is_new or not write.lock.acquire(False):
            raise Unusual()
        return write

    cdef int finish(self, Operation operation, str name, bytes raw) except -1:
        """Count the finished command, log it if anything logged commands at its begin, and record it if it was slow."""
        cdef double seconds = self.clock.monotonic() - operation.started - operation.waited
        cdef int kind = self.message.parts.kind
        cdef Lane lane = self.interceptors.lane
        cdef ExpressCall call
        # No row is kept of a dropped collection, see `usage.row_key`.
        self.count(operation.db, "" if kind == DROP else name, kind, seconds)
        if self.is_logged:
            call = self.call_of(operation, name, raw, seconds)
            for log in lane.logs:
                log(self.client, call)
        if seconds > lane.threshold_s:
            record_slow(self.services, self.client, operation, raw, self.reply.document(), seconds)
        return 0

    cdef ExpressCall call_of(self, Operation operation, str name, bytes raw, double seconds):
        """Return the report of the finished command for the logs."""
        cdef ExpressCall call = ExpressCall.__new__(ExpressCall)
        cdef Counts usage = self.usage
        cdef int kind = self.message.parts.kind
        call.raw, call.name, call.db, call.target, call.seconds = raw, NAMES[kind], operation.db, name, seconds
        call.index, call.is_range = self.shown, self.message.parts.is_range
        call.keys, call.documents = usage.keys - self.keys, usage.documents - self.documents
        call.returned, call.whole_scans = usage.returned - self.returned, usage.whole_scans - self.whole_scans
        call.batch_bytes = self.reply.batch_bytes if kind in (FIND, COUNT) else 0
        return call

    cdef int count(self, str db, str name, int kind, double seconds) except -1:
        """Count the finished command, like `Usage.record`, and call that for the first command of its kind on a collection."""
        # A command without a collection shares one row, like in `usage.row_key`.
        cdef tuple key = (db if name else "", name, NAMES[kind])
        cdef list row = self.usage.rows.get(key)
        if row is None:
            self.usage.record(key, COUNTERS[kind], seconds, self.statements)
            return 0
        self.usage.counts[COUNTERS[kind]] += self.statements
        row[0] += 1
        row[1] += seconds
        return 0
