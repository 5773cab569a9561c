# cython: language_level=3
"""The nodes of an expression tree, for other compiled modules."""

from libc.stdint cimport int64_t, uint8_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._types cimport BSON_MISSING, BSON_NULL


cdef struct Computed:
    # A value without Python objects.
    uint8_t type
    # The value of an int or a long, and that of a double.
    int64_t whole
    double real
    # The position of a string in the buffer of texts, and its length in bytes. The string is valid UTF-8.
    size_t start
    size_t length


cdef class Expression:
    cdef readonly bint is_constant
    cpdef object evaluate(self, bytes doc)
    cpdef tuple children(self)
    cdef bint can_compute(self)
    cdef int compute(self, const uint8_t* doc, Writer text, Computed* out) except -1


cdef class Operation(Expression):
    cdef tuple operands


cdef class BinaryOperation(Expression):
    cdef Expression first, second


cdef class Constant(Expression):
    cdef readonly object value


cdef bint is_true(object value)
cdef bint is_plain_number(object value)
cdef object value_at(object value, tuple names, Py_ssize_t index)
cdef bint all_can_compute(tuple expressions)
cdef object value_of(const Computed* computed, Writer text)


cdef inline bint is_nothing(const Computed* computed) noexcept nogil:
    """Return whether a value is null or missing."""
    return computed.type == BSON_NULL or computed.type == BSON_MISSING
