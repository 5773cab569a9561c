# cython: language_level=3
"""The paths of a join, for other compiled stages."""

from libc.stdint cimport uint8_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element


cdef class JoinPath:
    cdef tuple names
    cdef tuple indexes
    cdef Py_ssize_t last
    cdef bint whole_arrays
    cdef object collation
    cdef Writer out
    cdef dict found

    cdef bint plain_key(self, bytes doc, bytes prefix) except -1
    cdef int walk(self, const uint8_t* doc, Py_ssize_t index) except -1
    cdef int descend(self, const Element* element, Py_ssize_t index) except -1
    cdef int through(self, const uint8_t* array, Py_ssize_t index) except -1
    cdef int leaf(self, const Element* element) except -1
    cdef int add(self, const Element* element) except -1
