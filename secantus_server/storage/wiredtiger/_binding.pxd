# Owners of WiredTiger's handles, for compiled modules: see _binding.pyx.

from libc.stdint cimport uint8_t, uint64_t
from secantus_server.storage.wiredtiger.capi cimport SECANTUS_ENTRY, WT_CONNECTION, WT_CURSOR, WT_EVENT_HANDLER, WT_SESSION

cdef enum Table:
    CATALOG = 0
    RECORDS = 1
    INDEX_ENTRIES = 2
    OPLOG = 3
    META = 4
    TABLE_COUNT = 5

cdef enum:
    ERROR_TEXT_SIZE = 512

cdef struct Events:
    WT_EVENT_HANDLER handler
    char text[ERROR_TEXT_SIZE]
    int cause
    bint stopped
    # The first message since open() or since the last error, and whether a message reported a damaged block.
    char first[ERROR_TEXT_SIZE]
    bint damaged

cdef struct Handles:
    # Unused scan cursors of one table.
    WT_CURSOR **items
    int count
    int size

cdef class Connection:
    cdef WT_CONNECTION *handle
    cdef Events events
    # Compiled settings of WT_CURSOR.bound: lower and upper, exclusive and inclusive.
    cdef const char *lower_bound[2]
    cdef const char *upper_bound[2]
    cdef readonly bint in_memory
    # The maximum number of bytes that one transaction may write.
    cdef size_t change_limit
    cdef bint usable
    # Whether a write was refused because the in-memory store is full. Cleared after memory has been freed.
    cdef public bint was_full
    # The memory of `log_marks`, in which the log's end is recorded twice after each commit; or NULL.
    cdef uint64_t *log_mark
    cdef object log_marks
    # A function that returns the collection or index name of an ident; None until the catalog is loaded.
    cdef object describe
    cdef void mark_log(self) noexcept
    cdef int fail(self, int code) except -1

cdef class Session:
    cdef readonly Connection connection
    cdef WT_SESSION *handle
    cdef WT_CURSOR *writers[TABLE_COUNT]
    cdef WT_CURSOR *inserters[TABLE_COUNT]
    cdef Handles spare[TABLE_COUNT]
    # One bit per table: whether the table's writer is positioned on a key that it has read, and so pins the key's page.
    cdef unsigned int standing
    cdef readonly bint in_transaction
    # The error code of a failed operation in the transaction, or 0. After a failure, WiredTiger rolls back instead of committing.
    cdef int failure
    # A counter that changes when a transaction begins or ends, by which a scan detects that its position is no longer valid.
    cdef uint64_t generation

    cdef void end_session(self) noexcept
    cdef int fail(self, int code) except -1
    cdef int fail_at(self, int code, int table, const uint8_t *key, size_t size) except -1
    cdef WT_CURSOR *open_handle(self, int table, const char *config) except NULL
    cdef WT_CURSOR *writer(self, int table) except NULL
    cdef WT_CURSOR *inserter(self, int table) except NULL
    # Write new keys, until one exists already. Set the number of keys that were written, and return WiredTiger's code. Faster than single
    # inserts if the keys are in ascending order and follow all keys of the table. No page is split meanwhile, so the caller writes some
    # dozen keys at a time.
    cdef int insert_run(self, int table, const SECANTUS_ENTRY *entries, size_t count, size_t *stored) except? -1
    cdef WT_CURSOR *borrow(self, int table) except NULL
    cdef void give_back(self, int table, WT_CURSOR *handle) noexcept
    cdef void let_go(self) noexcept
    cdef int start(self) except -1
    cdef int finish(self, bint keep, bint is_long) except -1
    cdef int end_transaction(self, bint keep) noexcept nogil
