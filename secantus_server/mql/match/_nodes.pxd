# cython: language_level=3
"""The base classes of the match nodes, for other compiled modules. For example, the loops of scans call `matches_raw`."""

from libc.stdint cimport uint8_t, uint32_t

from secantus_server.bson._raw cimport Element


cdef struct PathPart:
    const char* name
    uint32_t length


cdef tuple as_nodes(object children)


cdef class MatchExpression:
    cdef bint matches_raw(self, const uint8_t* doc) except -1
    cdef bint matches_element(self, const Element* element) except -1
    cdef Py_ssize_t position(self, const uint8_t* doc) except -2


cdef class PathMatch(MatchExpression):
    cdef readonly str path
    cdef tuple names
    cdef PathPart* parts
    cdef int part_count
    cdef bint opens_arrays
    cdef readonly bint null_through_arrays   # whether an array through which the path cannot continue counts as null

    cdef int set_path(self, str path, bint opens_arrays) except -1
    cdef bint matches_array(self, const Element* array, Py_ssize_t* position) except -1
    cdef bint walk_document(self, const uint8_t* doc, int depth, Py_ssize_t* position) except -1
    cdef bint walk_array(self, const uint8_t* array, int depth, Py_ssize_t* position) except -1
    cdef bint matches_at_index(self, const Element* element, int depth) except -1
