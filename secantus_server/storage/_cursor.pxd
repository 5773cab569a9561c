# Ordered scans of a table, for compiled modules: see _cursor.pyx.

from libc.stdint cimport uint8_t, uint64_t
from secantus_server.storage.wiredtiger._binding cimport Session
from secantus_server.storage.wiredtiger.capi cimport WT_CURSOR

cdef enum Seek:
    # The target of a seek, in scan direction: the key itself or the next one if absent, or the first key past it.
    SEEK_AT = 0
    SEEK_PAST = 1

cdef enum:
    SCAN_END = 1

cdef class Cursor:
    cdef Session session
    cdef WT_CURSOR *handle
    cdef int table
    cdef bytes lower
    cdef bytes upper
    cdef readonly bint reverse
    cdef bint done
    cdef uint64_t generation

    cdef int rewind(self) except -1
    cdef int seek(self, const uint8_t *key, size_t size, int mode) except -1
    cdef int next_raw(self, const uint8_t **key, size_t *key_size, const uint8_t **value, size_t *value_size) noexcept nogil
    cdef int fail(self, int code) except -1
    cdef int place(self, const uint8_t *low, size_t low_size, bint low_included, const uint8_t *high, size_t high_size,
                   bint high_included) except -1
