# cython: language_level=3
"""MongoDB's comparison order on raw elements."""

from libc.stdint cimport uint8_t

from secantus_server.bson._raw cimport Element


cdef int compare_raw(uint8_t a_type, const uint8_t* a, uint8_t b_type, const uint8_t* b) except -2
cdef int compare_elements(const Element* a, const Element* b) except -2
