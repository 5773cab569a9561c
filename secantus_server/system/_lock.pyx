# cython: language_level=3
"""A lock, built on the interpreter's C interface. `_threads` explains why `threading.Lock` is not used.

It has a module of its own, because a simulation replaces `_threads`, but not the type that compiled modules check for.
"""

from cpython.exc cimport PyErr_CheckSignals
from cpython.pythread cimport PyThread_allocate_lock, PyThread_free_lock, PyThread_release_lock
from libc.stdint cimport int64_t

from secantus_server.system._clock cimport monotonic_ns

cdef extern from "pythread.h" nogil:
    ctypedef enum LockStatus "PyLockStatus":
        PY_LOCK_ACQUIRED
        PY_LOCK_INTR
    LockStatus PyThread_acquire_lock_timed(PyThread_type_lock lock, long long microseconds, int interruptible)


cdef class Lock:
    """A lock that any thread may release, like `threading.Lock`. The GIL guards `held`."""

    def __cinit__(self):
        self.lock = PyThread_allocate_lock()
        if self.lock == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.lock != NULL:
            if self.held:
                PyThread_release_lock(self.lock)
            PyThread_free_lock(self.lock)

    cdef bint take(self, double timeout_s) except -1:
        """Acquire the lock; wait indefinitely if the timeout is negative. Signal handlers run while waiting."""
        cdef PyThread_type_lock lock = self.lock
        cdef int64_t deadline = 0
        cdef int64_t left_us = -1
        cdef LockStatus status = PyThread_acquire_lock_timed(lock, 0, 0)
        if status != PY_LOCK_ACQUIRED and timeout_s != 0:
            if timeout_s > 0:
                deadline = monotonic_ns() + <int64_t>(min(timeout_s, 1e9) * 1e9)
            while status != PY_LOCK_ACQUIRED:
                if timeout_s > 0:
                    left_us = (deadline - monotonic_ns() + 999) // 1000
                    if left_us <= 0:
                        break
                with nogil:
                    status = PyThread_acquire_lock_timed(lock, left_us, 1)
                if status == PY_LOCK_INTR:
                    PyErr_CheckSignals()
        if status != PY_LOCK_ACQUIRED:
            return False
        self.held = True
        return True

    def acquire(self, bint blocking=True, double timeout=-1):
        """Acquire the lock; return whether it was acquired in time. The timeout is in seconds; negative means none."""
        return self.take(timeout if blocking else 0)

    cdef int give(self) except -1:
        if not self.held:
            raise RuntimeError("release unlocked lock")
        self.held = False
        PyThread_release_lock(self.lock)
        return 0

    def release(self):
        """Release the lock. Raises RuntimeError if it is not held."""
        self.give()

    def locked(self):
        """Return whether some thread holds the lock."""
        return bool(self.held)

    def __enter__(self):
        self.take(-1)
        return True

    def __exit__(self, kind, error, traceback):
        self.give()
