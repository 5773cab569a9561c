# cython: language_level=3
"""Sums, for the compiled accumulators."""

from libc.stdint cimport int64_t

from secantus_server.mql.expressions._nodes cimport Computed


cdef class Sum:
    cdef int64_t whole
    cdef object big
    cdef double high, low, special
    cdef object decimals
    cdef readonly int width
    cdef readonly Py_ssize_t count
    cdef void add_double(self, double value) noexcept
    cdef object exact_whole(self)
    cdef double as_double(self)
    cdef object as_decimal(self)
    cpdef bint add(self, object value) except -1
    cdef bint add_computed(self, const Computed* value) except -1
    cpdef bint add_to_mean(self, object value) except -1
    cpdef object total(self)
    cpdef object average(self)
