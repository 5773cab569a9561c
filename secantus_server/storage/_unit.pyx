# cython: language_level=3
"""The recovery unit: one session with at most one transaction; all reads and writes go through it.

A single-key operation takes one or two microseconds and keeps the GIL; only disk waits and the ends of large transactions release it.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t

from secantus_server.storage._cursor cimport Cursor
from secantus_server.storage._gate cimport Gate
from secantus_server.storage._undo cimport UndoLog
from secantus_server.storage.wiredtiger._binding cimport META, RECORDS, Connection, Session
from secantus_server.storage.wiredtiger.capi cimport WT_CURSOR, WT_DUPLICATE_KEY, WT_ITEM, WT_NOTFOUND

from secantus_server.storage.errors import CacheTooSmall, WriteConflict
from secantus_server.storage.keys import IdentRange
from secantus_server.system._threads import get_ident

# A commit of LONG_COMMIT bytes takes about a millisecond; from this size on it releases the GIL. Each key counts KEY_COST bytes, and a
# removed document DOCUMENT_COST, since its size is unknown.
cdef enum:
    KEY_COST = 128
    DOCUMENT_COST = 1024
    LONG_COMMIT = 131072
    # The most that a statement which can be split writes in one transaction.
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
        """Commit. For a directory, the log record has then been passed to the operating system, or synced to disk if so configured.

        Raises WriteConflict or another storage error; nothing has been written in that case.
        """
        assert not self.is_idle(), "enter() comes first"
        cdef bint wrote = self.written > 0
        drops = self._end(True)
        for dropped in drops:
            self.on_drop(dropped)
        if wrote and self.sync_on_commit:
            self.flush_log()

    cpdef rollback(self):
        """Undo the transaction's writes and end it, even if it was left; do nothing if it was aborted meanwhile."""
        if self.is_idle():
            self.gate.enter_again()
            # While this thread waited, the one that had closed the gate may have aborted the transaction.
            if self.aborted:
                self.gate.leave()
            else:
                self._take_up()
        if self.aborted:
            self.aborted = False
        else:
            self._end(False)

    cpdef leave(self):
        """Leave the transaction open after a command; it no longer counts as running, and any thread may enter it.

        A thread with exclusive access to the store may abort it meanwhile.
        """
        assert self.in_transaction and not self.is_idle(), "only an open transaction can be left"
        self.thread = 0
        self.gate.idle.append(self)
        self.gate.leave()

    cpdef enter(self):
        """Continue a transaction that was left; waits while a thread has exclusive access to the store.

        Raises WriteConflict if it was aborted meanwhile; it has ended then.
        """
        assert self.is_idle() or self.aborted, "only a transaction that was left can be continued"
        self.gate.enter_again()
        if self.aborted:
            self.aborted = False
            self.gate.leave()
            raise WriteConflict()
        self._take_up()

    cdef bint is_idle(self) noexcept:
        """Return whether the transaction was left and has not been entered again."""
        return self.in_transaction and self.thread == 0

    cdef int _take_up(self) except -1:
        """Assign an idle transaction, which has passed the gate already, to this thread."""
        self.thread = get_ident()
        self.gate.idle.remove(self)
        return 0

    def abort(self):
        """Roll back an idle transaction; for the thread that has closed the gate."""
        assert self.is_idle(), "only an idle transaction can be aborted"
        self.gate.idle.remove(self)
        self.aborted = True
        # _end() leaves the gate.
        self.gate.running += 1
        self._end(False)

    def _end(self, bint keep):
        """End the transaction; return the idents it dropped."""
        assert self.in_transaction, "there is no transaction to end"
        cdef bint is_long = self.written > LONG_COMMIT
        cdef size_t changed = self.written + self.removed
        drops = self.drops
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
        """Count written bytes. Raise before the transaction fills the cache: WiredTiger would wait for room that no eviction can make."""
        self.written += size
        if self.written > self.connection.change_limit:
            raise CacheTooSmall()
        return 0

    @property
    def is_large(self):
        """Whether a statement that can be split should continue in a new transaction.

        The oplog doubles the written bytes at commit.
        """
        cdef size_t most = self.connection.change_limit // 4
        return self.written >= (most if most < LARGE else <size_t>LARGE)

    cdef int require_transaction(self) except -1:
        """Assert that a transaction is open. Otherwise WiredTiger would auto-commit each operation, bypassing gate and snapshots."""
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
            known_absent: the key cannot exist yet (a new RecordId), so the undo log need not read the old value.
        """
        self.put_raw(table, <const uint8_t *>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key),
                     <const uint8_t *>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), known_absent)

    def insert(self, int table, bytes key, bytes value):
        """Write a value unless the key exists; return whether it was written. Raises WriteConflict if another transaction has written the
        key.
        """
        return bool(self.insert_raw(table, <const uint8_t *>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key),
                                    <const uint8_t *>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)))

    def remove(self, int table, bytes key):
        """Remove a key; return whether it existed."""
        return bool(self.remove_raw(table, <const uint8_t *>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)))

    def truncate(self, int table, bytes lower, bytes upper):
        """Remove the keys of [lower, upper); return their number."""
        cdef Cursor scan = Cursor(self, table, lower, upper, False)
        cdef const uint8_t *key
        cdef const uint8_t *value
        cdef size_t key_size, value_size
        cdef int code = 0
        cdef Py_ssize_t count = 0
        while True:
            code = scan.next_raw(&key, &key_size, &value, &value_size)
            if code:
                break
            if self.undo.recording and self.undo.wants(table, key, key_size):
                self.undo.remember(table, PyBytes_FromStringAndSize(<const char *>key, key_size),
                                   PyBytes_FromStringAndSize(<const char *>value, value_size))
            code = scan.handle.remove(scan.handle)
            if code:
                break
            count += 1
            self.written += KEY_COST
            self.removed += value_size
        scan.fail(code)
        scan.close()
        return count

    def purge(self, int table, bytes lower, bytes upper, int limit):
        """Remove at most `limit` keys of [lower, upper), without the GIL and without undo records; return the number removed.

        Only for idents that are no longer reachable.
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
        """Make WiredTiger evict each page that this unit leaves, which drops removed keys from it; for sweep()."""
        self.fail(self.handle.reconfigure(self.handle, b"debug=(release_evict_page=true)"))

    def sweep(self, int table, bytes lower, bytes upper, int limit):
        """Walk over the first `limit` entries of [lower, upper), without the GIL.

        It bypasses the gate, since it reads and changes nothing. Returns the last key visited, to continue from (None at the end), and the
        bytes of the visited entries.
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
        """Return a scan of [lower, upper) in key order, or in reverse; None as `upper` means the end of the table."""
        return Cursor(self, table, lower, upper, reverse)

    def drop_ident(self, int table, int ident):
        """Drop an ident if this transaction commits; its entries are removed later."""
        dropped = IdentRange(table, ident, ident + 1)
        self.put(META, dropped.meta_key(), b"")
        self.drops.append(dropped)

    def restore_value(self, int table, bytes key, bytes value, bint counted=False):
        """Write a key's value, or remove the key for None, without an undo record.

        Arguments:
            counted: determine whether the key existed, which costs a search.

        Returns:
            the change in the number of keys if `counted`: 1, 0 or -1.
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
            # The cursor is positioned on the existing key; see Session.let_go.
            handle.reset(handle)
            return 0
        self.fail_at(code, table, key, key_size)
        self.count_change(KEY_COST + value_size)
        # The successful insert proves that the key had no value; no other transaction can write it until this one ends.
        if self.undo.recording and self.undo.wants(table, key, key_size):
            self.undo.remember(table, PyBytes_FromStringAndSize(<const char *>key, key_size), None)
        return 1

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
        """Record a key's value for the open snapshot unless it has been recorded."""
        cdef bytes copy = PyBytes_FromStringAndSize(<const char *>key, key_size)
        if self.undo.knows(table, copy):
            return 0
        return self.undo.remember(table, copy, None if known_absent else self.get(table, copy))
