# cython: language_level=3
"""The comparison nodes, for other compiled modules."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from secantus_server.bson._raw cimport Element
from secantus_server.mql.match._nodes cimport MatchExpression, PathMatch


cdef class Comparison(PathMatch):
    cdef readonly str operator
    cdef readonly object operand
    cdef readonly object collation
    cdef bytes encoded            # a document that contains the operand; `right` points into it
    cdef bytes collation_key      # None unless the operand contains strings and there is a collation
    cdef Element right
    cdef int kind                 # the kind of comparison that the operand needs
    cdef int accepted             # the results of a comparison that match, as bits: 0 is less, 1 is equal, 2 is greater
    cdef int64_t whole            # the operand if kind is LONG
    cdef double real              # the operand if kind is LONG or DOUBLE

    cdef int choose_kind(self) except -1
    cdef bint matches_other(self, const Element* element) except -1
    cdef bint matches_collated(self, const Element* element) except -1


cdef class In(PathMatch):
    cdef readonly list operands
    cdef readonly tuple regexes
    cdef readonly object collation
    cdef bytes encoded            # a document that contains the sorted operands; `elements` points into it
    cdef Element* elements
    cdef Py_ssize_t count
    cdef bint has_null
    cdef set collation_keys       # None unless an operand contains strings and there is a collation

    cdef int set_elements(self) except -1
    cdef bint contains(self, const Element* element) except -1
