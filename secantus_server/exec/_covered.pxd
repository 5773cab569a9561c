# cython: language_level=3
"""Builds documents from index entries."""

from libc.stdint cimport uint8_t

from secantus_server.bson._codec cimport Writer


cdef class EntryShape:
    cdef bint exact
    cdef int count
    cdef list dotted
    cdef list root
    cdef Writer out
    cdef const uint8_t* values[32]

    cdef bytes document(self, const uint8_t* values, size_t size)
    cdef int write(self, list level) except -1
