# cython: language_level=3, boundscheck=False, wraparound=False
"""The express lane, which runs the most common commands in their simplest form, from message bytes to reply bytes.

The lane runs a find, update, delete or findAndModify with an equality on the field of a unique index, an insert of a few documents, and a
find or `count_documents` of all documents of a small collection. The command must have only the usual fields, and nothing may watch or restrict commands: no active interceptor, fail point, access control or
profiler. All other commands take the general path (`dispatch/dispatcher.py`), as do commands that fail. `Express.answer` returns None for
such a command without having changed anything (except that an insert may have created its collection), and the general path runs the command from the beginning. So the lane's replies are equal
to those of the general path; tests compare the two.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._keystring cimport put_key
from secantus_server.bson._raw cimport Element, first_element, next_element, read_int32
from secantus_server.dispatch._operation cimport Operation
from secantus_server.exec._point cimport read_entry, read_record
from secantus_server.index._index cimport Index
from secantus_server.storage._cursor cimport Cursor
from secantus_server.storage._unit cimport RecoveryUnit
from secantus_server.work._plain_message cimport (
    ARRAY, BINARY, BOOL, COUNT, DELETE, DOCUMENT, DOUBLE, FIND, INSERT, INT32, INT64, MODIFY, OBJECT_ID, OP_MSG, STRING, TIMESTAMP, UPDATE, Parts,
    PlainMessage,
)

from secantus_server.bson import RawDocument, decode_unique, encode
from secantus_server.bson.values import Date
from secantus_server.dispatch.memory_limits import memory_limits
from secantus_server.errors import CommandError
from secantus_server.exec._write import CollectionWriter
from secantus_server.index._index import ident_prefix
from secantus_server.index.errors import DuplicateKey
from secantus_server.mql.context import ParseContext
from secantus_server.mql.limits import DEFAULT_LIMITS
from secantus_server.mql.update import parse_update
from secantus_server.oplog._rows import Chain
from secantus_server.storage.tables import RECORDS
from secantus_server.work.collections import create_collection
from secantus_server.work.express_record import record_slow
from secantus_server.work.retried import note_retried, store_retried

cdef enum:
    REPLY_AT = 21  # header 16, flags 4, kind 1
    MOST_KEPT = 65536  # larger buffers are not kept after a reply
    # The lane checks for no interrupt, so it scans only small collections.
    MOST_COUNTED = 1000
    # Less than the size of a first batch, so that the reply always contains all documents.
    MOST_FOUND = 100
    MOST_FOUND_BYTES = 1048576

cdef tuple NAMES = ("find", "insert", "update", "delete", "findAndModify", "aggregate")
cdef tuple COUNTERS = ("query", "insert", "update", "delete", "command", "command")
cdef int RECORDS_TABLE = RECORDS

# The operators whose result depends only on the document and the command.
cdef frozenset OPERATORS = frozenset(
    ["$set", "$inc", "$unset", "$mul", "$min", "$max", "$push", "$addToSet", "$pop", "$rename", "$setOnInsert", "$bit"]
)


class Unusual(Exception):
    """Raised for a command that the general path must run."""


def _never():
    """Fail. Replaces the functions that return new timestamps and the first RecordId, which only the general path may call.

    Raises:
        Unusual: always.
    """
    raise Unusual()


cdef inline str text_of(const Element* element):
    return (<const char*>element.value + 4)[: read_int32(element.value) - 1].decode("ascii")


cdef class Express:
    """The express lane of one connection. One thread at a time uses it.

    Arguments:
        services: the server.
        client: the connection's state.
    """

    cdef object services
    cdef object client
    cdef object usage
    cdef object clock
    cdef object engine
    cdef object catalog
    cdef object oplog
    cdef object operations
    cdef object sessions
    cdef object retries
    cdef object transactions
    cdef object topology
    cdef object interceptors
    cdef dict running
    cdef Writer out
    cdef Writer key
    cdef PlainMessage message
    # The error that interrupted the last command; the general path raises it.
    cdef public object killed
    # The index whose `uses` counter the running command has incremented.
    cdef Index index
    # Whether the running command has committed. If so, the general path must not run it again.
    cdef bint committed
    # The number of statements that the command adds to the counters.
    cdef int statements
    cdef Operation operation
    # The commit time of the running command's retryable write.
    cdef object own_time
    # Caches of the last converted timestamp and the last election id.
    cdef object time
    cdef int64_t stamp
    cdef object election_id
    cdef bytes election_bytes

    def __init__(self, services, client):
        self.services = services
        self.client = client
        self.usage = client.usage
        self.clock = services.clock
        self.engine = services.engine
        self.catalog = services.catalog
        self.oplog = services.oplog
        self.operations = services.operations
        self.running = services.operations.running
        self.sessions = services.sessions
        self.retries = services.sessions.retries
        self.transactions = services.sessions.transactions
        self.topology = services.topology
        self.interceptors = services.interceptors
        self.message = PlainMessage.__new__(PlainMessage)
        self.out = Writer.__new__(Writer)
        self.key = Writer.__new__(Writer)

    def answer(self, bytes raw not None, request_ids):
        """Run the command of a message; return the reply, or None if the general path must run the command.

        Arguments:
            request_ids: the iterator of ids for the connection's replies.
        """
        cdef Operation operation
        cdef str db, name
        if not self.message.read(raw, <uint64_t>self.oplog.cluster_stamp) or not self.is_clear():
            return None
        db, name = text_of(&self.message.parts.db), text_of(&self.message.parts.name)
        operation = Operation(self.clock, self.operations.new_id(), self.client.connection_id, db, None, (), self.operations.new_notes, raw)
        self.running[operation.opid] = operation
        self.committed, self.index, self.statements, self.operation, self.own_time = False, None, 1, operation, None
        try:
            # Check again after the registration: code that blocks commands first sets its condition and then looks for running commands, so
            # it may have missed this command.
            if not self.is_clear():
                return None
            self.run(operation, name)
        except (CommandError, DuplicateKey, MemoryError, Unusual):
            if self.committed:
                raise
            self.killed = operation.killed
            if self.index is not None:
                self.index.uses -= 1
            return None
        finally:
            del self.running[operation.opid]
            self.operation = None
        self.finish(operation, name, raw)
        return self.framed(raw, next(request_ids))

    cdef bint is_clear(self) except -1:
        """Return whether nothing watches, restricts or delays commands, so that the lane may run them."""
        services = self.services
        interceptors = self.interceptors
        if interceptors.before or interceptors.threshold_s <= 0 or services.access is not None or services.fail_points.active:
            return False
        settings = services.settings
        if not settings.replica_set or settings.sync_on_commit or services.index_filters or services.query_settings:
            return False
        return self.message.parts.kind in (FIND, COUNT) or not (self.transactions.open or self.engine.is_crowded())

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
        if self.message.parts.number.start != NULL:
            write = self.begin_retryable(operation.session)
        try:
            unit = self.engine.acquire()
            try:
                collection = self.catalog.begin(unit).find(operation.db, name)
                if collection is None and self.message.parts.kind == INSERT:
                    unit.rollback()
                    create_collection(self.services, operation.db, name, {}, if_missing=True)
                    collection = self.catalog.begin(unit).find(operation.db, name)
                if collection is None or collection.options or collection.search_indexes or not collection.indexes:
                    raise Unusual()
                if self.message.parts.kind == INSERT:
                    return self.insert(unit, collection, write)
                if self.message.parts.kind in (FIND, COUNT):
                    return self.read(unit, collection, operation.db, name)
                return self.change(unit, collection, write)
            finally:
                self.engine.release(unit)
        finally:
            if write is not None:
                write.lock.release()

    cdef object begin_retryable(self, bytes session):
        """Begin a retryable write with a new number, and return it with its lock held."""
        newest = self.retries.of(session)
        if newest is not None and (self.message.parts.number_value <= newest.number or newest.lock.locked()):
            raise Unusual()
        write, is_new = self.retries.begin(session, self.message.parts.number_value)
        if not is_new or not write.lock.acquire(False):
            raise Unusual()
        return write

    cdef int insert(self, RecoveryUnit unit, collection, write) except -1:
        cdef list documents = self.documents()
        cdef list changes = []
        cdef int count = <int>len(documents)
        self.statements = count
        writer = CollectionWriter(unit, collection.ident, collection.indexes)
        writer.insert_run(documents, 0, count, collection.record_ids(_never), self.clock.object_id, _never, changes)
        self.commit(unit, collection, writer, changes, count, write, ("insert", 0, count - 1, None))
        self.usage.inserted += count
        self.begin_reply()
        self.put_int32(b"n", 1, count)
        self.put_optime()
        return self.end_reply()

    cdef list documents(self):
        """Return the documents of an insert, in the form in which the general path passes them to the writer."""
        cdef list documents = []
        cdef Element element
        cdef const uint8_t* p = self.message.parts.documents
        if self.message.parts.query.start == NULL:
            while p < self.message.parts.documents_end:
                documents.append(PyBytes_FromStringAndSize(<const char*>p, read_int32(p)))
                p += read_int32(p)
            return documents
        p = first_element(self.message.parts.query.value)
        while next_element(&p, &element):
            # Decode and encode the documents, because the general path does so with documents in the body (but not in a sequence).
            documents.append(encode(decode_unique(PyBytes_FromStringAndSize(<const char*>element.value, element.value_len))))
        return documents

    cdef Index point_index(self, collection):
        """Return the unique index that the query uses, like `query.point.point_index`. Write the lookup key to `self.key`."""
        cdef Element field
        cdef const uint8_t* cursor = first_element(self.message.parts.query.value)
        cdef Index index
        next_element(&cursor, &field)
        path = field.name[: field.name_len].decode("ascii")
        for index in collection.indexes:
            if index.point_path == path and not index.spec.get("hidden"):
                self.key.clear()
                self.key.put_bytes(PyBytes_AS_STRING(index.prefix), PyBytes_GET_SIZE(index.prefix))
                put_key(self.key, field.type, field.value, None)
                return index
        raise Unusual()

    cdef int read(self, RecoveryUnit unit, collection, str db, str name) except -1:
        """Run a find or a count."""
        cdef Writer out = self.out
        cdef size_t cursor, batch
        self.begin_reply()
        out.put_name(DOCUMENT, b"cursor", 6)
        cursor = out.open()
        out.put_name(ARRAY, b"firstBatch", 10)
        batch = out.open()
        if self.message.parts.is_whole:
            self.scan(unit, collection)
        else:
            self.find(unit, collection)
        out.close(batch)
        self.put_int64(b"id", 2, 0)
        self.put_namespace(db, name)
        out.close(cursor)
        return self.end_reply()

    cdef int find(self, RecoveryUnit unit, collection) except -1:
        """Append the document that the query matches to the batch, or its count."""
        cdef const uint8_t* document = NULL
        cdef size_t size = 0
        cdef int64_t record_id
        cdef Index index = self.point_index(collection)
        self.index = index
        if not read_entry(unit, index, self.key.buffer, self.key.size, &record_id):
            return 0
        if not read_record(unit, collection.ident, record_id, &document, &size):
            return 0
        self.usage.keys += 1
        self.usage.documents += 1
        if self.message.parts.kind == COUNT:
            return self.put_count(1)
        self.usage.returned += 1
        return self.put_document(0, document, size)

    cdef int scan(self, RecoveryUnit unit, collection) except -1:
        """Append all documents of a small collection to the batch, or their count.

        Raises:
            Unusual: the collection is large, or its number of documents is unknown.
        """
        cdef bint counts = self.message.parts.kind == COUNT
        cdef int limit = self.message.parts.limit
        cdef Cursor cursor
        cdef const uint8_t* key
        cdef const uint8_t* document
        cdef size_t key_size, size
        cdef int found = 0, code = 0
        known = collection.document_count.value
        if known is None or known > MOST_COUNTED or (not counts and known > MOST_FOUND and not 0 < limit <= MOST_FOUND):
            raise Unusual()
        cursor = Cursor(unit, RECORDS_TABLE, ident_prefix(collection.ident), ident_prefix(collection.ident + 1), False)
        while counts or limit == 0 or found < limit:
            code = cursor.next_raw(&key, &key_size, &document, &size)
            if code:
                cursor.fail(code)
                break
            if not counts:
                if found == MOST_FOUND or self.out.size + size > MOST_FOUND_BYTES:
                    raise Unusual()
                self.put_document(found, document, size)
            found += 1
        self.usage.whole_scans += 1
        self.usage.documents += found
        if counts:
            return self.put_count(found)
        self.usage.returned += found
        return 0

    cdef int put_document(self, int number, const uint8_t* document, size_t size) except -1:
        """Append a document to the batch."""
        cdef char[4] name
        cdef int length = 1
        if number < 10:
            name[0] = <char>(48 + number)
        else:
            name[0], name[1], length = <char>(48 + number // 10), <char>(48 + number % 10), 2
        self.out.put_name(DOCUMENT, name, length)
        return self.out.put_bytes(document, size)

    cdef int put_count(self, int count) except -1:
        """Append the result of a count to the batch, unless the count is zero."""
        cdef size_t mark
        if count == 0:
            return 0
        self.usage.returned += 1
        self.out.put_name(DOCUMENT, b"0", 1)
        mark = self.out.open()
        self.put_int32(b"_id", 3, 1)
        self.put_int32(b"n", 1, count)
        return self.out.close(mark)

    cdef int change(self, RecoveryUnit unit, collection, write) except -1:
        """Update or delete the document that the query matches."""
        cdef Parts* parts = &self.message.parts
        cdef const uint8_t* document = NULL
        cdef size_t size = 0
        cdef int64_t record_id = 0
        cdef Index index = self.point_index(collection)
        cdef bytes old
        update = None if parts.kind == DELETE else self.parsed_update()
        self.index = index
        if not read_entry(unit, index, self.key.buffer, self.key.size, &record_id):
            if parts.kind == MODIFY:
                raise Unusual()
            return self.write_reply(0, -1 if parts.kind == DELETE else 0)
        if not read_record(unit, collection.ident, record_id, &document, &size):
            raise Unusual()
        old = PyBytes_FromStringAndSize(<const char*>document, size)
        writer = CollectionWriter(unit, collection.ident, collection.indexes)
        if parts.kind == DELETE:
            self.delete(unit, collection, writer, old, record_id, write)
        else:
            self.update(unit, collection, writer, old, record_id, update, write)
        self.usage.keys += 1
        self.usage.documents += 1
        return 0

    cdef int delete(self, RecoveryUnit unit, collection, writer, bytes old, int64_t record_id, write) except -1:
        writer.delete(old, record_id)
        self.commit(unit, collection, writer, [("d", old)], -1, write, ("delete", 0, 0, 1))
        self.usage.deleted += 1
        return self.write_reply(1, -1)

    cdef int update(self, RecoveryUnit unit, collection, writer, bytes old, int64_t record_id, update, write) except -1:
        cdef bytes new = update.apply(old)
        cdef bint is_changed = new is not old
        if is_changed:
            writer.update(old, new, record_id)
            self.commit(unit, collection, writer, [("u", new, update.entry(old, new))], 0, write, self.updated(old, new))
        self.usage.updated += 1
        if self.message.parts.kind == UPDATE:
            return self.write_reply(1, is_changed)
        return self.modify_reply(new if self.message.parts.returns_new else old)

    cdef tuple updated(self, bytes old, bytes new):
        """Return the entry for the log of retryable writes of an update that has changed a document."""
        if self.message.parts.kind == UPDATE:
            return "update", 0, 0, [1, 1]
        shown = new if self.message.parts.returns_new else old
        return "findAndModify", 0, 0, {"lastErrorObject": {"n": 1, "updatedExisting": True}, "value": RawDocument(shown)}

    cdef object parsed_update(self):
        """Return the parsed update.

        Raises:
            Unusual: the result of the update depends on more than the document, or on the array position that the query matched.
        """
        cdef Element* update = &self.message.parts.update
        cdef dict operators = decode_unique(PyBytes_FromStringAndSize(<const char*>update.value, update.value_len))
        if not operators or not OPERATORS.issuperset(operators):
            raise Unusual()
        services, clock = self.services, self.clock
        ctx = ParseContext(
            Date(clock.now_ms()), services.document_time(), {}, None, clock.random, clock.object_id, True, False, False, clock.now_ms,
            None, None, memory_limits(services.parameters) if services.parameters else DEFAULT_LIMITS, None, None, None, services.release,
        )
        parsed = parse_update(operators, ctx)
        if parsed.needs_array_index:
            raise Unusual()
        return parsed

    cdef int commit(self, RecoveryUnit unit, collection, writer, list changes, int difference, write, tuple executed) except -1:
        """Commit the changes of a collection, like `work.auto_commit`."""
        chain = None
        count = collection.document_count
        cdef bint is_uncounted
        if writer.became_multikey or self.operation.killed is not None:
            raise Unusual()
        is_uncounted = count.value is None
        if is_uncounted:
            count.begin_change()
        try:
            if write is not None:
                chain = self.chain_of(unit, write, executed)
            time = self.oplog.commit(unit, [], [(collection.identity, changes)], chain, written=(collection.lifetime,))
        except BaseException:
            if is_uncounted:
                count.cancel_change()
            raise
        self.committed = True
        if is_uncounted:
            count.end_change(difference, self.engine.begun)
        elif difference:
            count.change(difference)
        if difference < 0:
            self.engine.note_removal()
        if write is not None:
            note_retried(self.services, (write, executed), time)
            self.own_time = time
        return 0

    cdef object chain_of(self, RecoveryUnit unit, write, tuple executed):
        """Return the oplog fields of a retryable write. For a store in a directory, also store the write's log row."""
        if not self.engine.in_memory:
            return store_retried(self.services, unit, (write, executed))
        return Chain(write.lsid, write.number, executed[1], executed[2], None)

    cdef int finish(self, Operation operation, str name, bytes raw) except -1:
        """Count the finished command, and record it if it was slow."""
        cdef double seconds = self.clock.monotonic() - operation.started - operation.waited
        cdef int kind = self.message.parts.kind
        self.usage.record((operation.db, name, NAMES[kind]), COUNTERS[kind], seconds, self.statements)
        if seconds > self.interceptors.threshold_s:
            reply = PyBytes_FromStringAndSize(<const char*>self.out.buffer + REPLY_AT, self.out.size - REPLY_AT)
            record_slow(self.services, self.client, operation, raw, reply, seconds)
        return 0

    cdef int begin_reply(self) except -1:
        """Begin the reply, and leave room for the message header."""
        cdef char[REPLY_AT] header
        memset(header, 0, REPLY_AT)
        self.out.clear()
        self.out.put_bytes(header, REPLY_AT)
        self.out.open()
        return 0

    cdef int put_int32(self, const char* name, size_t length, int32_t value) except -1:
        self.out.put_name(INT32, name, length)
        return self.out.put_int32(value)

    cdef int put_int64(self, const char* name, size_t length, int64_t value) except -1:
        self.out.put_name(INT64, name, length)
        return self.out.put_int64(value)

    cdef int put_timestamp(self, const char* name, size_t length, time) except -1:
        if time is not self.time:
            self.stamp = <int64_t>(<uint64_t>time.time << 32 | <uint64_t>time.inc)
            self.time = time
        self.out.put_name(TIMESTAMP, name, length)
        return self.out.put_int64(self.stamp)

    cdef int put_namespace(self, str db, str name) except -1:
        cdef bytes namespace = f"{db}.{name}".encode("ascii")
        self.out.put_name(STRING, b"ns", 2)
        self.out.put_int32(<int32_t>PyBytes_GET_SIZE(namespace) + 1)
        return self.out.put_bytes(PyBytes_AS_STRING(namespace), PyBytes_GET_SIZE(namespace) + 1)

    cdef int write_reply(self, int matched, int modified) except -1:
        """Write the reply of an update, or of a delete if `modified` is negative."""
        self.begin_reply()
        self.put_int32(b"n", 1, matched)
        if modified >= 0:
            self.put_int32(b"nModified", 9, modified)
        self.put_optime()
        return self.end_reply()

    cdef int modify_reply(self, bytes value) except -1:
        cdef Writer out = self.out
        cdef size_t mark
        self.begin_reply()
        out.put_name(DOCUMENT, b"lastErrorObject", 15)
        mark = out.open()
        self.put_int32(b"n", 1, 1)
        out.put_name(BOOL, b"updatedExisting", 15)
        out.put_byte(1)
        out.close(mark)
        out.put_name(DOCUMENT, b"value", 5)
        out.put_bytes(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
        self.put_optime()
        return self.end_reply()

    cdef int put_optime(self) except -1:
        """Append the common fields of replies to writes, like `work.writing.finish_write`."""
        cdef Writer out = self.out
        cdef size_t mark
        election_id = self.topology.election_id
        if election_id is not self.election_id:
            self.election_id, self.election_bytes = election_id, election_id.binary
        out.put_name(OBJECT_ID, b"electionId", 10)
        out.put_bytes(PyBytes_AS_STRING(self.election_bytes), 12)
        out.put_name(DOCUMENT, b"opTime", 6)
        mark = out.open()
        self.put_timestamp(b"ts", 2, self.oplog.newest if self.own_time is None else self.own_time)
        self.put_int64(b"t", 1, 1)
        return out.close(mark)

    cdef int end_reply(self) except -1:
        """Append the common fields of all replies, like `dispatch.dispatcher.finish_reply`."""
        cdef Writer out = self.out
        cdef size_t mark, inner
        cdef double ok = 1.0
        cdef uint8_t[20] no_hash
        memset(no_hash, 0, 20)
        out.put_name(DOUBLE, b"ok", 2)
        out.put_bytes(&ok, 8)
        time, cluster_time = self.oplog.newest, self.oplog.cluster_time
        out.put_name(DOCUMENT, b"$clusterTime", 12)
        mark = out.open()
        self.put_timestamp(b"clusterTime", 11, cluster_time)
        out.put_name(DOCUMENT, b"signature", 9)
        inner = out.open()
        out.put_name(BINARY, b"hash", 4)
        out.put_int32(20)
        out.put_byte(0)
        out.put_bytes(no_hash, 20)
        self.put_int64(b"keyId", 5, 0)
        out.close(inner)
        out.close(mark)
        self.put_timestamp(b"operationTime", 13, time)
        return out.close(REPLY_AT)

    cdef bytes framed(self, bytes raw, reply_id):
        """Return the complete message with the reply."""
        cdef int32_t[4] header
        cdef bytes data
        header[0] = <int32_t>self.out.size
        header[1] = <int32_t>(<int64_t>reply_id & 0x7FFFFFFF)
        header[2] = read_int32(<const uint8_t*>PyBytes_AS_STRING(raw) + 4)
        header[3] = OP_MSG
        memcpy(self.out.buffer, header, 16)
        data = self.out.finish()
        if PyBytes_GET_SIZE(data) > MOST_KEPT:
            self.out = Writer.__new__(Writer)
        return data
