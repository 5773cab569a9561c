# The registry of cursors, for other compiled modules: see _registry.pyx.

from secantus_server.system._clock cimport SystemTime

cdef class CursorState:
    cdef public object id
    cdef public bint in_use
    cdef public double last_used
    cdef public Py_ssize_t given
    cdef public Py_ssize_t batches
    cdef public object killed

cdef class CursorRegistry:
    cdef SystemTime _clock
    cdef dict _cursors
    cdef readonly Py_ssize_t opened
    cdef readonly Py_ssize_t timed_out

    cpdef CursorState borrow(self, cursor_id)
    cpdef give_back(self, CursorState cursor, bint done)
    cpdef peek(self, cursor_id)
