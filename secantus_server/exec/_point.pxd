# cython: language_level=3
"""Reading one document, for other compiled modules."""

from libc.stdint cimport uint8_t

from secantus_server.bson._codec cimport Writer
from secantus_server.index._index cimport Index
from secantus_server.storage._unit cimport RecoveryUnit


cdef void put_ident(uint8_t* out, int ident) noexcept nogil


cdef class PointFinder:
    cdef RecoveryUnit unit
    cdef Index index
    cdef int records_ident
    cdef readonly bint finished

    cdef bint find(self, Writer key, const uint8_t** document, size_t* size) except -1
