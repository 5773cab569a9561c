# cython: language_level=3
"""Threads, locks and conditions, built on the interpreter's C interface.

They behave like those of `threading`, which gevent and eventlet replace together with `_thread`; eventlet even replaces existing locks.
"""

from cpython.ref cimport Py_DECREF, Py_INCREF
from posix.unistd cimport usleep

import atexit
import os
import sys
from collections import deque

from secantus_server.system._lock cimport Lock as PlainLock

from secantus_server.system._clock import monotonic
from secantus_server.system._lock import Lock

cdef extern from "pythread.h":
    unsigned long PyThread_get_thread_ident()
    unsigned long PyThread_start_new_thread(void (*function)(void*), void* argument)
    unsigned long FAILED "PYTHREAD_INVALID_THREAD_ID"

cdef extern from *:
    """
    #include <pthread.h>
    static void name_this_thread(const char *name) {
    #if defined(__APPLE__)
        pthread_setname_np(name);
    #elif defined(__linux__)
        pthread_setname_np(pthread_self(), name);
    #endif
    }
    """
    void name_this_thread(const char* name) nogil

# The longest thread name on Linux.
NAME_BYTES = 15

cdef enum:
    # The pause between two looks at the starting threads at the interpreter's end, in microseconds, and the maximum number of pauses.
    EXIT_PAUSE_US = 100
    EXIT_PAUSES = 50000

# The number of threads that were created and do not have the interpreter lock yet, and whether the interpreter ends. The interpreter lock
# guards both.
cdef Py_ssize_t starting = 0
cdef bint is_ending = False


def _end():
    """Wait for the starting threads, and prevent further ones: a thread that asks a finalized interpreter for its lock crashes."""
    global is_ending
    cdef int pauses = 0
    is_ending = True
    while starting > 0 and pauses < EXIT_PAUSES:
        pauses += 1
        with nogil:
            usleep(EXIT_PAUSE_US)


def _begin_child():
    """Forget the starting threads of the parent process."""
    global starting
    starting = 0


atexit.register(_end)
os.register_at_fork(after_in_child=_begin_child)


def get_ident():
    """Return the current thread's identifier."""
    return PyThread_get_thread_ident()


cdef class RLock:
    """A lock that its holder may acquire again, like `threading.RLock`. Only the holder writes `owner` and `depth`."""

    cdef PlainLock lock
    cdef unsigned long owner
    cdef Py_ssize_t depth

    def __cinit__(self):
        self.lock = PlainLock()

    def acquire(self, bint blocking=True, double timeout=-1):
        """Acquire the lock; return whether it was acquired in time."""
        cdef unsigned long me = PyThread_get_thread_ident()
        if self.depth == 0 or self.owner != me:
            if not self.lock.take(timeout if blocking else 0):
                return False
            self.owner = me
        self.depth += 1
        return True

    def release(self):
        """Release the lock once. Raises RuntimeError if this thread does not hold it."""
        if self.depth == 0 or self.owner != PyThread_get_thread_ident():
            raise RuntimeError("cannot release un-acquired lock")
        self.depth -= 1
        if self.depth == 0:
            self.lock.give()

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *error):
        self.release()


cdef class Condition:
    """A condition that threads can wait for, like `threading.Condition`. As a context manager it acts as its lock.

    Threads: `lock` guards `waiters`. Each waiter blocks on its own lock, which `notify_all` releases.
    """

    cdef PlainLock lock
    cdef object waiters

    def __cinit__(self):
        self.lock = PlainLock()
        self.waiters = deque()

    def __enter__(self):
        self.lock.take(-1)
        return self

    def __exit__(self, kind, error, traceback):
        self.lock.give()

    def wait(self, timeout_s=None):
        """Release the lock until `notify_all` is called or the timeout expires; return whether it was called."""
        cdef PlainLock waiter = PlainLock()
        cdef bint notified = False
        waiter.take(-1)
        self.waiters.append(waiter)
        self.lock.give()
        try:
            notified = waiter.take(-1 if timeout_s is None else max(timeout_s, 0))
        finally:
            self.lock.take(-1)
            if not notified and waiter in self.waiters:
                self.waiters.remove(waiter)
        return notified

    def wait_for(self, holds, timeout_s=None):
        """Wait until `holds()` is true or the timeout expires; return its last result."""
        deadline = None if timeout_s is None else monotonic() + timeout_s
        while not (held := holds()):
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
        return held

    def notify_all(self):
        """Wake all waiting threads; the caller holds the lock."""
        assert self.lock.held, "notify_all() is called with the lock held"
        while self.waiters:
            (<PlainLock>self.waiters.popleft()).give()


cdef class Thread:
    """A thread of the operating system that does not keep the process alive.

    It is not in `threading.enumerate()`, and neither `threading.settrace` nor a patched `threading` sees it.

    Arguments:
        target: the function to run.
        args: the arguments of `target`.
        name: for debuggers and `top`, which show its first 15 bytes.
    """

    cdef object target
    cdef tuple args
    cdef readonly str name
    cdef bytes short_name
    # A lock that is held while the thread runs.
    cdef PlainLock running
    cdef unsigned long ident

    def __init__(self, target, tuple args=(), str name="secantus"):
        self.target = target
        self.args = args
        self.name = name
        self.short_name = name.encode()[:NAME_BYTES]
        self.running = PlainLock()

    def start(self):
        """Start the thread. Raises RuntimeError if the system cannot create another one, or if the interpreter ends."""
        global starting
        assert self.target is not None, "a thread is started once"
        if is_ending:
            raise RuntimeError("can't start new thread at the interpreter's end")
        self.running.take(-1)
        Py_INCREF(self)
        starting += 1
        if PyThread_start_new_thread(&run, <void*>self) == FAILED:
            starting -= 1
            Py_DECREF(self)
            self.running.release()
            raise RuntimeError("can't start new thread")

    def is_alive(self):
        """Return whether the thread has been started and has not ended."""
        return bool(self.running.held)

    def is_current(self):
        """Return whether this is the calling thread."""
        return self.ident == PyThread_get_thread_ident()

    def join(self, timeout=None):
        """Wait for the thread's end, for at most `timeout` seconds."""
        if self.running.take(-1 if timeout is None else timeout):
            self.running.release()


cdef void run(void* argument) noexcept with gil:
    """Run the target in the new thread; an exception is reported like that of a finalizer."""
    global starting
    cdef Thread thread = <Thread>argument
    if starting > 0:
        starting -= 1
    Py_DECREF(thread)
    name_this_thread(thread.short_name)
    thread.ident = PyThread_get_thread_ident()
    target, args = thread.target, thread.args
    thread.target = thread.args = None
    try:
        target(*args)
    except SystemExit:
        pass
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        thread.ident = 0
        thread.running.release()
