# cython: language_level=3
"""The recovery unit, which is one session with at most one transaction. All reads and writes use a recovery unit.

A single-key operation takes one or two microseconds and keeps the GIL. Only disk waits and the ends of large transactions release the GIL.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memcmp

from secantus_server.storage._cursor cimport Cursor
from secantus_server.storage._gate cimport Gate
from secantus_server.storage._undo cimport UndoLog
from secantus_server.storage.wiredtiger._binding cimport META, RECORDS, Connection, Session
from secantus_server.storage.wiredtiger.capi cimport SECANTUS_ENTRY, WT_CURSOR, WT_DUPLICATE_KEY, WT_ITEM, WT_NOTFOUND

from secantus_server.storage.errors import CacheTooSmall, WriteConflict
from secantus_server.storage.keys import IdentRange
from secantus_server.system._threads import get_ident

# A commit of LONG_COMMIT bytes takes about a millisecond. Larger commits release the GIL. Each written key counts as KEY_COST bytes plus
# its value. A removed document counts as DOCUMENT_COST bytes, because its size is unknown.
cdef enum:
    KEY_COST = 128
    DOCUMENT_COST = 1024
    LONG_COMMIT = 131072
    # Upper bound on the bytes that a statement writes in one transaction if the statement can be split.
    LARGE = 33554432


@cython.final
@cython.no_gc_clear
cdef class RecoveryUnit(Session):
    """A session with at most one transaction, obtained from Engine.acquire(); see the package docstring for its use."""

    def __cinit__(self, Connection connection, Gate gate, UndoLog undo, bint sync_on_commit, on_drop):
        self.gate = gate
        self.undo = undo
        self.sync_on_commit = sync_on_commit
        self.on_drop = on_drop
        self.written = 0
        self.removed = 0
        self.aborted = False
        self.drops = []

    cpdef begin(self):
        """Begin a transaction; wait while another thread has exclusive access to the store."""
        self.thread = get_ident()
        self.aborted = False
        self.gate.enter()
        self.serial = self.gate.entered
        try:
            self.start()
        except BaseException:
            self.gate.leave()
            raise

    cpdef commit(self):
        """Commit the transaction. In a directory, its log record is passed to the operating system, or synced to disk if so configured.

        Raises WriteConflict or another storage error; in both cases nothing was committed.
        """
        assert not self.is_idle(), "enter() comes first"
        cdef bint wrote = self.written > 0
        cdef list drops = self.end(True)
        for dropped in drops:
            self.on_drop(dropped)
        if wrote and self.sync_on_commit:
            self.flush_log()

    cpdef rollback(self):
        """Roll the transaction back, even if it is idle. Do nothing if another thread has aborted it."""
        if self.is_idle():
            self.gate.enter_again()
            # While this thread waited for the gate, the thread that had closed the gate may have aborted the transaction.
            if self.aborted:
                self.gate.leave()
            else:
                self._take_up()
        if self.aborted:
            self.aborted = False
        else:
            self.end(False)

    cpdef leave(self):
        """Leave the transaction open but idle after a command. An idle transaction does not count as running, and any thread may enter it.

        A thread with exclusive access to the store may abort an idle transaction.
        """
        assert self.in_transaction and not self.is_idle(), "only an open transaction can be left"
        self.thread = 0
        self.gate.idle.append(self)
        self.gate.leave()

    cpdef enter(self):
        """Continue an idle transaction. Wait while another thread has exclusive access to the store.

        Raises WriteConflict if the transaction was aborted while it was idle.
        """
        assert self.is_idle() or self.aborted, "only a transaction that was left can be continued"
        self.gate.enter_again()
        if self.aborted:
            self.aborted = False
            self.gate.leave()
            raise WriteConflict()
        self._take_up()

    cdef bint is_idle(self) noexcept:
        """Return whether the transaction was left with leave() and has not been entered again."""
        return self.in_transaction and self.thread == 0

    cdef int _take_up(self) except -1:
        """Assign an idle transaction to this thread. The caller has already entered the gate."""
        self.thread = get_ident()
        self.gate.idle.remove(self)
        return 0

    def abort(self):
        """Roll back an idle transaction. Only the thread that has closed the gate may call this."""
        assert self.is_idle(), "only an idle transaction can be aborted"
        self.gate.idle.remove(self)
        self.aborted = True
        # end() leaves the gate.
        self.gate.running += 1
        self.end(False)

    cdef list end(self, bint keep):
        """Commit the transaction if `keep`, else roll it back. Return the idents that it dropped."""
        assert self.in_transaction, "there is no transaction to end"
        cdef bint is_long = self.written > LONG_COMMIT
        cdef size_t changed = self.written + self.removed
        cdef list drops = self.drops
        self.written = 0
        self.removed = 0
        if drops:
            self.drops = []
        try:
            self.finish(keep, is_long)
            if keep and changed:
                self.connection.mark_log()
                self.gate.note_change(changed)
        finally:
            self.gate.leave()
        return drops

    def close(self):
        """End the session, rolling back an open transaction."""
        if self.in_transaction:
            self.rollback()
        self.end_session()

    cdef int count_change(self, size_t size) except -1:
        """Count written bytes, and raise CacheTooSmall before the transaction fills the cache.

        Otherwise WiredTiger would wait for free space that eviction cannot provide.
        """
        self.written += size
        if self.written > self.connection.change_limit:
            raise CacheTooSmall()
        return 0

    @property
    def is_large(self):
        """Whether a statement that can be split should continue in a new transaction, because this one is large.

        The limit leaves room for the oplog, which doubles the written bytes at commit.
        """
        cdef size_t most = self.connection.change_limit // 4
        return self.written >= (most if most < LARGE else <size_t>LARGE)

    cdef int require_transaction(self) except -1:
        """Assert that a transaction is open.

        Otherwise WiredTiger would auto-commit each operation and bypass the gate and the snapshots.
        """
        assert self.in_transaction, "begin() comes first"
        return 0

    def get(self, int table, bytes key):
        """Return the value of a key, or None."""
        cdef const uint8_t *value
        cdef size_t size
        assert PyBytes_GET_SIZE(key), "a key has at least one byte"
        if not self.get_raw(table, <const uint8_t *>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), &value, &size):
            return None
        return PyBytes_FromStringAndSize(<const char *>value, size)

    def put(self, int table, bytes key, bytes value, bint known_absent=False):
        """Write a value whether or not the key exists.

        Arguments:
            known_absent: whether the key cannot exist yet (such as a new RecordId), so that the undo log need not read the old value.
        """
        self.put_raw(table, <const uint8_t *>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key),
                     <const uint8_t *>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), known_absent)

    def insert(self, int table, bytes key, bytes value):
        """Write a value unless the key exists, and return whether it was written.

        Raises WriteConflict if another transaction has written the key.
        """
        return bool(self.insert_raw(table, <const uint8_t *>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key),
                                    <const uint8_t *>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)))

    def remove(self, int table, bytes key):
        """Remove a key; return whether it existed."""
        return bool(self.remove_raw(table, <const uint8_t *>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)))

    def truncate(self, int table, bytes lower, bytes upper):
        """Remove the keys of [lower, upper); return the last of them, or None."""
        cdef Cursor scan = Cursor(self, table, lower, upper, False)
        cdef const uint8_t *key
        cdef const uint8_t *value
        cdef size_t key_size, value_size
        cdef int code = 0
        cdef bytes last = None
        while True:
            code = scan.next_raw(&key, &key_size, &value, &value_size)
            if code:
                break
            last = PyBytes_FromStringAndSize(<const char *>key, key_size)
            if self.undo.recording and self.undo.wants(table, key, key_size):
                self.undo.remember(table, last, PyBytes_FromStringAndSize(<const char *>value, value_size))
            code = scan.handle.remove(scan.handle)
            if code:
                break
            self.written += KEY_COST
            self.removed += value_size
        scan.fail(code)
        scan.close()
        return last

    def purge(self, int table, bytes lower, bytes upper, int limit):
        """Remove at most `limit` keys of [lower, upper), without the GIL and without undo records; return the number removed.

        Use it only for idents that are no longer reachable.
        """
        cdef Cursor scan = Cursor(self, table, lower, upper, False)
        cdef const uint8_t *key
        cdef const uint8_t *value
        cdef size_t key_size, value_size
        cdef size_t removed = 0
        cdef int code = 0
        cdef int count = 0
        with nogil:
            while count < limit:
                code = scan.next_raw(&key, &key_size, &value, &value_size)
                if code == 0:
                    code = scan.handle.remove(scan.handle)
                if code:
                    break
                count += 1
                removed += value_size
        self.written += count * KEY_COST
        self.removed += removed
        scan.fail(code)
        scan.close()
        return count

    def rewrite_left_pages(self):
        """Configure the session for sweep(): WiredTiger evicts each page that the session leaves, which frees the page's removed keys."""
        self.fail(self.handle.reconfigure(self.handle, b"debug=(release_evict_page=true)"))

    def sweep(self, int table, bytes lower, bytes upper, int limit):
        """Visit the first `limit` entries of [lower, upper), without the GIL. WiredTiger rewrites their pages; see rewrite_left_pages().

        This bypasses the gate, because it neither returns nor changes data. Returns the last key visited, after which to continue (None at
        the end of the range), and the size of the visited entries in bytes.
        """
        cdef Cursor scan
        cdef const uint8_t *key
        cdef const uint8_t *value
        cdef size_t key_size, value_size
        cdef size_t met = 0
        cdef int code = 0
        cdef bytes last = None
        self.start()
        try:
            scan = Cursor(self, table, lower, upper, False)
            with nogil:
                while limit > 0:
                    code = scan.next_raw(&key, &key_size, &value, &value_size)
                    if code:
                        break
                    limit -= 1
                    met += key_size + value_size
            if code == 0:
                last = PyBytes_FromStringAndSize(<const char *>key, key_size)
            scan.fail(code)
            scan.close()
        finally:
            self.finish(False, False)
        return last, met

    def scan(self, int table, bytes lower, bytes upper, bint reverse=False):
        """Return a scan of [lower, upper) in key order or in reverse order.

        If `upper` is None, the range extends to the end of the table.
        """
        return Cursor(self, table, lower, upper, reverse)

    def drop_ident(self, int table, int ident):
        """Drop an ident if this transaction commits; its entries are removed later."""
        dropped = IdentRange(table, ident, ident + 1)
        if not self.connection.in_memory:
            self.put(META, dropped.meta_key(), b"")
        self.drops.append(dropped)

    def restore_value(self, int table, bytes key, bytes value, bint counted=False):
        """Write a key's value, or remove the key if the value is None, without an undo record.

        Arguments:
            counted: whether to find out if the key existed, which costs a search.

        Returns:
            the change in the number of keys (1, 0 or -1); only meaningful if `counted`.
        """
        cdef WT_CURSOR *handle = self.writer(table)
        cdef WT_ITEM item
        cdef const uint8_t *before
        cdef size_t before_size
        cdef int code
        cdef int more = 0
        self.require_transaction()
        item.data = PyBytes_AS_STRING(key)
        item.size = PyBytes_GET_SIZE(key)
        handle.set_key(handle, &item)
        self.written += KEY_COST
        if value is None:
            code = handle.remove(handle)
            if code == WT_NOTFOUND:
                return 0
            self.fail(code)
            return -1
        if counted and not self.get_raw(table, <const uint8_t *>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), &before, &before_size):
            more = 1
        handle.set_key(handle, &item)
        item.data = PyBytes_AS_STRING(value)
        item.size = PyBytes_GET_SIZE(value)
        handle.set_value(handle, &item)
        self.fail(handle.insert(handle))
        return more

    cdef int find_raw(self, WT_CURSOR *handle, const uint8_t *key, size_t key_size, const uint8_t **value, size_t *value_size) noexcept nogil:
        cdef WT_ITEM item
        cdef int code
        item.data = key
        item.size = key_size
        handle.set_key(handle, &item)
        code = handle.search(handle)
        if code == 0:
            code = handle.get_value(handle, &item)
        if code == 0:
            value[0] = <const uint8_t *>item.data
            value_size[0] = item.size
        return code

    cdef int get_raw(self, int table, const uint8_t *key, size_t key_size, const uint8_t **value, size_t *value_size) except -1:
        cdef int code
        self.require_transaction()
        code = self.find_raw(self.writer(table), key, key_size, value, value_size)
        if code == WT_NOTFOUND:
            return 0
        self.fail_at(code, table, key, key_size)
        self.standing |= 1 << table
        return 1

    cdef int get_following(self, int table, const uint8_t *key, size_t key_size, const uint8_t **value, size_t *value_size) except -1:
        # A step of the cursor takes a fraction of the time of a search.
        cdef WT_CURSOR *handle = self.writer(table)
        cdef WT_ITEM key_item, value_item
        cdef int code
        self.require_transaction()
        code = handle.next(handle)
        if code == 0:
            code = handle.get_raw_key_value(handle, &key_item, &value_item)
        if code != WT_NOTFOUND:
            self.fail_at(code, table, key, key_size)
            self.standing |= 1 << table
            if key_item.size == key_size and memcmp(key_item.data, key, key_size) == 0:
                value[0] = <const uint8_t *>value_item.data
                value_size[0] = value_item.size
                return 1
        return self.get_raw(table, key, key_size, value, value_size)

    cdef int put_raw(self, int table, const uint8_t *key, size_t key_size, const uint8_t *value, size_t value_size,
                     bint known_absent) except -1:
        cdef WT_CURSOR *handle = self.writer(table)
        cdef WT_ITEM item
        self.require_transaction()
        if self.undo.recording and self.undo.wants(table, key, key_size):
            self._note(table, key, key_size, known_absent)
        item.data = key
        item.size = key_size
        handle.set_key(handle, &item)
        item.data = value
        item.size = value_size
        handle.set_value(handle, &item)
        self.count_change(KEY_COST + value_size)
        return self.fail_at(handle.insert(handle), table, key, key_size)

    cdef int insert_raw(self, int table, const uint8_t *key, size_t key_size, const uint8_t *value, size_t value_size) except -1:
        cdef WT_CURSOR *handle = self.inserter(table)
        cdef WT_ITEM item
        cdef int code
        self.require_transaction()
        item.data = key
        item.size = key_size
        handle.set_key(handle, &item)
        item.data = value
        item.size = value_size
        handle.set_value(handle, &item)
        code = handle.insert(handle)
        if code == WT_DUPLICATE_KEY:
            # The failed insert positioned the cursor on the existing key and so pins a page; see Session.let_go.
            handle.reset(handle)
            return 0
        self.fail_at(code, table, key, key_size)
        self.count_change(KEY_COST + value_size)
        # The successful insert proves that the key had no value. No other transaction can write the key until this one ends.
        if self.undo.recording and self.undo.wants(table, key, key_size):
            self.undo.remember(table, PyBytes_FromStringAndSize(<const char *>key, key_size), None)
        return 1

    cdef size_t insert_entries(self, int table, const SECANTUS_ENTRY *entries, size_t count) except? -1:
        cdef size_t stored = 0
        cdef size_t i
        cdef int code
        self.require_transaction()
        assert count and not (self.undo.recording and self.undo.wants(table, entries.key, entries.key_size)), "the ident is new"
        code = self.insert_run(table, entries, count, &stored)
        if code != WT_DUPLICATE_KEY:
            self.fail_at(code, table, entries.key, entries.key_size)
        for i in range(stored):
            self.count_change(KEY_COST + entries[i].value_size)
        return stored

    cdef int remove_raw(self, int table, const uint8_t *key, size_t key_size) except -1:
        cdef WT_CURSOR *handle = self.writer(table)
        cdef WT_ITEM item
        cdef int code
        self.require_transaction()
        if self.undo.recording and self.undo.wants(table, key, key_size):
            self._note(table, key, key_size, False)
        item.data = key
        item.size = key_size
        handle.set_key(handle, &item)
        code = handle.remove(handle)
        if code == WT_NOTFOUND:
            return 0
        self.fail_at(code, table, key, key_size)
        self.count_change(KEY_COST)
        if table == RECORDS:
            self.removed += DOCUMENT_COST
        return 1

    cdef int _note(self, int table, const uint8_t *key, size_t key_size, bint known_absent) except -1:
        """Record a key's value for the open snapshot unless the key has already been recorded."""
        cdef bytes copy = PyBytes_FromStringAndSize(<const char *>key, key_size)
        if self.undo.knows(table, copy):
            return 0
        return self.undo.remember(table, copy, None if known_absent else self.get(table, copy))
