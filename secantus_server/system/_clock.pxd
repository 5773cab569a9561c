# The clocks of the operating system, for compiled modules: see _clock.pyx.

from libc.stdint cimport int64_t

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int CLOCK_REALTIME
    int CLOCK_MONOTONIC
    int clock_gettime(int clock, timespec* now)


cdef inline int64_t monotonic_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t>now.tv_sec * 1000000000 + now.tv_nsec


cdef class SystemTime:
    cdef int64_t _offset_ms
    cdef int64_t _stopped_at_ms
    cdef double _skipped_s
    cdef bint _is_stopped

    cpdef int64_t now_ms(self) except? -1
    cpdef int64_t system_ms(self) except? -1
    cpdef double elapsed(self) except? -1
