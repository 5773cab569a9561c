# cython: language_level=3
"""Encoding of the fields of oplog entries, for other compiled modules."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from secantus_server.bson._codec cimport Writer
from secantus_server.storage._unit cimport RecoveryUnit


cdef int put_row(RecoveryUnit unit, Writer out, uint64_t stamp) except -1
cdef int put_times(Writer out, uint64_t stamp, int64_t wall_ms) except -1
cdef uint8_t letter_of(str op) except 0
cdef int put_op(Writer out, uint8_t letter) except -1
cdef int put_id(Writer out, const uint8_t* document) except -1
cdef int put_previous(Writer out, uint64_t stamp) except -1

cpdef append(RecoveryUnit unit, list entries, uint64_t stamp, int64_t wall_ms)
cpdef list transaction_entries(list entries, list writes, bytes lsid, int64_t number, Py_ssize_t limit)
cpdef Py_ssize_t append_transaction(RecoveryUnit unit, list entries, uint64_t stamp, int64_t wall_ms) except -1
