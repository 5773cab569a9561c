# cython: language_level=3
"""The states of accumulators, for stages that have many of them."""

from secantus_server.bson._codec cimport Writer
from secantus_server.mql.expressions._nodes cimport Computed, Expression


cpdef Py_ssize_t size_of(object value) except -1

cdef class Meter:
    cdef Py_ssize_t used

cdef class State:
    cdef readonly Expression expression
    # The memory of all states together, to which `$push` and `$addToSet` add what they store, or None.
    cdef Meter meter
    cdef int take(self, object value) except -1
    cdef int take_computed(self, const Computed* value, Writer text) except -1
    cpdef add(self, bytes doc)
    cpdef object result(self)
    cpdef Py_ssize_t memory(self) except -1
