# cython: language_level=3
"""The two clocks of the operating system.

They are read by direct system calls: time-machine patches the functions behind `time.time` and `time.monotonic` in place, so that even
references taken before it started return its time.
"""


def monotonic():
    """Return the seconds of the monotonic clock."""
    return monotonic_ns() * 1e-9


cdef int64_t real_ms() noexcept:
    cdef timespec now
    clock_gettime(CLOCK_REALTIME, &now)
    return <int64_t>now.tv_sec * 1000 + now.tv_nsec // 1000000


cdef class SystemTime:
    """The clock-reading methods of `clock.Clock`, compiled because every command calls them several times.

    A test may move the clock. Then `now_ms` differs from the system's time, and `elapsed` has run faster; `monotonic` and `system_ms` never
    change.

    Threads: the methods that move the clock are called by one thread at a time; other threads see each move as a whole, because of the GIL.
    """

    cpdef int64_t now_ms(self) except? -1:
        """Return the milliseconds since the Unix epoch."""
        return self._stopped_at_ms if self._is_stopped else real_ms() + self._offset_ms

    cpdef int64_t system_ms(self) except? -1:
        """Return the milliseconds since the Unix epoch on the system's clock, which tests cannot move. Used for the cluster time."""
        return real_ms()

    cpdef double elapsed(self) except? -1:
        """Return the seconds of a monotonic clock that jumps when a test moves the time forward. Used for expiry."""
        return monotonic_ns() * 1e-9 + self._skipped_s

    @property
    def is_moved(self):
        """Whether `now_ms` differs from the system's time."""
        return self._is_stopped or self._offset_ms != 0

    @property
    def is_stopped(self):
        """Whether `now_ms` stands still."""
        return self._is_stopped

    def move_to(self, int64_t ms, bint runs):
        """Set the time that `now_ms` returns, and whether it goes on from there. `elapsed` jumps by the time moved forward."""
        skipped_ms = ms - self.now_ms()
        if skipped_ms > 0:
            self._skipped_s += skipped_ms * 1e-3
        self._stopped_at_ms, self._offset_ms, self._is_stopped = ms, ms - real_ms(), not runs

    def end_move(self):
        """Make `now_ms` return the system's time again. `elapsed` does not change."""
        self._offset_ms, self._is_stopped = 0, False

    def monotonic(self):
        """Return the seconds of the monotonic clock, for timeouts and durations."""
        return monotonic_ns() * 1e-9
