# The gate that transactions pass: see _gate.pyx.

cdef class Gate:
    cdef readonly Py_ssize_t running
    cdef readonly long long entered
    cdef readonly bint closed
    cdef object waits
    cdef object holder
    cdef readonly list units

    cdef int enter(self) except -1
    cdef int leave(self) except -1
