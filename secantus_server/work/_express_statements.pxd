# The statements of the express lane, for other compiled modules: see _express_statements.pyx.

from libc.stdint cimport int64_t

from secantus_server.bson._codec cimport Writer
from secantus_server.catalog._collection_state cimport CollectionState
from secantus_server.dispatch._operation cimport Counts, Operation
from secantus_server.exec._write cimport CollectionWriter
from secantus_server.index._index cimport Index
from secantus_server.oplog._commits cimport Commits
from secantus_server.oplog._write_signal cimport Claims
from secantus_server.sessions._registries cimport NamespaceUses, RetryableWrite, SessionTransaction, SessionUses, TransactionRegistry, WriteRegistry
from secantus_server.storage._unit cimport RecoveryUnit
from secantus_server.work._creation cimport CatalogChange
from secantus_server.work._express_reply cimport ReplyWriter
from secantus_server.work._plain_message cimport PlainMessage

cdef class Statements:
    cdef object services
    cdef object client
    cdef Counts usage
    cdef object clock
    cdef object engine
    cdef object catalog
    cdef Commits oplog
    cdef object operations
    cdef SessionUses sessions
    cdef WriteRegistry retries
    cdef TransactionRegistry transactions
    cdef NamespaceUses namespaces
    cdef object interceptors
    cdef object make_id
    # The settings at the last command, and whether the lane can run commands with them.
    cdef object settings
    cdef bint is_suited
    # What the limits of transactions depend on, as of the last transaction, and the limits: their maximum lifetime in seconds, and whether
    # their number is limited.
    cdef object parameters
    cdef object release
    cdef object limited_by
    cdef double lifetime_s
    cdef bint is_limited
    cdef dict running
    # The database and the collection of the last command that had both.
    cdef str db
    cdef str name
    cdef ReplyWriter reply
    # The writer of the last write outside a session's transaction.
    cdef CollectionWriter writer
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
    cdef SessionTransaction begun
    # The running statement of a session's transaction, and the transaction's unit of work.
    cdef object statement
    cdef object work
    # The creation or drop of a collection by the running command, or None.
    cdef CatalogChange catalog_change
    # The waiting readers that the last command's commit has found; see `send_event`.
    cdef readonly Claims claims
    # The `SortedShape` of earlier finds; by their arguments, the `$group` stages of earlier aggregations; the pairs of a collection and an
    # argument that have too many groups; and by their BSON, the definitions of earlier indexes in their stored form.
    cdef dict shapes
    # The number of the last finds by a range or with a sort, in succession, that were left to the general path.
    cdef public int refused
    # The error with which the running command has failed, so that the general path must not run it again.
    cdef object failure

    cdef int run_on(self, RecoveryUnit unit, collection, str db, str name, write) except -1
    cdef int create(self) except -1
    cdef object index_spec(self)
    cdef int drop(self, collection, str db, str name) except -1
    cdef int insert(self, RecoveryUnit unit, CollectionState collection, write) except -1
    cdef CollectionWriter writer_of(self, RecoveryUnit unit, CollectionState collection)
    cdef Index point_index(self, collection)
    cdef int read(self, RecoveryUnit unit, collection, str db, str name) except -1
    cdef int find(self, RecoveryUnit unit, collection) except -1
    cdef int find_by_index(self, RecoveryUnit unit, collection) except -1
    cdef int find_sorted(self, RecoveryUnit unit, collection) except -1
    cdef int change(self, RecoveryUnit unit, collection, write) except -1
    cdef int delete(self, RecoveryUnit unit, CollectionState collection, CollectionWriter writer, bytes old, int64_t record_id, write) except -1
    cdef int update(
        self, RecoveryUnit unit, CollectionState collection, CollectionWriter writer, bytes old, int64_t record_id, update, write
    ) except -1
    cdef int update_many(self, RecoveryUnit unit, CollectionState collection) except -1
    cdef int note_update(self, update, Py_ssize_t size) except -1
    cdef tuple updated(self, bytes old, bytes new)
    cdef object parsed_update(self)
    cdef int commit(
        self, RecoveryUnit unit, CollectionState collection, CollectionWriter writer, list changes, int difference, write, tuple executed
    ) except -1
    cdef object write(self, RecoveryUnit unit, CollectionState collection, list changes, write, tuple executed)
    cdef int stage(self, collection, CollectionWriter writer, list changes, int difference) except -1
    cdef int write_reply(self, int matched, int modified) except -1
