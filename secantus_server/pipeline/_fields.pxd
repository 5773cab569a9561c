# cython: language_level=3
"""The field setter, for other compiled stages."""

from libc.stdint cimport uint8_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element


cdef class FieldSetter:
    cdef tuple names
    cdef Py_ssize_t last
    cdef Writer out
    cdef const uint8_t* found
    cdef size_t found_size

    cpdef bytes set(self, bytes doc, object value)
    cdef bytes set_found(self, bytes doc, const uint8_t* found, size_t size)
    cdef int put_found(self, const char* name, size_t length) except -1
    cdef int put(self, const uint8_t* doc, Py_ssize_t index, object value) except -1
    cdef int put_field(self, const char* name, size_t length, const Element* old, Py_ssize_t index, object value) except -1
