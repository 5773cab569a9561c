# A lock, for other compiled modules: see _lock.pyx.

from cpython.pythread cimport PyThread_type_lock

cdef class Lock:
    cdef PyThread_type_lock lock
    cdef bint held

    cdef bint take(self, double timeout_s) except -1
    cdef int give(self) except -1


cdef inline int take_lock(one) except -1:
    """Acquire a lock like a `with` statement, but without its look-ups if the lock is not one of a simulation."""
    if type(one) is Lock:
        (<Lock>one).take(-1)
    else:
        one.acquire()
    return 0


cdef inline int give_lock(one) except -1:
    """Release a lock that `take_lock` has acquired."""
    if type(one) is Lock:
        return (<Lock>one).give()
    one.release()
    return 0
