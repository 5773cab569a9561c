# cython: language_level=3
"""The two clocks of the operating system.

They are read by direct system calls: time-machine patches the functions behind `time.time` and `time.monotonic` in place, so that even
references taken before it started return its time.
"""


def monotonic():
    """Return the seconds of the monotonic clock."""
    return monotonic_ns() * 1e-9


cdef class SystemTime:
    """The clock-reading methods of `clock.Clock`, compiled because every command calls them several times."""

    def now_ms(self):
        """Return the milliseconds since the Unix epoch."""
        cdef timespec now
        clock_gettime(CLOCK_REALTIME, &now)
        return <int64_t>now.tv_sec * 1000 + now.tv_nsec // 1000000

    def monotonic(self):
        """Return the seconds of the monotonic clock, for timeouts and durations."""
        return monotonic_ns() * 1e-9
