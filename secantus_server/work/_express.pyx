# cython: language_level=3, boundscheck=False, wraparound=False
"""The express lane, which runs the most common commands in their simplest form, from message bytes to reply bytes.

The lane runs a find, update, delete or findAndModify with an equality on the field of a unique index, a find with an equality or a range that
only one index could serve and that few documents match, and an insert of a few documents. It also does so in a session's transaction, and
commits such transactions. Outside transactions, it also finds or counts all documents of a small collection, and lets a getMore wait for a change
stream's next event. The command must have only the usual fields, and nothing may watch or restrict commands: no active interceptor (other
than logs, see `Interceptor.after_express`), fail point, access control or profiler. All other commands take the general path
(`dispatch/dispatcher.py`), as do commands that fail.
`Express.answer` returns None for such a command without having changed anything, and the general path runs the command from the beginning.
`Express.unfinished` has the exceptions: a transaction that the command has begun, and an error after which it must not run again. So the
lane's replies are equal to those of the general path; tests compare the two.

One file because the steps of a command share the state of the running command, which are fields of one C structure.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.string cimport memchr, memcmp

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._keystring cimport put_key
from secantus_server.bson._raw cimport Element, read_int32
from secantus_server.dispatch._operation cimport Operation, operation_of
from secantus_server.exec._point cimport read_entry, read_record
from secantus_server.exec._write cimport CollectionWriter
from secantus_server.index._index cimport Index
from secantus_server.oplog._newest cimport NewestTimes
from secantus_server.storage._unit cimport RecoveryUnit
from secantus_server.work._brief_work cimport BriefWork
from secantus_server.work._express_find cimport find_by_index, scan_collection
from secantus_server.work._express_reply cimport ReplyWriter
from secantus_server.work._plain_message cimport COMMIT, COUNT, DELETE, FIND, GET_MORE, INSERT, MODIFY, UPDATE, Parts, PlainMessage, text_of
from secantus_server.work.change_streams._stream_wait cimport StreamWait, begin_wait

from secantus_server.bson import RawDocument
from secantus_server.dispatch.error_labels import TRANSIENT_CODES
from secantus_server.dispatch.session_statements import begin_transaction, commit_transaction, continue_transaction
from secantus_server.dispatch.unit_of_work import concerns_store
from secantus_server.errors import CommandError
from secantus_server.index.errors import DuplicateKey
from secantus_server.oplog._rows import Chain
from secantus_server.oplog.write_signal import Claims
from secantus_server.sessions.transactions import State
from secantus_server.storage import WriteConflict
from secantus_server.wire.message import Unfinished
from secantus_server.work._brief_work import is_plain, open_brief
from secantus_server.work._express_find import Unusual
from secantus_server.work.change_streams._stream_wait import send_event
from secantus_server.work.creation import begin_creation
from secantus_server.work.express_record import counts_of, looked_up, record_slow
from secantus_server.work.express_update import parse_operators
from secantus_server.work.retried import note_retried, store_retried
from secantus_server.work.session_work import failure_of
from secantus_server.work.writers.plain import PlainWriter

cdef enum:
    DOT = 46
    # If the last finds by a range were left to the general path, the lane attempts one in this number.
    ATTEMPTED = 16

cdef tuple NAMES = ("find", "insert", "update", "delete", "findAndModify", "aggregate", "commitTransaction")
cdef tuple COUNTERS = ("query", "insert", "update", "delete", "command", "command", "command")
cdef object IN_PROGRESS = State.IN_PROGRESS


def _never():
    """Raise Unusual. A stand-in for functions that only the general path may call: a new timestamp, the newest RecordId."""
    raise Unusual()


cdef inline str path_of(const Element* field):
    return field.name[: field.name_len].decode("ascii")


cdef str kept_text(const Element* element, str last):
    """Return the value of a string: the same object as the last one if they are equal, because its hash is already known."""
    cdef Py_ssize_t length
    cdef const char* text = PyUnicode_AsUTF8AndSize(last, &length)
    if read_int32(element.value) == length + 1 and memcmp(element.value + 4, text, length) == 0:
        return last
    return text_of(element)


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
    cdef NewestTimes oplog
    cdef object operations
    cdef object sessions
    cdef object retries
    cdef object transactions
    cdef object interceptors
    cdef object make_id
    # The settings at the last command, and whether the lane can run commands with them.
    cdef object settings
    cdef bint is_suited
    cdef dict running
    # The database and the collection of the last command that had both.
    cdef str db
    cdef str name
    cdef ReplyWriter reply
    cdef Writer key
    cdef PlainMessage message
    # What the general path needs to know about the last command, see `Unfinished`; None if it was answered or begins from the beginning.
    cdef public object unfinished
    # The index whose `uses` counter the running command has incremented.
    cdef Index index
    # The same index as the logs show it.
    cdef Index shown
    # Whether the running command has committed. If so, the general path must not run it again.
    cdef bint committed
    # The number of statements that the command adds to the counters.
    cdef int statements
    cdef Operation operation
    # The commit time of the running command's retryable write.
    cdef object own_time
    # The session's transaction that the running command has begun.
    cdef object begun
    # The running statement of a session's transaction, and the transaction's unit of work.
    cdef object statement
    cdef object work
    # The creation of the collection that the running insert needs, or None.
    cdef object creation
    # The waiting readers that the last command's commit has found; see `send_event`.
    cdef readonly object claims
    # The number of the last finds by a range, in succession, that were left to the general path.
    cdef public int refused
    # The error with which the running command has failed, so that the general path must not run it again.
    cdef object failure

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
        self.interceptors = services.interceptors
        self.make_id = services.clock.object_id
        self.db = self.name = ""
        self.message = PlainMessage.__new__(PlainMessage)
        self.reply = ReplyWriter(services.oplog, services.topology)
        self.key = Writer.__new__(Writer)
        self.claims = Claims()

    def answer(self, bytes raw not None, request_ids, push=None):
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
            db, name = self.db, self.name = kept_text(&self.message.parts.db, self.db), kept_text(&self.message.parts.name, self.name)
        operation = operation_of(self.clock, self.operations.new_id(), self.client.connection_id, db, self.operations.new_notes, raw)
        self.running[operation.opid] = operation
        self.committed, self.index, self.statements, self.operation, self.own_time = False, None, 1, operation, None
        self.begun = self.failure = self.shown = self.creation = None
        counts = counts_of(self.usage) if self.interceptors.lane.logs else None
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
        self.finish(operation, name, raw, counts)
        return self.reply.framed(raw, next(request_ids))

    cdef bint is_suitable(self, bytes raw) except -1:
        """Read a message; return whether the lane attempts to run its command."""
        if self.unfinished is not None or self.services.access is not None or not self.message.read(raw, self.oplog.cluster_stamp):
            return False
        if self.message.parts.is_range and self.refused > 1 and self.refused % ATTEMPTED:
            self.refused += 1
            return False
        return self.message.parts.kind in (FIND, COUNT, GET_MORE) or not self.engine.is_crowded()

    def send_event(self):
        """Send the event of the last command's change to `claims.waiters`. The caller of `answer` must do so after it has sent the reply."""
        send_event(self.claims)

    cdef object begin_wait(self, bytes raw, request_ids, push):
        cdef StreamWait wait = begin_wait(self, self.reply, self.services, self.client, &self.message.parts, raw, request_ids, push)
        if wait is None or wait.is_answered:
            return None if wait is None else wait.rest
        return None if not self.is_clear() and wait.end() else wait

    cdef int pass_on(self, Operation operation) except -1:
        """Leave the running command to the general path."""
        self.refused += self.message.parts.is_range
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
        interceptors = self.interceptors
        if not interceptors.lane.is_open or services.access is not None or services.fail_points.active:
            return False
        settings = services.settings
        if settings is not self.settings:
            self.settings, self.is_suited = settings, settings.replica_set and not settings.sync_on_commit
        if not self.is_suited or services.index_filters or services.query_settings:
            return False
        return self.message.parts.kind in (FIND, COUNT, GET_MORE) or self.message.parts.in_transaction or not self.transactions.open

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
        """Return the recovery unit of a command, and release the locks of a creation."""
        try:
            self.engine.release(unit)
        finally:
            if self.creation is not None:
                self.creation.end()

    cdef object begin(self, RecoveryUnit unit, str db, str name):
        """Begin a transaction of the store, and return the collection or None. Begin to create the missing collection of an insert."""
        view = self.catalog.begin(unit)
        collection = view.find(db, name)
        if collection is None and self.message.parts.kind == INSERT:
            self.creation = begin_creation(self.services, unit, view, db, name)
            collection = None if self.creation is None else self.creation.collection
        return collection

    cdef int run_on(self, RecoveryUnit unit, collection, str db, str name, write) except -1:
        """Run the command in a transaction of the store, and write its reply. A collection of None does not exist."""
        if collection is None or not is_plain(collection):
            raise Unusual()
        if self.message.parts.kind == INSERT:
            return self.insert(unit, collection, write)
        if self.message.parts.kind in (FIND, COUNT):
            return self.read(unit, collection, db, name)
        return self.change(unit, collection, write)

    cdef int run_in_transaction(self, Operation operation, str name) except -1:
        """Run a statement of a session's transaction, or commit the transaction."""
        transaction = self.begun_transaction(operation.session)
        if not transaction.lock.acquire(False):
            raise Unusual()
        try:
            if self.message.parts.kind == COMMIT:
                return self.commit_transaction(transaction, operation)
            return self.run_statement(transaction, operation, name)
        finally:
            self.transactions.release(transaction)

    cdef object begun_transaction(self, bytes session):
        """Return the session's transaction that the message starts or continues."""
        cdef int64_t number = self.message.parts.number_value
        newest, found = self.retries.of(session), self.transactions.newest(session)
        if not self.message.parts.starts:
            if found is None or found.number != number or newest is None or newest.number != number:
                raise Unusual()
            return found
        if (newest is not None and number <= newest.number) or (found is not None and found.state is IN_PROGRESS):
            raise Unusual()
        try:
            self.begun = begin_transaction(self.services, session, number)
        except CommandError as error:
            self.failure = error
            raise
        return self.begun

    cdef int run_statement(self, transaction, Operation operation, str name) except -1:
        """Run a statement of a transaction, whose lock is held. Abort the transaction if the statement must not run again."""
        cdef bint is_open = False
        transaction.enter(operation)
        try:
            self.enter_work(transaction, operation, name)
            is_open = True
            self.stage_statement(transaction, operation, name)
            if operation.killed is not None:
                raise Unusual()
        finally:
            self.work = self.statement = None
            transaction.leave(self.clock.monotonic())
            if self.failure is not None or operation.killed is not None:
                self.transactions.abort_held(transaction)
            elif is_open:
                transaction.work.leave()
        return 0

    cdef int enter_work(self, transaction, Operation operation, str name) except -1:
        """Continue a transaction, or open it for its first statement."""
        work = transaction.work
        if work is not None or transaction.state is not IN_PROGRESS:
            continue_transaction(transaction, self.services)
            return 0
        if not self.transactions.namespaces.is_claimed((operation.db, name)):
            work = open_brief(self.services, transaction, operation.db, name, operation.check)
        if work is None:
            raise Unusual()
        transaction.work = work
        return 0

    cdef int stage_statement(self, transaction, Operation operation, str name) except -1:
        """Run a statement in its transaction's unit of work, and write the reply.

        An error of the store or of the catalog is the command's failure, because such an error aborts the transaction.
        """
        try:
            work = transaction.work
            if type(work) is BriefWork and work.uses(operation.db, name):
                self.work = work
                return self.run_on(work.unit, work.collection, operation.db, name, None)
            if self.transactions.namespaces.is_claimed((operation.db, name)):
                raise Unusual()
            self.work = work.whole()
            self.statement = self.work.statement()
            collection = self.statement.catalog.find(operation.db, name)
            return self.run_on(self.statement.unit, collection, operation.db, name, None)
        except WriteConflict as error:
            self.failure = failure_of(self.services, error)
            raise
        except CommandError as error:
            if error.code in TRANSIENT_CODES or concerns_store(error):
                self.failure = error
            raise
        except (DuplicateKey, Unusual):
            raise
        except BaseException as error:
            # An unexpected error may leave a part of the statement's writes in the transaction.
            self.failure = error
            raise

    cdef int commit_transaction(self, transaction, Operation operation) except -1:
        """Commit a transaction, whose lock is held, and write the reply."""
        if transaction.work is None or not transaction.work.is_brief:
            raise Unusual()
        transaction.operation = operation
        try:
            continue_transaction(transaction, self.services)
            try:
                commit_transaction(transaction, self.services)
            except CommandError as error:
                self.failure = error
                raise
        finally:
            transaction.operation = None
        self.committed = True
        self.reply.begin()
        return self.reply.end()

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
        cdef list documents = self.message.documents()
        cdef list changes = []
        cdef int count = <int>len(documents)
        self.statements = count
        writer = self.writer_of(unit, collection)
        writer.insert_run(documents, 0, count, collection.record_ids.numbers(_never), self.make_id, _never, changes)
        self.commit(unit, collection, writer, changes, count, write, ("insert", 0, count - 1, None))
        self.usage.inserted += count
        self.reply.begin()
        self.reply.put_int32(b"n", 1, count)
        self.reply.put_optime(self.own_time)
        return self.reply.end()

    cdef CollectionWriter writer_of(self, RecoveryUnit unit, collection):
        """Return a writer for the collection. All statements in a transaction's small unit of work share one."""
        cdef BriefWork work
        if self.work is None or self.statement is not None:
            return CollectionWriter(unit, collection.ident, collection.indexes)
        work = self.work
        if work.writer is None:
            work.writer = CollectionWriter(unit, collection.ident, collection.indexes)
        return work.writer

    cdef Index point_index(self, collection):
        """Return the unique index that the query uses, like `query.point.point_index`, or None. Write the lookup key to `self.key`."""
        cdef const Element* field = &self.message.parts.field
        cdef Index index
        if memchr(field.name, DOT, field.name_len) != NULL:
            return None
        path = path_of(field)
        for index in collection.indexes:
            if index.point_path == path and not index.spec.get("hidden"):
                self.key.clear()
                self.key.put_bytes(PyBytes_AS_STRING(index.prefix), PyBytes_GET_SIZE(index.prefix))
                put_key(self.key, field.type, field.value, None)
                return index
        return None

    cdef int read(self, RecoveryUnit unit, collection, str db, str name) except -1:
        """Run a find or a count."""
        self.reply.begin()
        self.reply.begin_batch()
        if self.message.parts.is_whole:
            scan_collection(unit, collection, self.message.parts.kind == COUNT, self.message.parts.limit, self.reply, self.usage)
        else:
            self.find(unit, collection)
        self.reply.end_batch(db, name)
        return self.reply.end()

    cdef int find(self, RecoveryUnit unit, collection) except -1:
        """Append the documents that the query matches to the batch, or the count of 1."""
        cdef const uint8_t* document = NULL
        cdef size_t size = 0
        cdef int64_t record_id
        cdef Index index = None if self.message.parts.is_range else self.point_index(collection)
        if index is None:
            return self.find_by_index(unit, collection)
        self.index = self.shown = index
        if not read_entry(unit, index, self.key.buffer, self.key.size, &record_id):
            return 0
        if not read_record(unit, collection.ident, record_id, &document, &size):
            return 0
        self.usage.keys += 1
        self.usage.documents += 1
        self.usage.returned += 1
        return self.reply.put_count(1) if self.message.parts.kind == COUNT else self.reply.put_document(0, document, size)

    cdef int find_by_index(self, RecoveryUnit unit, collection) except -1:
        """Append the documents that the query matches to the batch, if only one index could serve the query."""
        cdef Parts* parts = &self.message.parts
        sole = find_by_index(unit, collection, path_of(&parts.field), parts, self.key, self.reply, self.usage, self.operation.check)
        self.index, self.shown = sole.index, sole.shown
        self.index.uses += 1
        if parts.is_range:
            self.refused = 0
        return 0

    cdef int change(self, RecoveryUnit unit, collection, write) except -1:
        """Update or delete the document that the query matches."""
        cdef Parts* parts = &self.message.parts
        cdef const uint8_t* document = NULL
        cdef size_t size = 0
        cdef int64_t record_id = 0
        cdef Index index = self.point_index(collection)
        cdef bytes old
        if index is None:
            raise Unusual()
        update = None if parts.kind == DELETE else self.parsed_update()
        self.index = self.shown = index
        if not read_entry(unit, index, self.key.buffer, self.key.size, &record_id):
            if parts.kind == MODIFY:
                raise Unusual()
            return self.write_reply(0, -1 if parts.kind == DELETE else 0)
        if not read_record(unit, collection.ident, record_id, &document, &size):
            raise Unusual()
        old = PyBytes_FromStringAndSize(<const char*>document, size)
        writer = self.writer_of(unit, collection)
        if parts.kind == DELETE:
            self.delete(unit, collection, writer, old, record_id, write)
        else:
            self.update(unit, collection, writer, old, record_id, update, write)
        self.usage.keys += 1
        self.usage.documents += 1
        return 0

    cdef int delete(self, RecoveryUnit unit, collection, CollectionWriter writer, bytes old, int64_t record_id, write) except -1:
        # The counter must exist before a transaction's first delete; see `RecordIds.numbers`.
        collection.record_ids.numbers(_never)
        writer.delete(old, record_id)
        self.commit(unit, collection, writer, [("d", old)], -1, write, ("delete", 0, 0, 1))
        self.usage.deleted += 1
        return self.write_reply(1, -1)

    cdef int update(self, RecoveryUnit unit, collection, CollectionWriter writer, bytes old, int64_t record_id, update, write) except -1:
        cdef bytes new = update.apply(old)
        cdef bint is_changed = new is not old
        if is_changed:
            writer.update(old, new, record_id)
            self.commit(unit, collection, writer, [("u", new, update.entry(old, new))], 0, write, self.updated(old, new))
        self.usage.updated += 1
        if self.message.parts.kind == UPDATE:
            return self.write_reply(1, is_changed)
        self.reply.begin()
        self.reply.put_modified(new if self.message.parts.returns_new else old)
        self.reply.put_optime(self.own_time)
        return self.reply.end()

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
        parsed = parse_operators(self.services, PyBytes_FromStringAndSize(<const char*>update.value, update.value_len))
        if parsed is None:
            raise Unusual()
        return parsed

    cdef int commit(self, RecoveryUnit unit, collection, CollectionWriter writer, list changes, int difference, write, tuple executed) except -1:
        """Commit the changes of a collection, like `work.auto_commit`, or stage them for the commit of the session's transaction."""
        if self.work is not None:
            return self.stage(collection, writer, changes, difference)
        chain = None
        count = collection.document_count
        cdef bint is_uncounted = count.value is None
        if writer.became_multikey or self.operation.killed is not None:
            raise Unusual()
        if is_uncounted:
            count.begin_change()
        try:
            if write is not None and self.engine.in_memory:
                chain = Chain(write.lsid, write.number, executed[1], executed[2], None)
            elif write is not None:
                chain = store_retried(self.services, unit, (write, executed))
            writes, written = [(collection.identity, changes)], (collection.lifetime,)
            if self.creation is None:
                claims = self.claims if len(changes) == 1 and self.oplog.signal.is_watched else None
                time = self.oplog.commit(unit, [], writes, chain, written=written, claims=claims)
            else:
                time = self.creation.commit(writes, chain, written)
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

    cdef int stage(self, collection, CollectionWriter writer, list changes, int difference) except -1:
        """Stage the changes of a statement, like `work.session_work`."""
        if self.statement is None:
            if not writer.became_multikey:
                self.work.add(changes, difference)
                return 0
            self.work = self.work.whole()
            self.statement = self.work.statement()
        staged = PlainWriter(self.services, self.statement, collection, bypass_validation=True, writer=writer)
        staged.add(changes, difference)
        self.work.stage(self.statement)
        return 0

    cdef int finish(self, Operation operation, str name, bytes raw, tuple counts) except -1:
        """Count the finished command, log it, and record it if it was slow. `counts` is None if nothing logged commands at its begin."""
        cdef double seconds = self.clock.monotonic() - operation.started - operation.waited
        cdef int kind = self.message.parts.kind
        self.count(operation.db, name, kind, seconds)
        if counts is not None:
            batch_bytes = self.reply.batch_bytes if kind in (FIND, COUNT) else 0
            used = self.shown, <bint>self.message.parts.is_range
            call = (raw, NAMES[kind], operation.db, name, seconds, *used, counts, counts_of(self.usage), batch_bytes)
            for log in self.interceptors.lane.logs:
                log(self.client, call)
        if seconds > self.interceptors.lane.threshold_s:
            record_slow(self.services, self.client, operation, raw, self.reply.document(), seconds)
        return 0

    cdef int count(self, str db, str name, int kind, double seconds) except -1:
        """Count the finished command, like `Usage.record`, and call that for the first command of its kind on a collection."""
        cdef tuple key = (db, name, NAMES[kind])
        cdef list row = self.usage.rows.get(key)
        if row is None:
            self.usage.record(key, COUNTERS[kind], seconds, self.statements)
            return 0
        self.usage.counts[COUNTERS[kind]] += self.statements
        row[0] += 1
        row[1] += seconds
        return 0

    cdef int write_reply(self, int matched, int modified) except -1:
        """Write the reply of an update, or of a delete if `modified` is negative."""
        self.reply.begin()
        self.reply.put_int32(b"n", 1, matched)
        if modified >= 0:
            self.reply.put_int32(b"nModified", 9, modified)
        self.reply.put_optime(self.own_time)
        return self.reply.end()
