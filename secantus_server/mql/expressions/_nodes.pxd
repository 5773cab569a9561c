# cython: language_level=3
"""The nodes of an expression tree, for other compiled modules."""

from libc.stdint cimport uint8_t


cdef class Expression:
    cdef readonly bint is_constant
    cpdef object evaluate(self, bytes doc)
    cpdef tuple children(self)


cdef class Operation(Expression):
    cdef tuple operands


cdef class BinaryOperation(Expression):
    cdef Expression first, second


cdef class Constant(Expression):
    cdef readonly object value


cdef bint is_true(object value)
cdef bint is_plain_number(object value)
cdef object value_at(object value, tuple names, Py_ssize_t index)
