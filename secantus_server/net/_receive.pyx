# cython: language_level=3
"""Receiving: a connection whose client calls again and again looks a while for the next message before it sleeps.

A thread that sleeps costs its client the time to wake it, and an idle core the time to wake up: together more than the
command itself. So, as locks do it, a connection whose last message came soon after its last reply looks for the next one for a
short time, and offers its core to whoever wants it between two looks. Of a server's connections only the one that had the last
message does so, and no longer than that: many clients keep the cores busy without it.
"""

import os

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t

from secantus_server.storage._pauses cimport monotonic_ns

cdef extern from "<sys/socket.h>" nogil:
    ssize_t recv(int fd, void* buffer, size_t size, int flags)
    enum:
        MSG_DONTWAIT

cdef extern from "<sched.h>" nogil:
    int sched_yield()

cdef enum:
    SIZE = 65536


cdef class Turn:
    """Which connection of a server had the last message: written with the interpreter's lock held, looked at without it.

    Arguments:
        patience_us: for how many microseconds its receiver looks for the next one; 0 for not at all.
    """

    cdef int64_t patience_ns
    cdef Receiver last

    def __cinit__(self, int patience_us):
        self.patience_ns = <int64_t>patience_us * 1000


cdef class Receiver:
    """Receives for one connection; `receive` belongs to the connection's thread.

    Arguments:
        sock: the connection's socket, blocking; only the connection's thread may close it.
        turn: shared by the connections of a server.
    """

    cdef object _sock
    cdef Turn _turn
    cdef char* _buffer
    # Whether the last message came within the patience, and no other connection had one meanwhile.
    cdef readonly bint eager

    def __cinit__(self, sock, Turn turn not None):
        self._sock = sock
        self._turn = turn
        self._buffer = <char*>PyMem_Malloc(SIZE)
        if self._buffer == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self._buffer)

    def receive(self):
        """What has come in, up to 64 KiB; empty at the connection's end. Raises OSError."""
        cdef int fd = self._sock.fileno()
        cdef ssize_t got
        cdef int error
        cdef int64_t began
        cdef int64_t waited
        with nogil:
            began = monotonic_ns()
            got = recv(fd, self._buffer, SIZE, MSG_DONTWAIT if self.eager else 0)
            while got < 0 and self.eager and errno == EAGAIN and self._may_look(began):
                sched_yield()
                got = recv(fd, self._buffer, SIZE, MSG_DONTWAIT)
            while got < 0 and (errno == EAGAIN or errno == EINTR):
                got = recv(fd, self._buffer, SIZE, 0)
            error = errno
            waited = monotonic_ns() - began
        if got < 0:
            raise OSError(error, os.strerror(error))
        self.eager = waited < self._turn.patience_ns and self._turn.last is self
        self._turn.last = self
        return PyBytes_FromStringAndSize(self._buffer, got)

    cdef bint _may_look(self, int64_t began) noexcept nogil:
        """Whether its patience is not at an end, and no other connection has had a message."""
        return <void*>self._turn.last == <void*>self and monotonic_ns() - began < self._turn.patience_ns
