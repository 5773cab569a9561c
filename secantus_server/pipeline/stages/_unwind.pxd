# cython: language_level=3
"""`$unwind`'s kernel, for `$group`, which reads the elements of an array without building documents."""

from libc.stdint cimport uint8_t

from secantus_server.bson._raw cimport Element
from secantus_server.pipeline._fields cimport FieldSetter

cdef enum:
    MAX_DEPTH = 201


cdef class Unwinder:
    cdef tuple names
    cdef FieldSetter index_field
    cdef bint preserve
    # The start offsets of the documents that contain the array, followed by that of the array's own element.
    cdef Py_ssize_t[MAX_DEPTH] ancestors
    cdef Py_ssize_t depth

    cdef bint find(self, const uint8_t* doc, Element* found)
    cdef tuple without_elements(self, bytes doc)
    cdef list elements(self, bytes doc, const Element* array)
    cdef bytes indexed(self, bytes doc, object index)
    cdef bytes replaced(self, bytes doc, const Element* array, const Element* element)
    cdef void mend_lengths(self, uint8_t* target, Py_ssize_t growth) noexcept
