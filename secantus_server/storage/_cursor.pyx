# cython: language_level=3
"""Ordered scans of a table between two bounds, in either direction.

WiredTiger enforces the bounds, because it stops at a bound even among deleted keys. A check in this module could only stop at the first
live key after the bound. A seek moves the bound from which the scan starts.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memcmp

from secantus_server.storage.wiredtiger._binding cimport Session
from secantus_server.storage.wiredtiger.capi cimport WT_ERROR, WT_ITEM, WT_NOTFOUND


cdef int compare(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size) noexcept nogil:
    """Return a number less than, equal to or greater than 0 for the order of two keys."""
    cdef int order = memcmp(a, b, min(a_size, b_size))
    if order:
        return order
    return (a_size > b_size) - (a_size < b_size)


@cython.final
cdef class Cursor:
    """A scan of [lower, upper) in one transaction, created by RecoveryUnit.scan().

    It ends with its transaction. A later transaction continues with a new scan, positioned past the last key seen.
    """

    def __cinit__(self, Session session, int table, bytes lower, bytes upper, bint reverse):
        self.session = session
        self.handle = NULL
        self.table = table
        self.lower = lower
        self.upper = upper
        self.reverse = reverse
        self.handle = session.borrow(table)
        self.rewind()

    def __dealloc__(self):
        if self.handle != NULL:
            self.session.give_back(self.table, self.handle)

    def close(self):
        """End the scan and release its page for eviction. A second call does nothing."""
        if self.handle != NULL:
            if self.generation == self.session.generation:
                self.handle.reset(self.handle)
            self.session.give_back(self.table, self.handle)
            self.handle = NULL
        self.done = True

    cdef int rewind(self) except -1:
        """Position the scan at its first entry again."""
        cdef const uint8_t *high = NULL
        cdef size_t high_size = 0
        if self.upper is not None:
            high = <const uint8_t *>PyBytes_AS_STRING(self.upper)
            high_size = PyBytes_GET_SIZE(self.upper)
        return self.place(<const uint8_t *>PyBytes_AS_STRING(self.lower), PyBytes_GET_SIZE(self.lower), True, high, high_size, False)

    cdef int seek(self, const uint8_t *key, size_t size, int mode) except -1:
        """Position the scan at or past a key (see `Seek`). If the key precedes the range, the scan starts at the beginning of the range."""
        cdef const uint8_t *low = <const uint8_t *>PyBytes_AS_STRING(self.lower)
        cdef size_t low_size = PyBytes_GET_SIZE(self.lower)
        cdef const uint8_t *high = NULL
        cdef size_t high_size = 0
        if self.upper is not None:
            high = <const uint8_t *>PyBytes_AS_STRING(self.upper)
            high_size = PyBytes_GET_SIZE(self.upper)
        if self.reverse:
            if high == NULL or compare(key, size, high, high_size) < 0:
                return self.place(low, low_size, True, key, size, mode == SEEK_AT)
        elif compare(key, size, low, low_size) >= 0:
            return self.place(key, size, mode == SEEK_AT, high, high_size, False)
        return self.place(low, low_size, True, high, high_size, False)

    cdef int place(self, const uint8_t *low, size_t low_size, bint low_included, const uint8_t *high, size_t high_size,
                   bint high_included) except -1:
        """Set both bounds. The next entry is the first one between them in scan direction."""
        cdef WT_ITEM item
        cdef int order
        assert self.handle != NULL, "the scan is closed"
        assert self.session.in_transaction, "a scan needs a transaction"
        self.generation = self.session.generation
        self.done = False
        if high != NULL:
            order = compare(low, low_size, high, high_size)
            if order > 0 or (order == 0 and not (low_included and high_included)):
                self.done = True
                return 0
        self.fail(self.handle.reset(self.handle))
        if low_size:
            item.data = low
            item.size = low_size
            self.handle.set_key(self.handle, &item)
            self.fail(self.handle.bound(self.handle, self.session.connection.lower_bound[low_included]))
        if high != NULL:
            item.data = high
            item.size = high_size
            self.handle.set_key(self.handle, &item)
            self.fail(self.handle.bound(self.handle, self.session.connection.upper_bound[high_included]))
        return 0

    cdef int next_raw(self, const uint8_t **key, size_t *key_size, const uint8_t **value, size_t *value_size) noexcept nogil:
        """Advance to the next entry. Return 0 and set its key and value, which are valid until the next step; or return SCAN_END, or an
        error code for fail().
        """
        cdef WT_ITEM key_item, value_item
        cdef int code
        if self.generation != self.session.generation:
            return WT_ERROR
        if self.done:
            return SCAN_END
        code = self.handle.prev(self.handle) if self.reverse else self.handle.next(self.handle)
        if code == 0:
            code = self.handle.get_raw_key_value(self.handle, &key_item, &value_item)
        if code:
            self.done = True
            return SCAN_END if code == WT_NOTFOUND else code
        key[0] = <const uint8_t *>key_item.data
        key_size[0] = key_item.size
        value[0] = <const uint8_t *>value_item.data
        value_size[0] = value_item.size
        return 0

    cdef int fail(self, int code) except -1:
        """Raise the error for a code that next_raw() returned. 0 and SCAN_END are not errors."""
        assert self.generation == self.session.generation, "the scan's transaction has ended"
        if code and code != SCAN_END:
            return self.session.fail_at(code, self.table, <const uint8_t *>PyBytes_AS_STRING(self.lower), PyBytes_GET_SIZE(self.lower))
        return 0

    def seek_at(self, bytes key):
        """Position the scan at a key, or at the next key in scan direction if the key does not exist."""
        self.seek(<const uint8_t *>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), SEEK_AT)

    def seek_past(self, bytes key):
        """Position the scan after a key, in scan direction."""
        self.seek(<const uint8_t *>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), SEEK_PAST)

    def __iter__(self):
        return self

    def __next__(self):
        cdef const uint8_t *key
        cdef const uint8_t *value
        cdef size_t key_size, value_size
        cdef int code = self.next_raw(&key, &key_size, &value, &value_size)
        if code:
            self.fail(code)
            raise StopIteration
        return (PyBytes_FromStringAndSize(<const char *>key, key_size), PyBytes_FromStringAndSize(<const char *>value, value_size))
