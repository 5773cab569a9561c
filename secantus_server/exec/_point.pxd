# cython: language_level=3
"""Reading one document, for other compiled code."""

from libc.stdint cimport uint8_t

from secantus_server.index._index cimport Index


cdef void put_ident(uint8_t* out, int ident) noexcept nogil


cdef class PointFinder:
    cdef object scope
    cdef Index index
    cdef int records_ident

    cpdef bytes find(self, bytes key)
