# The gate that transactions pass when they begin and end: see _gate.pyx.

cdef class Gate:
    cdef readonly Py_ssize_t running
    cdef readonly long long entered
    cdef readonly bint closed
    cdef object waits
    cdef object holder
    cdef readonly list units
    # Units whose open transaction is not in use by a command.
    cdef readonly list idle
    # Approximate bytes written and removed by committed transactions.
    cdef readonly size_t changed
    # The value of `changed` at which note_change() calls `_wake`, once per call of wake_at().
    cdef size_t _wake_at
    cdef object _wake

    cdef int enter(self) except -1
    cdef int enter_again(self) except -1
    cdef int leave(self) except -1
    cdef int note_change(self, size_t size) except -1
