# cython: language_level=3
"""The two clocks of the operating system.

They are read by a system call of our own: time-machine replaces the functions behind `time.time` and `time.monotonic` in place, so
that even a reference taken before it started gives its time.
"""


def monotonic():
    """Seconds of a clock that only goes forward."""
    return monotonic_ns() * 1e-9


cdef class SystemTime:
    """The methods of `clock.Clock` that read a clock. Every command calls them several times, so they are compiled."""

    def now_ms(self):
        """Milliseconds since the Unix epoch."""
        cdef timespec now
        clock_gettime(CLOCK_REALTIME, &now)
        return <int64_t>now.tv_sec * 1000 + now.tv_nsec // 1000000

    def monotonic(self):
        """Seconds of a clock that only goes forward: for timeouts and durations."""
        return monotonic_ns() * 1e-9
