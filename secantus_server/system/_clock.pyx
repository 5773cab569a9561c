# cython: language_level=3
"""The two clocks of the operating system.

They are read by a system call of our own: time-machine replaces the functions behind `time.time` and `time.monotonic` in place, so
that even a reference taken before it started gives its time.
"""


def wall_ms():
    """Milliseconds since the Unix epoch."""
    cdef timespec now
    clock_gettime(CLOCK_REALTIME, &now)
    return <int64_t>now.tv_sec * 1000 + now.tv_nsec // 1000000


def monotonic():
    """Seconds of a clock that only goes forward."""
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec + now.tv_nsec * 1e-9
