# The undo log: see _undo.pyx.

from libc.stdint cimport uint8_t, uint32_t

cdef class UndoLog:
    cdef readonly bint recording
    cdef public bint oplog_written
    cdef uint32_t watermark
    cdef tuple values

    cdef bint wants(self, int table, const uint8_t *key, size_t size) noexcept
    cdef bint knows(self, int table, bytes key)
    cdef int remember(self, int table, bytes key, object value) except -1
