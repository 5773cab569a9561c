# The signal of commits, for other compiled modules: see _write_signal.pyx.

from libc.stdint cimport int64_t, uint64_t

cdef class Claims:
    cdef readonly list waiters
    cdef uint64_t stamp
    cdef int64_t wall_ms
    cdef bytes identity
    cdef tuple change

    cdef tuple kept(self)
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

    cdef int arm(self, Watch watch) except -1
    cdef int disarm(self, Watch watch) except -1
    cpdef publish(self, commands, writes)
    cpdef publish_changes(self, bytes identity, Claims claims)
    cdef tuple namespace(self, bytes identity)
    cdef bint may_watch(self, str db, str name) except -1
    cdef int spring_collection(self, str db, str name, Claims claims) except -1
    cdef int spring(self, str db, str name, Claims claims) except -1
    cdef int spring_command(self, command) except -1
    cdef int spring_everything(self) except -1
    cdef int forget_if_empty(self, str db, str name) except -1
