# cython: language_level=3
"""The check for duplicate field names, for other compiled modules."""

from libc.stdint cimport uint8_t


cdef int refuse_duplicate(const uint8_t* doc, int depth, bint in_array, bint is_item=*, str owner=*) except -1
cdef bint has_duplicate(const uint8_t* doc, bint is_array=*) except -1
cdef object stored_duplicate()
