# cython: language_level=3
"""The receiver: turn-taking between connections, and spinning before blocking.

Waking a blocked thread costs the client its wakeup, and waking an idle core costs more: together longer than the command itself. So, as
adaptive locks do, a connection whose last message came soon after its last reply spins for a short time for the next message, yielding its
core between two attempts. Only the connection that has the turn spins.

Clients that are threads of the server's process share one GIL with each other and with the server's threads. If many of them call at the
same time, they spend more time on handing over the GIL than on their work. Such a connection therefore keeps its turn for a short while,
as long as its client keeps calling, and the messages of the other connections of this kind wait for theirs: at any time one client and its
connection are awake. If spinning fails because one thread serves many connections, as an event loop does, waiting is suspended for a while.
"""

import os
from collections import deque

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t

from secantus_server.system._threads import Lock
from secantus_server.system._clock cimport monotonic_ns

cdef extern from "<sys/socket.h>" nogil:
    ssize_t recv(int fd, void* buffer, size_t size, int flags)
    enum:
        MSG_DONTWAIT

cdef extern from "<sched.h>" nogil:
    int sched_yield()

cdef enum:
    SIZE = 65536
    # Factor on the patience while others wait: the client's thread may have received its reply late.
    LENIENCE = 10
    # Failed spins minus successful ones, counted while others wait, after which waiting for the turn is suspended for RELEASE_NS.
    MOST_CREDIT = 12
    RELEASE_NS = 200_000_000


cdef class Turn:
    """The turn that the connections of a server share. The GIL guards all fields; `holder` and `patience_ns` are also read without it.

    Arguments:
        patience_us: how long the holder spins for the next message; 0 disables spinning.
        share_us: how long the holder keeps the turn while other clients of the server's process wait; 0 disables waiting.
    """

    cdef int64_t patience_ns
    cdef int64_t share_ns
    cdef Receiver holder
    cdef int64_t began
    cdef object queue
    # The length of the queue.
    cdef readonly Py_ssize_t waiting
    cdef int credit
    cdef int64_t released_until

    def __cinit__(self, int patience_us, int share_us=0):
        self.patience_ns = <int64_t>patience_us * 1000
        self.share_ns = <int64_t>share_us * 1000
        self.queue = deque()
        self.credit = MOST_CREDIT

    @property
    def is_released(self):
        """Whether waiting for the turn is suspended."""
        return monotonic_ns() < self.released_until

    @property
    def patience_us(self):
        """How long the holder spins for the next message, in microseconds."""
        return self.patience_ns // 1000

    @patience_us.setter
    def patience_us(self, int patience_us):
        self.patience_ns = <int64_t>patience_us * 1000

    cdef int judge(self, bint failed, int64_t now) except -1:
        """Record whether a spin failed while others waited; suspend waiting if too many did."""
        self.credit = self.credit - 1 if failed else min(self.credit + 1, MOST_CREDIT)
        if self.credit == 0:
            self.credit = MOST_CREDIT
            self.released_until = now + RELEASE_NS
        return 0

    cdef int give(self, Receiver receiver) except -1:
        """Give the turn to a receiver, or to none."""
        self.holder = receiver
        self.began = monotonic_ns()
        return 0

    cdef int leave(self, Receiver receiver) except -1:
        """Pass the turn to the next receiver in the queue, if this receiver has it."""
        if self.holder is not receiver:
            return 0
        if not self.queue:
            return self.give(None)
        self.give(self.queue.popleft())
        self.waiting -= 1
        self.holder.gate.release()
        return 0

    cdef int take(self, Receiver receiver, int64_t now) except -1:
        """Take the turn for a receiver that has a message, waiting for it if necessary."""
        cdef bint is_over = now - self.began >= self.share_ns
        if self.holder is receiver and is_over and self.waiting:
            self.leave(receiver)
            is_over = False
        if self.holder is not None and self.holder is not receiver and not is_over and self.takes_turns(receiver, now):
            self.wait(receiver)
        if self.holder is not receiver:
            self.give(receiver)
        return 0

    cdef bint takes_turns(self, Receiver receiver, int64_t now) noexcept:
        """Return whether a receiver and the holder, if any, wait for each other: both clients are in the server's process."""
        return receiver.is_own and (self.holder is None or self.holder.is_own) and now >= self.released_until

    cdef int wait(self, Receiver receiver) except -1:
        """Wait until the turn is passed on, with a timeout, since the holder may run a long command."""
        self.queue.append(receiver)
        self.waiting += 1
        if not receiver.gate.acquire(timeout=1e-9 * self.share_ns * (2 * self.waiting - 1)):
            if receiver in self.queue:
                self.queue.remove(receiver)
                self.waiting -= 1
            else:
                # The turn was passed on after the timeout.
                receiver.gate.acquire(blocking=False)
        return 0


cdef class Receiver:
    """The receiving end of one connection. Only the connection's thread may call `receive`.

    Arguments:
        sock: the connection's blocking socket; only the connection's thread may close it.
        turn: shared by the connections of a server.
        is_own: whether the client is in the server's process.
    """

    cdef object _sock
    cdef Turn _turn
    cdef char* _buffer
    cdef bint is_own
    # Released only to pass the turn to this receiver.
    cdef object gate
    # Whether to spin for the next message: the last one came within the patience, and no client of another process had one meanwhile.
    cdef readonly bint eager
    # The number of times that it blocked.
    cdef readonly Py_ssize_t blocked

    def __cinit__(self, sock, Turn turn not None, bint is_own=False):
        self._sock = sock
        self._turn = turn
        self.is_own = is_own
        self._buffer = <char*>PyMem_Malloc(SIZE)
        if self._buffer == NULL:
            raise MemoryError
        self.gate = Lock()
        self.gate.acquire()

    def __dealloc__(self):
        PyMem_Free(self._buffer)

    def receive(self):
        """Return the bytes that are available, up to 64 KiB, waiting for at least one; empty at the end of the connection.

        Raises:
            OSError: the connection is broken.
        """
        cdef int fd = self._sock.fileno()
        cdef Turn turn = self._turn
        cdef int64_t began = monotonic_ns()
        cdef int64_t now
        cdef bint undisturbed
        cdef ssize_t got = -1
        cdef int error = 0
        if self.eager:
            with nogil:
                got = self._spin(fd, began)
            if turn.waiting:
                turn.judge(got < 0, began)
        if got < 0:
            turn.leave(self)
            self.blocked += 1
            with nogil:
                got = recv(fd, self._buffer, SIZE, 0)
                while got < 0 and (errno == EAGAIN or errno == EINTR):
                    got = recv(fd, self._buffer, SIZE, 0)
                error = errno
        if got < 0:
            raise OSError(error, os.strerror(error))
        if got == 0:
            turn.leave(self)
            return b""
        now = monotonic_ns()
        undisturbed = turn.holder is None or turn.holder is self
        turn.take(self, now)
        if turn.takes_turns(self, now):
            self.eager = now - began < turn.patience_ns * (LENIENCE if turn.waiting else 1)
        else:
            self.eager = undisturbed and now - began < turn.patience_ns
        return PyBytes_FromStringAndSize(self._buffer, got)

    cdef ssize_t _spin(self, int fd, int64_t began) noexcept nogil:
        """Spin within the patience and while this receiver has the turn; return the bytes received, or less than 0."""
        cdef ssize_t got = recv(fd, self._buffer, SIZE, MSG_DONTWAIT)
        while got < 0 and errno == EAGAIN and self._may_spin(began):
            sched_yield()
            got = recv(fd, self._buffer, SIZE, MSG_DONTWAIT)
        return got

    cdef bint _may_spin(self, int64_t began) noexcept nogil:
        return monotonic_ns() - began < self._turn.patience_ns and <void*>self._turn.holder == <void*>self
