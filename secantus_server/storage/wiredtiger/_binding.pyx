# cython: language_level=3
"""The classes that own WiredTiger's handles: Connection, and Session with its cursors.

Each handle belongs to one object and is NULL until it is opened. It is closed once, by `close()` or when its owner is deallocated. Closing
a connection closes its sessions, so a Session checks that its connection is usable before it uses its own handle.
"""

cimport cython
from libc.errno cimport EDQUOT, EFBIG, EIO, EMFILE, ENFILE, ENOMEM, ENOSPC
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset, strlen, strncpy, strstr

from secantus_server.storage.wiredtiger.capi cimport (
    SECANTUS_ENTRY, WT_CACHE_FULL, WT_CONNECTION, WT_CURSOR, WT_ERROR, WT_EVENT_HANDLER, WT_NOTFOUND, WT_PANIC,
    WT_PREPARE_CONFLICT, WT_ROLLBACK, WT_SESSION, secantus_cache_bytes, secantus_insert_run, secantus_log_end,
    wiredtiger_crc32c_with_seed_func, wiredtiger_open, wiredtiger_strerror,
)

from secantus_server.errors import CommandError
from secantus_server.storage.errors import CacheTooSmall, DamagedData, StorageError, WriteConflict
from secantus_server.storage.tables import NAMES, WITH_IDENTS
from secantus_server.storage.wiredtiger.explanations import explain

cdef enum:
    # The unit of the log, of which all record sizes are multiples; and the size of the header of each record.
    LOG_UNIT = 128
    LOG_HEADER = 16

cdef bytes URIS = b"".join(b"file:%s.wt\0" % name.encode() for name in NAMES)


cdef const char *uri_of(int table) noexcept:
    """Return the table's URI from URIS, a sequence of zero-terminated strings."""
    cdef const char *uri = URIS
    for _ in range(table):
        uri += strlen(uri) + 1
    return uri


cdef int keep_error(WT_EVENT_HANDLER *handler, WT_SESSION *session, int code, const char *text) noexcept nogil:
    """Save the text that WiredTiger would print, for the message of an unexpected error. Any thread may call this."""
    cdef Events *events = <Events *>handler
    strncpy(events.text, text, ERROR_TEXT_SIZE - 1)
    if events.first[0] == 0:
        strncpy(events.first, text, ERROR_TEXT_SIZE - 1)
    if strstr(text, b"damaged block") != NULL:
        events.damaged = True
    if code in (EIO, ENOMEM, EMFILE, ENFILE, ENOSPC, EDQUOT, EFBIG) and not events.stopped:
        events.cause = code
    elif code == WT_PANIC:
        events.stopped = True
    return 0


cdef int drop_message(WT_EVENT_HANDLER *handler, WT_SESSION *session, const char *text) noexcept nogil:
    """Ignore WiredTiger's progress reports, which do not help users."""
    return 0


@cython.no_gc_clear
cdef class Connection:
    """An open WiredTiger database.

    Arguments:
        home: the database's directory; ignored for an in-memory store.
        config: the configuration string for wiredtiger_open.
        in_memory: whether `config` selects an in-memory store.
        change_limit: the maximum number of bytes that one transaction may write; 0 means no limit.

    Raises StorageError, or CommandError(14031) if the disk is full.
    """

    def __cinit__(self, bytes home, bytes config, bint in_memory, size_t change_limit=0):
        cdef const char *path = home
        cdef const char *settings = config
        cdef int code
        self.handle = NULL
        self.log_mark = NULL
        self.usable = False
        self.in_memory = in_memory
        self.change_limit = change_limit or <size_t>-1
        memset(&self.events, 0, sizeof(Events))
        self.events.handler.handle_error = keep_error
        self.events.handler.handle_message = drop_message
        with nogil:
            code = wiredtiger_open(path, &self.events.handler, settings, &self.handle)
        if code:
            self.fail(code)
        self.events.first[0] = 0
        for bound, inclusive in ((b"lower", False), (b"lower", True), (b"upper", False), (b"upper", True)):
            self._compile_bound(bound, inclusive)
        self.usable = True

    def _compile_bound(self, bytes bound, bint inclusive):
        """Compile a configuration string for WT_CURSOR.bound, which is called often."""
        cdef const char *compiled
        cdef bytes text = b"action=set,bound=%s,inclusive=%s" % (bound, b"true" if inclusive else b"false")
        self.fail(self.handle.compile_configuration(self.handle, b"WT_CURSOR.bound", text, &compiled))
        if bound == b"lower":
            self.lower_bound[inclusive] = compiled
        else:
            self.upper_bound[inclusive] = compiled

    def reconfigure(self, bytes config):
        """Change settings of the open database."""
        self.fail(self.handle.reconfigure(self.handle, config))

    def statistics(self):
        """Return WiredTiger's database statistics by description ("cache: bytes currently in the cache").

        Statistics are only enabled during this call, because counting would slow down every operation. Therefore gauges are correct, but
        counters are 0.
        """
        cdef WT_SESSION *session = NULL
        cdef WT_CURSOR *cursor = NULL
        cdef const char *description
        cdef const char *text
        cdef int64_t value
        cdef dict found = {}
        self.reconfigure(b"statistics=(fast)")
        try:
            self.fail(self.handle.open_session(self.handle, NULL, NULL, &session))
            try:
                self.fail(session.open_cursor(session, b"statistics:", NULL, NULL, &cursor))
                while cursor.next(cursor) == 0:
                    self.fail(cursor.get_value(cursor, &description, &text, &value))
                    found[(<bytes>description).decode()] = value
            finally:
                session.close(session, NULL)
        finally:
            self.reconfigure(b"statistics=(none)")
        return found

    @property
    def cache_bytes(self):
        """The number of bytes in WiredTiger's cache, or 0 if the connection is unusable.

        The cache of an in-memory store contains all its data, including overwritten data that is not yet freed.
        """
        return secantus_cache_bytes(self.handle) if self.usable else 0

    def log_end(self):
        """Return the end of the log's last record: the file number in the upper half, the offset in the lower."""
        cdef uint32_t number = 0
        cdef uint32_t offset = 0
        secantus_log_end(self.handle, &number, &offset)
        return (<uint64_t>number << 32) | offset

    def describe_idents(self, describe):
        """Set the function that returns the collection or index name of an ident, for error messages."""
        self.describe = describe

    def keep_log_marks(self, unsigned char[::1] marks):
        """Record the log's end in the given memory, which has four words of 64 bits.

        The first two words are both the log's end, recorded now and after each commit that wrote. The last two words are both the end of
        the synced part of the log.
        """
        assert marks.shape[0] >= 32, "the marks are four words"
        self.log_marks = marks
        self.log_mark = <uint64_t *>&marks[0]
        self.mark_log()

    cdef void mark_log(self) noexcept:
        """Record the log's end in both words. The GIL excludes other threads. The second word is never ahead of the first."""
        cdef uint32_t number = 0
        cdef uint32_t offset = 0
        cdef uint64_t end
        if self.log_mark == NULL:
            return
        secantus_log_end(self.handle, &number, &offset)
        end = (<uint64_t>number << 32) | offset
        self.log_mark[0] = end
        self.log_mark[1] = end

    def retire(self):
        """Stop all use by sessions, so that close() may run in another thread."""
        self.usable = False

    def abandon(self):
        """Drop the handle without closing the database. Used in a forked child, which lacks the database's threads."""
        self.usable = False
        self.handle = NULL

    def close(self):
        """Close the database and its sessions. A second call does nothing."""
        cdef WT_CONNECTION *handle = self.handle
        cdef int code
        if handle == NULL:
            return
        self.usable = False
        self.handle = NULL
        with nogil:
            code = handle.close(handle, NULL)
        self.fail(code)

    def __dealloc__(self):
        if self.handle != NULL:
            self.handle.close(self.handle, NULL)

    cdef int fail(self, int code) except -1:
        """Raise the exception for an error code of WiredTiger. 0 is not an error."""
        if code == 0:
            return 0
        if code == WT_ROLLBACK or code == WT_PREPARE_CONFLICT:
            raise WriteConflict()
        if code == WT_CACHE_FULL:
            self.was_full = True
        first, detail = self.events.first.decode("utf-8", "replace"), self.events.text.decode("utf-8", "replace")
        self.events.first[0] = 0
        raise explain(code, self.events.cause, first, detail, wiredtiger_strerror(code).decode())


@cython.no_gc_clear
cdef class BackupCursor:
    """An open backup cursor. Until it is closed, the last checkpoint is preserved in the listed files, and no log file is removed.

    `files` lists the names of the files to copy. WiredTiger allows one backup cursor at a time.
    """

    cdef Connection connection
    cdef WT_SESSION *session
    cdef readonly list files

    def __cinit__(self, Connection connection):
        cdef WT_CURSOR *cursor = NULL
        cdef const char *name
        cdef int code
        self.connection = connection
        self.session = NULL
        self.files = []
        if not connection.usable:
            raise StorageError("The storage engine is closed.", 91)
        connection.fail(connection.handle.open_session(connection.handle, NULL, NULL, &self.session))
        with nogil:
            code = self.session.open_cursor(self.session, b"backup:", NULL, NULL, &cursor)
        connection.fail(code)
        while cursor.next(cursor) == 0:
            connection.fail(cursor.get_key(cursor, &name))
            self.files.append((<bytes>name).decode())

    def close(self):
        """End the backup. A second call does nothing."""
        cdef WT_SESSION *session = self.session
        self.session = NULL
        if session != NULL and self.connection.usable:
            session.close(session, NULL)

    def __dealloc__(self):
        self.close()


def log_records_end(const unsigned char[::1] data, size_t position):
    """Return the end of the sequence of whole log records that starts at a position of a log file.

    A record consists of its length, its checksum (the CRC-32C of the record with the checksum set to zero) and its contents, and is padded
    to a multiple of 128 bytes.
    """
    cdef size_t size = data.shape[0]
    cdef size_t length
    if size == 0:
        return 0
    with nogil:
        while True:
            length = log_record_length(&data[0], size, position)
            if length == 0:
                break
            position += (length + LOG_UNIT - 1) // LOG_UNIT * LOG_UNIT
    return min(position, size)


def has_log_record(const unsigned char[::1] data, size_t position):
    """Return whether a whole log record begins at or after a position, at any unit. The record may be contained in an earlier record."""
    cdef size_t size = data.shape[0]
    cdef bint found = False
    if size == 0:
        return False
    with nogil:
        position = (position + LOG_UNIT - 1) // LOG_UNIT * LOG_UNIT
        while position + LOG_UNIT <= size and not found:
            found = log_record_length(&data[0], size, position) > 0
            position += LOG_UNIT
    return found


cdef uint32_t (*crc32c)(uint32_t, const void *, size_t) noexcept nogil
crc32c = wiredtiger_crc32c_with_seed_func()


cdef size_t log_record_length(const uint8_t *data, size_t size, size_t position) noexcept nogil:
    """Return the length of the log record at a position, or 0 if no whole record begins there."""
    cdef uint32_t length, checksum
    cdef uint32_t zero = 0
    if position + LOG_HEADER > size:
        return 0
    memcpy(&length, data + position, 4)
    memcpy(&checksum, data + position + 4, 4)
    if length < LOG_HEADER or length > size - position:
        return 0
    if crc32c(crc32c(crc32c(0, data + position, 4), &zero, 4), data + position + 8, length - 8) != checksum:
        return 0
    return length


@cython.no_gc_clear
cdef class Session:
    """A WiredTiger session with its transaction and its cursors: one overwriting and one inserting cursor per table, and scan cursors."""

    def __cinit__(self, Connection connection, *unused):
        self.connection = connection
        self.handle = NULL
        memset(self.writers, 0, sizeof(self.writers))
        memset(self.inserters, 0, sizeof(self.inserters))
        memset(self.spare, 0, sizeof(self.spare))
        self.standing = 0
        self.in_transaction = False
        self.generation = 1
        if not connection.usable:
            raise StorageError("The storage engine is closed.", 91)
        self.fail(connection.handle.open_session(connection.handle, NULL, NULL, &self.handle))

    def __dealloc__(self):
        cdef int table
        self.end_session()
        for table in range(TABLE_COUNT):
            free(self.spare[table].items)

    def close(self):
        """End the session, rolling back an open transaction. A second call does nothing."""
        self.end_session()

    @cython.final
    cdef void end_session(self) noexcept:
        """Close the session unless it is already closed or was closed with its connection."""
        cdef WT_SESSION *handle = self.handle
        self.handle = NULL
        self.in_transaction = False
        self.generation += 1
        if handle != NULL and self.connection.usable:
            handle.close(handle, NULL)

    def create_tables(self, list configs):
        """Create the missing tables; `configs` contains the settings of each table."""
        for table in range(TABLE_COUNT):
            self.create_table(table, configs[table])

    def create_table(self, int table, bytes config):
        """Create a table unless it exists."""
        cdef const char *uri = uri_of(table)
        cdef const char *settings = config
        cdef int code
        with nogil:
            code = self.handle.create(self.handle, uri, settings)
        self.fail(code)

    def has_table(self, int table):
        """Return whether the database knows a table, even if its file is missing."""
        cdef WT_CURSOR *cursor = NULL
        cdef int code
        self.fail(self.handle.open_cursor(self.handle, b"metadata:", NULL, NULL, &cursor))
        cursor.set_key(cursor, uri_of(table))
        code = cursor.search(cursor)
        cursor.close(cursor)
        if code == WT_NOTFOUND:
            return False
        self.fail(code)
        return True

    def verify_table(self, int table):
        """Read and check every block of a table's file. No cursor may be open.

        Raises StorageError if a block is damaged.
        """
        cdef const char *uri = uri_of(table)
        cdef int code
        with nogil:
            code = self.handle.verify(self.handle, uri, NULL)
        self.fail(code)

    def salvage_table(self, int table):
        """Rebuild a table's file from its readable blocks. No cursor may be open.

        Raises StorageError if the file cannot be salvaged.
        """
        cdef const char *uri = uri_of(table)
        cdef int code
        with nogil:
            code = self.handle.salvage(self.handle, uri, b"force=true")
        self.fail(code)

    def drop_table(self, int table):
        """Remove a table, whether or not its file exists. No cursor may be open."""
        cdef const char *uri = uri_of(table)
        cdef int code
        with nogil:
            code = self.handle.drop(self.handle, uri, b"force=true")
        self.fail(code)

    def import_table(self, int table, bytes config):
        """Add an existing table file to a database that has no description of the table.

        Arguments:
            config: the table's settings.
        """
        self.fail(self.handle.create(self.handle, uri_of(table), config + b",import=(enabled=true,repair=true)"))

    def checkpoint(self):
        """Write a checkpoint, without the GIL."""
        cdef int code
        with nogil:
            code = self.handle.checkpoint(self.handle, NULL)
        self.fail(code)

    def flush_log(self):
        """Wait, without the GIL, until the log is on disk. Concurrent callers share one fsync."""
        cdef uint64_t *mark = self.connection.log_mark
        cdef uint64_t end = 0 if mark == NULL else mark[0]
        cdef int code
        with nogil:
            code = self.handle.log_flush(self.handle, b"sync=on")
        self.fail(code)
        if mark != NULL and end > mark[2]:
            mark[2] = end
            mark[3] = end

    cdef int fail(self, int code) except -1:
        """Raise the exception for an error code. 0 is not an error."""
        cdef const char *reason
        if code == WT_ROLLBACK:
            reason = self.handle.get_rollback_reason(self.handle)
            if reason != NULL and strstr(reason, b"for eviction") != NULL:
                raise CacheTooSmall()
        if code:
            if self.in_transaction:
                self.failure = code
            self.connection.fail(code)
        return 0

    cdef int fail_at(self, int code, int table, const uint8_t *key, size_t size) except -1:
        """Raise the exception for an error code. For damaged data, the exception names the collection or index of the key."""
        cdef Events *events = &self.connection.events
        if code == 0:
            return 0
        if code == WT_ERROR and events.damaged:
            events.damaged = False
            ident = int.from_bytes(key[:4], "big") if table in WITH_IDENTS and size >= 4 else None
            describe = self.connection.describe
            raise DamagedData(NAMES[table] + ".wt", describe(table, ident) if describe is not None and ident is not None else "")
        return self.fail(code)

    cdef WT_CURSOR *open_handle(self, int table, const char *config) except NULL:
        """Open a cursor. It is closed with the session."""
        cdef WT_CURSOR *handle = NULL
        if self.handle == NULL or not self.connection.usable:
            raise StorageError("The storage engine is closed.", 91)
        self.fail(self.handle.open_cursor(self.handle, uri_of(table), NULL, config, &handle))
        return handle

    cdef WT_CURSOR *writer(self, int table) except NULL:
        """Return the table's cursor for point reads, and for writes that do not depend on whether the key exists."""
        if self.writers[table] == NULL:
            self.writers[table] = self.open_handle(table, b"overwrite=true")
        return self.writers[table]

    cdef WT_CURSOR *inserter(self, int table) except NULL:
        """Return the table's cursor whose inserts fail if the key exists."""
        if self.inserters[table] == NULL:
            self.inserters[table] = self.open_handle(table, b"overwrite=false")
        return self.inserters[table]

    cdef int insert_run(self, int table, const SECANTUS_ENTRY *entries, size_t count, size_t *stored) except? -1:
        return secantus_insert_run(self.inserter(table), entries, count, stored)

    cdef WT_CURSOR *borrow(self, int table) except NULL:
        """Return a scan cursor for the caller's use. Give it back with give_back()."""
        cdef Handles *spare = &self.spare[table]
        if spare.count == 0:
            return self.open_handle(table, b"overwrite=true")
        spare.count -= 1
        return spare.items[spare.count]

    cdef void give_back(self, int table, WT_CURSOR *handle) noexcept:
        """Return a scan cursor to the pool for the next scan.

        Any thread may call this, for example during garbage collection. Therefore it does not use
        the session; the next user resets the cursor.
        """
        cdef Handles *spare = &self.spare[table]
        cdef WT_CURSOR **items
        if self.handle == NULL:
            return
        if spare.count == spare.size:
            items = <WT_CURSOR **>realloc(spare.items, (spare.size + 4) * sizeof(WT_CURSOR *))
            if items == NULL:
                return
            spare.items = items
            spare.size += 4
        spare.items[spare.count] = handle
        spare.count += 1

    cdef void let_go(self) noexcept:
        """Reset the positions of the writers, so that they pin no pages.

        A rollback resets them, but a commit does not. A page cannot be split while an idle session is positioned on it. Once the page is
        large, each writer to it would wait some milliseconds without a split.
        """
        cdef int table
        for table in range(TABLE_COUNT):
            if self.standing & (1 << table):
                self.writers[table].reset(self.writers[table])
        self.standing = 0

    cdef int start(self) except -1:
        """Begin a transaction at snapshot isolation."""
        assert not self.in_transaction, "a recovery unit has one transaction at a time"
        if self.handle == NULL or not self.connection.usable:
            raise StorageError("The storage engine is closed.", 91)
        self.fail(self.handle.begin_transaction(self.handle, NULL))
        self.in_transaction = True
        self.failure = 0
        self.generation += 1
        return 0

    cdef int finish(self, bint keep, bint is_long) except -1:
        """Commit the transaction if `keep`, else roll it back. If a commit fails, WiredTiger has rolled the transaction back.

        A transaction with a failed operation cannot be committed. It is rolled back, and the operation's error is raised again.

        Arguments:
            is_long: whether to release the GIL, because the end of the transaction takes a while.
        """
        cdef int code
        cdef int failure = self.failure if keep else 0
        assert self.in_transaction, "there is no transaction to end"
        self.in_transaction = False
        self.generation += 1
        if not self.connection.usable:
            raise StorageError("The storage engine is closed.", 91)
        if failure:
            keep = False
        if not keep:
            self.standing = 0
        elif self.standing:
            self.let_go()
        if is_long:
            with nogil:
                code = self.end_transaction(keep)
        else:
            code = self.end_transaction(keep)
        if code == 0 and keep and self.connection.events.stopped:
            # If another thread has encountered a full disk, a commit may succeed although its log record was not written.
            code = WT_PANIC
        return self.fail(code or failure)

    cdef int end_transaction(self, bint keep) noexcept nogil:
        """Commit or roll back, and return WiredTiger's code."""
        return self.handle.commit_transaction(self.handle, NULL) if keep else self.handle.rollback_transaction(self.handle, NULL)
