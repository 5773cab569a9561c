# cython: language_level=3
"""Receiving: whose message is next, and how long a connection looks for it before it sleeps.

A thread that sleeps costs its client the time to wake it, and an idle core the time to wake up: together more than the
command itself. So, as locks do it, a connection whose last message came soon after its last reply looks for the next one for a
short time, and offers its core to whoever wants it between two looks. Of a server's connections only the one that has the turn does so.

Clients that are threads of the server's own process have one interpreter lock with each other and with the server's threads. Many that
call at the same time would spend more time on handing it around than on their work. So such a connection keeps its turn for a short while,
as long as its client calls again and again, and the messages of the others of this kind wait for theirs: at any time one client and its
connection are awake. Where looking is in vain, because one thread serves many connections, an event loop for instance, nobody waits for a while.
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
    # Where others wait, a client's thread may have got its reply late: it counts as one that calls again and again all the same.
    LENIENCE = 10
    # So often looking may be in vain while others wait, beyond the times when it was not, before nobody waits for RELEASE_NS.
    MOST_CREDIT = 12
    RELEASE_NS = 200_000_000


cdef class Turn:
    """Which connection of a server has the turn. The interpreter's lock guards everything; `holder` is looked at without it.

    Arguments:
        patience_us: for how many microseconds its receiver looks for the next message; 0 for not at all.
        share_us: for how many microseconds it keeps the turn while others of the server's process wait; 0 where nobody waits.
    """

    cdef int64_t patience_ns
    cdef int64_t share_ns
    cdef Receiver holder
    cdef int64_t began
    cdef object queue
    # How many receivers are in the queue.
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
        """Whether nobody waits for the turn at present, since it was not worth while."""
        return monotonic_ns() < self.released_until

    cdef int judge(self, bint in_vain, int64_t now) except -1:
        """Note whether it was worth while to let others wait."""
        self.credit = self.credit - 1 if in_vain else min(self.credit + 1, MOST_CREDIT)
        if self.credit == 0:
            self.credit = MOST_CREDIT
            self.released_until = now + RELEASE_NS
        return 0

    cdef int give(self, Receiver receiver) except -1:
        """Give the turn to a receiver, or to nobody."""
        self.holder = receiver
        self.began = monotonic_ns()
        return 0

    cdef int leave(self, Receiver receiver) except -1:
        """Hand the turn to the next one, if this receiver has it."""
        if self.holder is not receiver:
            return 0
        if not self.queue:
            return self.give(None)
        self.give(self.queue.popleft())
        self.waiting -= 1
        self.holder.gate.release()
        return 0

    cdef int take(self, Receiver receiver, int64_t now) except -1:
        """Give the turn to a receiver that has a message, as soon as it may have it."""
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
        """Whether a receiver and the one that has the turn, if there is one, do well to wait for each other."""
        return receiver.is_own and (self.holder is None or self.holder.is_own) and now >= self.released_until

    cdef int wait(self, Receiver receiver) except -1:
        """Wait until the turn is handed over; not for ever, for the holder may run a long command."""
        self.queue.append(receiver)
        self.waiting += 1
        if not receiver.gate.acquire(timeout=1e-9 * self.share_ns * (2 * self.waiting - 1)):
            if receiver in self.queue:
                self.queue.remove(receiver)
                self.waiting -= 1
            else:
                # It was handed over a moment ago.
                receiver.gate.acquire(blocking=False)
        return 0


cdef class Receiver:
    """Receives for one connection; `receive` belongs to the connection's thread.

    Arguments:
        sock: the connection's socket, blocking; only the connection's thread may close it.
        turn: shared by the connections of a server.
        is_own: whether the client is in the server's process.
    """

    cdef object _sock
    cdef Turn _turn
    cdef char* _buffer
    cdef bint is_own
    # A lock that is open only for the moment in which the turn is handed over.
    cdef object gate
    # Whether the last message came within the patience, and nobody else of another process had one meanwhile.
    cdef readonly bint eager

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
        """What has come in, up to 64 KiB; empty at the connection's end. Raises OSError."""
        cdef int fd = self._sock.fileno()
        cdef Turn turn = self._turn
        cdef int64_t began = monotonic_ns()
        cdef int64_t now
        cdef bint undisturbed
        cdef ssize_t got = -1
        cdef int error = 0
        if self.eager:
            with nogil:
                got = self._look(fd, began)
            if turn.waiting:
                turn.judge(got < 0, began)
        if got < 0:
            turn.leave(self)
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

    cdef ssize_t _look(self, int fd, int64_t began) noexcept nogil:
        """What comes in while its patience lasts and the turn is its own, or less than 0."""
        cdef ssize_t got = recv(fd, self._buffer, SIZE, MSG_DONTWAIT)
        while got < 0 and errno == EAGAIN and self._may_look(began):
            sched_yield()
            got = recv(fd, self._buffer, SIZE, MSG_DONTWAIT)
        return got

    cdef bint _may_look(self, int64_t began) noexcept nogil:
        return monotonic_ns() - began < self._turn.patience_ns and <void*>self._turn.holder == <void*>self
