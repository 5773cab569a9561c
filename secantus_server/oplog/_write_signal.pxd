# The signal of commits, for other compiled modules: see _write_signal.pyx.

from libc.stdint cimport int64_t, uint64_t

cdef class Claims:
    # The waiters, of which the first `count` are set.
    cdef list waiters
    cdef readonly Py_ssize_t count
    # The last watch whose waiter was claimed, or that has kept the change.
    cdef Watch taken
    cdef uint64_t stamp
    cdef int64_t wall_ms
    cdef bytes identity
    cdef tuple change

    cdef tuple kept(self)
    # Return the last waiter, and remove it. There must be one.
    cdef object pop(self)
    cdef bint take(self, Watch watch) except -1

cdef class Watch:
    cdef WriteSignal signal
    cdef object woken
    cdef str db
    cdef str name
    cdef readonly bint stale
    cdef object waiter
    cdef list kept

    cpdef wake(self)
    cdef list leave_waiter(self, waiter)
    cdef bint withdraw(self, waiter) except -1
    cdef int hold(self) except -1
    cdef int spring(self) except -1

cdef class WriteSignal:
    cdef object lock
    cdef dict armed
    cdef dict names
    cdef bint closed
    # The only watch that sees the changes of a collection, and the collection's identity; None if that is not known.
    cdef Watch sole
    cdef bytes sole_identity

    cdef int arm(self, Watch watch) except -1
    cdef int disarm(self, Watch watch) except -1
    cpdef publish(self, commands, writes)
    cpdef publish_changes(self, bytes identity, Claims claims)
    cdef tuple namespace(self, bytes identity)
    cdef bint may_watch(self, str db, str name) except -1
    cdef bint take_sole(self, bytes identity, Claims claims) except -1
    cdef int spring_collection(self, bytes identity, str db, str name, Claims claims) except -1
    cdef Py_ssize_t spring(self, str db, str name, Claims claims) except -1
    cdef int forget_sole(self) noexcept
    cdef int spring_command(self, command) except -1
    cdef int spring_everything(self) except -1
    cdef int forget_if_empty(self, str db, str name) except -1
