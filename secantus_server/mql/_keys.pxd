# cython: language_level=3
"""The keys of a document under a key pattern, for indexes and sorts."""

from libc.stdint cimport int8_t, uint8_t


cdef class KeyGenerator:
    # A key pattern has at most 32 fields.
    cdef readonly tuple paths
    cdef readonly tuple directions
    cdef readonly object collation
    cdef tuple encoded_paths
    cdef const char* names[32]
    cdef int8_t signs[32]
    cdef int fields

    cdef bytes smallest_key(self, const uint8_t* doc)
