# cython: language_level=3
"""Functions that write and read the rows of the oplog's table, for other compiled modules."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from secantus_server.bson._codec cimport Writer
from secantus_server.storage._unit cimport RecoveryUnit


cdef class Chain:
    cdef bytes lsid
    cdef int64_t number
    cdef int statement
    cdef int last
    cdef uint64_t previous

    cdef int put(self, Writer out) except -1
    cdef int advance(self, Py_ssize_t changes, uint64_t stamp) noexcept

cdef Py_ssize_t append_changes(
    RecoveryUnit unit, Writer out, bytes identity, list changes, uint64_t stamp, int64_t wall_ms, Chain chain
) except -1


cdef bint is_packed(const uint8_t* row) noexcept
cdef uint32_t packed_count(const uint8_t* row) noexcept
cdef const uint8_t* packed_identity(const uint8_t* row) noexcept
cdef bytes plain_row(bytes row, uint64_t stamp)
