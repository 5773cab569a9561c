# The registry of cursors, for other compiled modules: see _registry.pyx.

cdef class CursorRegistry:
    cdef object _clock
    cdef object _lock
    cdef dict _cursors
    cdef readonly Py_ssize_t opened
    cdef readonly Py_ssize_t timed_out

    cpdef borrow(self, cursor_id)
    cpdef give_back(self, cursor, bint done)
    cpdef peek(self, cursor_id)
