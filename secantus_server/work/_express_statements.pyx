# cython: language_level=3, boundscheck=False, wraparound=False
"""The statements of the express lane (see `_express`): finds, counts, inserts, updates and deletes in a transaction of the store."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memchr

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._keystring cimport put_key
from secantus_server.bson._raw cimport Element
from secantus_server.catalog._collection_state cimport CollectionState
from secantus_server.catalog._document_count cimport DocumentCount
from secantus_server.dispatch._operation cimport Counts
from secantus_server.exec._point cimport read_entry, read_record
from secantus_server.exec._write cimport CollectionWriter
from secantus_server.index._index cimport Index
from secantus_server.oplog._rows cimport Chain
from secantus_server.storage._cursor cimport Cursor
from secantus_server.storage._unit cimport RecoveryUnit
from secantus_server.work._brief_work cimport BriefWork, is_plain
from secantus_server.work._express_find cimport find_by_index, find_sorted, scan_collection, targets_by_index
from secantus_server.work._express_reply cimport ReplyWriter
from secantus_server.work._plain_message cimport COUNT, CREATE, CREATE_INDEXES, DELETE, DROP, FIND, INSERT, MODIFY, UPDATE, Parts, PlainMessage
from secantus_server.work.change_streams._stream_wait cimport send_event

from secantus_server.bson import RawDocument
from secantus_server.index._index import ident_prefix
from secantus_server.modules import import_late
from secantus_server.oplog._write_signal import Claims
from secantus_server.storage.tables import RECORDS
from secantus_server.work._creation import stored_spec
from secantus_server.work._express_find import Unusual
from secantus_server.work.collections import is_surely_empty
from secantus_server.work.express_update import parse_operators
from secantus_server.work.retried import note_retried, store_retried
from secantus_server.work.writers.plain import PlainWriter

cdef enum:
    DOT = 46
    MOST_GROUPED = 1000
    MOST_GROUPED_BYTES = 1048576
    # Less than the size of a first batch, so that the reply always contains all groups.
    MOST_GROUPS = 100
    # Upper bounds on what a connection keeps about its stages, and on their arguments in bytes.
    MOST_SPECS = 100
    LONGEST_SPEC = 4096

cdef int RECORDS_TABLE = RECORDS


def _never():
    """Raise Unusual. A stand-in for functions that only the general path may call: a new timestamp, the newest RecordId."""
    raise Unusual()


cdef inline str path_of(const Element* field):
    return field.name[: field.name_len].decode("ascii")


cdef int group_collection(RecoveryUnit unit, collection, const Element* spec, ReplyWriter reply, Counts usage, dict groups) except -1:
    """Append the results of a `$group` over all documents of a small collection to the batch.

    Arguments:
        spec: the stage's argument.
        groups: what earlier commands have found out, to which the function adds: the parsed stage of an argument, and None for a collection
            and an argument that give too many groups.

    Raises:
        Unusual: the stage is unusual, the collection is large, its number of documents is unknown, or the groups are too many.
        CommandError: the argument is invalid.
    """
    cdef bytes argument = PyBytes_FromStringAndSize(<const char*>spec.value, spec.value_len)
    cdef bytes result
    cdef tuple run = (collection.ident, argument)
    cdef list documents = []
    cdef int found = 0
    # The next run would probably also compute the groups in vain.
    if run in groups:
        raise Unusual()
    stage = stage_of(argument, groups)
    read_collection(unit, collection, documents)
    for result in stage.run(documents):
        if found == MOST_GROUPS:
            remember(groups, run, None)
            raise Unusual()
        reply.put_document(found, <const uint8_t*>PyBytes_AS_STRING(result), PyBytes_GET_SIZE(result))
        found += 1
    usage.whole_scans += 1
    usage.documents += len(documents)
    usage.returned += found
    return 0


cdef object stage_of(bytes argument, dict groups):
    """Return the parsed `$group` of an argument, from `groups` if an earlier command had the same one.

    Raises:
        Unusual, CommandError: see `group_collection`.
    """
    stage = groups.get(argument)
    if stage is None:
        if len(argument) > LONGEST_SPEC:
            raise Unusual()
        stage = import_late("secantus_server.pipeline.plain_group").plain_group(argument)
        if stage is None:
            raise Unusual()
        remember(groups, argument, stage)
    return stage


cdef int remember(dict groups, key, value) except -1:
    if len(groups) >= MOST_SPECS:
        groups.clear()
    groups[key] = value
    return 0


cdef int read_collection(RecoveryUnit unit, collection, list documents) except -1:
    """Append all documents of a small collection to a list.

    Raises:
        Unusual: the collection is large, or its number of documents is unknown.
    """
    cdef Cursor cursor
    cdef const uint8_t* key
    cdef const uint8_t* document
    cdef size_t key_size, size, total = 0
    cdef int code
    known = collection.document_count.value
    # The lane checks for no interrupt, so it scans only small collections.
    if known is None or known > MOST_GROUPED:
        raise Unusual()
    cursor = Cursor(unit, RECORDS_TABLE, ident_prefix(collection.ident), ident_prefix(collection.ident + 1), False)
    while True:
        code = cursor.next_raw(&key, &key_size, &document, &size)
        if code:
            return cursor.fail(code)
        total += size
        if total > MOST_GROUPED_BYTES:
            raise Unusual()
        documents.append(PyBytes_FromStringAndSize(<const char*>document, size))


cdef int read_missing(services, const Parts* parts, ReplyWriter reply, str db, str name) except -1:
    """Run a find or a count of all documents of a missing collection, which finds nothing.

    Raises:
        Unusual, CommandError: the general path must answer.
    """
    if not parts.is_whole or parts.is_sorted or parts.update.start != NULL or parts.in_transaction or services.interceptors.lane.logs:
        raise Unusual()
    if not is_surely_empty(services, db, name):
        raise Unusual()
    reply.begin()
    reply.begin_batch()
    reply.end_batch(db, name)
    return reply.end()


cdef class Statements:
    """The state of the express lane and of its running command, and the statements.

    Arguments:
        services: the server.
        client: the connection's state.
    """

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
        self.namespaces = services.sessions.transactions.namespaces
        self.interceptors = services.interceptors
        self.make_id = services.clock.object_id
        self.db = self.name = ""
        self.message = PlainMessage.__new__(PlainMessage)
        self.reply = ReplyWriter(services.oplog, services.topology)
        self.key = Writer.__new__(Writer)
        self.claims = Claims()
        self.shapes = {}

    cdef int run_on(self, RecoveryUnit unit, collection, str db, str name, write) except -1:
        """Run the command in a transaction of the store, and write its reply. A collection of None does not exist."""
        if self.message.parts.kind in (CREATE, CREATE_INDEXES):
            return self.create()
        if collection is None and self.message.parts.kind in (FIND, COUNT):
            return read_missing(self.services, &self.message.parts, self.reply, db, name)
        if collection is None or not is_plain(collection):
            raise Unusual()
        if self.message.parts.kind == DROP:
            return self.drop(collection, db, name)
        if self.message.parts.kind == INSERT:
            return self.insert(unit, collection, write)
        if self.message.parts.kind in (FIND, COUNT):
            return self.read(unit, collection, db, name)
        return self.change(unit, collection, write)

    cdef int create(self) except -1:
        """Commit the creation of a collection, perhaps with an index. There is none if the collection exists."""
        if self.catalog_change is None or self.operation.killed is not None:
            raise Unusual()
        self.catalog_change.commit((), None, ())
        self.committed = True
        self.reply.begin()
        if self.message.parts.kind == CREATE_INDEXES:
            self.reply.put_created()
        return self.reply.end()

    cdef object index_spec(self):
        """Return the stored form of the index definition, from `shapes` if an earlier command had the same one.

        Raises:
            CommandError: the definition is invalid.
        """
        cdef const Element* definition = &self.message.parts.query
        cdef bytes given = PyBytes_FromStringAndSize(<const char*>definition.value, definition.value_len)
        cdef tuple known = ("index", given)
        spec = self.shapes.get(known)
        if spec is None:
            spec = stored_spec(given)
            remember(self.shapes, known, spec)
        # Each index has its own definition.
        return {**spec, "key": {**spec["key"]}}

    cdef int drop(self, collection, str db, str name) except -1:
        """Commit the drop of a collection, like `commands.collections.drop`."""
        if self.catalog_change is None or self.operation.killed is not None:
            raise Unusual()
        self.catalog_change.commit((), None, ())
        self.committed = True
        self.services.connections.forget(db, name)
        self.reply.begin()
        self.reply.put_int32(b"nIndexesWas", 11, <int>len(collection.indexes))
        self.reply.put_namespace(db, name)
        return self.reply.end()

    cdef int insert(self, RecoveryUnit unit, CollectionState collection, write) except -1:
        cdef list documents = self.message.documents()
        cdef list changes = []
        cdef int count = <int>len(documents)
        self.statements = count
        cdef CollectionWriter writer = self.writer_of(unit, collection)
        writer.insert_run(documents, 0, count, collection.record_ids.numbers(_never), self.make_id, _never, changes)
        self.commit(unit, collection, writer, changes, count, write, ("insert", 0, count - 1, None))
        self.usage.inserted += count
        self.reply.begin()
        self.reply.put_int32(b"n", 1, count)
        self.reply.put_optime(self.own_time)
        return self.reply.end()

    cdef CollectionWriter writer_of(self, RecoveryUnit unit, CollectionState collection):
        """Return a writer for the collection. All statements in a transaction's small unit of work share one."""
        cdef BriefWork work
        if self.work is None:
            if self.writer is None or not self.writer.continue_in(unit, collection.ident, collection.indexes):
                self.writer = CollectionWriter(unit, collection.ident, collection.indexes)
            return self.writer
        if self.statement is not None:
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
        """Run a find, a count or a `$group`."""
        self.reply.begin()
        self.reply.begin_batch()
        if self.message.parts.update.start != NULL:
            # A parameter may limit the memory of groups, or forbid scans.
            if self.services.parameters:
                raise Unusual()
            group_collection(unit, collection, &self.message.parts.update, self.reply, self.usage, self.shapes)
        elif self.message.parts.is_whole:
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
        cdef Index index
        if self.message.parts.is_sorted:
            return self.find_sorted(unit, collection)
        index = None if self.message.parts.is_range else self.point_index(collection)
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

    cdef int find_sorted(self, RecoveryUnit unit, collection) except -1:
        """Append the documents that the query matches to the batch in the order of another field, if only one index could serve the query."""
        cdef Parts* parts = &self.message.parts
        # A parameter may limit the memory of sorts.
        if self.services.parameters:
            raise Unusual()
        self.index = self.shown = find_sorted(
            unit, collection, path_of(&parts.field), parts, self.key, self.reply, self.usage, self.shapes, self.clock
        )
        self.index.uses += 1
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
        if parts.is_multi and index is None:
            return self.update_many(unit, collection)
        if parts.is_multi or index is None:
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

    cdef int delete(self, RecoveryUnit unit, CollectionState collection, CollectionWriter writer, bytes old, int64_t record_id, write) except -1:
        # The counter must exist before a transaction's first delete; see `RecordIds.numbers`.
        collection.record_ids.numbers(_never)
        writer.delete(old, record_id)
        self.commit(unit, collection, writer, [("d", old)], -1, write, ("delete", 0, 0, 1))
        self.usage.deleted += 1
        return self.write_reply(1, -1)

    cdef int update(
        self, RecoveryUnit unit, CollectionState collection, CollectionWriter writer, bytes old, int64_t record_id, update, write
    ) except -1:
        cdef bytes new = update.apply(old)
        cdef bint is_changed = new is not old
        if is_changed:
            writer.update(old, new, record_id)
            self.commit(unit, collection, writer, [("u", new, update.entry(old, new))], 0, write, self.updated(old, new))
        self.note_update(update, PyBytes_GET_SIZE(old))
        self.usage.updated += 1
        if self.message.parts.kind == UPDATE:
            return self.write_reply(1, is_changed)
        self.reply.begin()
        self.reply.put_modified(new if self.message.parts.returns_new else old)
        self.reply.put_optime(self.own_time)
        return self.reply.end()

    cdef int update_many(self, RecoveryUnit unit, CollectionState collection) except -1:
        """Update the documents that the query matches, if only one index could serve the query."""
        cdef Parts* parts = &self.message.parts
        cdef CollectionWriter writer
        cdef list targets, changes = []
        cdef int count, keys, modified = 0
        update = self.parsed_update()
        index, targets, keys = targets_by_index(unit, collection, path_of(&parts.field), parts, self.key)
        self.index = self.shown = index
        self.index.uses += 1
        count = <int>len(targets)
        if count:
            writer = self.writer_of(unit, collection)
            modified = writer.update_run(targets, 0, count, update, False, changes)
            self.note_update(update, len(targets[count - 1][1]))
        if modified:
            self.commit(unit, collection, writer, changes, 0, None, ())
        self.usage.updated += count
        self.usage.keys += keys
        self.usage.documents += count
        return self.write_reply(count, modified)

    cdef int note_update(self, update, Py_ssize_t size) except -1:
        """Note that an update was applied, last to a document of this size."""
        return 0

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
        parsed = parse_operators(PyBytes_FromStringAndSize(<const char*>update.value, update.value_len))
        if parsed is None:
            raise Unusual()
        return parsed

    cdef int commit(
        self, RecoveryUnit unit, CollectionState collection, CollectionWriter writer, list changes, int difference, write, tuple executed
    ) except -1:
        """Commit the changes of a collection, like `work.auto_commit`, or stage them for the commit of the session's transaction."""
        if self.work is not None:
            return self.stage(collection, writer, changes, difference)
        cdef DocumentCount count = collection.document_count
        cdef bint is_uncounted = not count.is_known
        if writer.became_multikey or self.operation.killed is not None:
            raise Unusual()
        if is_uncounted:
            count.begin_change()
        try:
            time = self.write(unit, collection, changes, write, executed)
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
        # Other clients wait for the event, so it is sent before the reply is built.
        return send_event(self.claims, self.reply, self.key)

    cdef object write(self, RecoveryUnit unit, CollectionState collection, list changes, write, tuple executed):
        """Write the entries of the changes and commit; return the time of the last entry if there is a retryable write, otherwise None."""
        cdef Chain chain = None
        cdef uint64_t stamp
        if write is not None and self.engine.in_memory:
            chain = Chain(write.lsid, write.number, executed[1], executed[2], None)
        elif write is not None:
            chain = store_retried(self.services, unit, (write, executed))
        if self.catalog_change is not None:
            return self.catalog_change.commit([(collection.identity, changes)], chain, (collection.lifetime,))
        stamp = self.oplog.commit_changes(unit, collection.identity, changes, chain, collection.lifetime, self.claims)
        return None if write is None else self.oplog.time_of(stamp)

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

    cdef int write_reply(self, int matched, int modified) except -1:
        """Write the reply of an update, or of a delete if `modified` is negative."""
        self.reply.begin()
        self.reply.put_int32(b"n", 1, matched)
        if modified >= 0:
            self.reply.put_int32(b"nModified", 9, modified)
        self.reply.put_optime(self.own_time)
        return self.reply.end()
