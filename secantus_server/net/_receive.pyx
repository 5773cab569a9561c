# cython: language_level=3
"""The receiver: turn-taking between connections, and spinning before blocking.

Waking a blocked thread, and often an idle core, takes longer than the command itself, and the client waits for it. So a connection works
like an adaptive lock: if its last message came soon after its last reply, it spins for a short time for the next message, and yields its
core between two attempts. Only the connection that has the turn spins. If the core does not come back soon, other processes need it. A thread
that spins then loses more than it gains, because the scheduler resumes it later than a blocked one, so spinning is suspended for a while.

Clients that are threads of the server's process share one GIL with each other and with the server's threads. If many of them call at the
same time, they spend more time on handing over the GIL than on their work. Such a connection therefore keeps its turn for a short while,
as long as its client keeps calling, and the other connections of this kind wait for their turns before they run their messages. So only
one such client and its connection are awake at any time. Waiting for turns is suspended for a while if spinning fails too often, as it
does when one thread (an event loop) uses many connections.

Clients without sockets (see `net/direct`) take the same turns, but their threads never spin. If the holder of the turn does not call again
within the patience, the turn is idle; the waiting threads check that themselves.
"""

import os
from collections import deque

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.pythread cimport PyThread_type_lock, PyThread_allocate_lock, PyThread_free_lock, PyThread_release_lock
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t

from secantus_server.system._clock cimport monotonic_ns

cdef extern from "<sys/socket.h>" nogil:
    ssize_t recv(int fd, void* buffer, size_t size, int flags)
    ssize_t send(int fd, const void* buffer, size_t size, int flags)
    enum:
        MSG_DONTWAIT

cdef extern from "<sched.h>" nogil:
    int sched_yield()

cdef extern from "pythread.h":
    unsigned long PyThread_get_thread_ident()

cdef extern from "pythread.h" nogil:
    ctypedef enum LockStatus "PyLockStatus":
        PY_LOCK_ACQUIRED
        PY_LOCK_INTR
    LockStatus PyThread_acquire_lock_timed(PyThread_type_lock lock, long long microseconds, int interruptible)

cdef enum:
    SIZE = 65536
    # Factor by which the patience is extended while other connections wait: the client's thread may have had to wait for the
    # GIL before it received its reply.
    LENIENCE = 10
    # While others wait, each failed spin lowers the credit and each successful one raises it, up to this maximum. When the credit is used
    # up, waiting for the turn is suspended for RELEASE_NS.
    MOST_CREDIT = 12
    # The credits that an idle turn of a connection without a socket costs. A failed spin costs 1; an idle turn makes the others
    # wait longer.
    IDLE_COST = 3
    # How many shares a connection without a socket keeps the turn. More than 1, because its thread loses its CPU cache when the
    # turn changes.
    DIRECT_SHARES = 5
    RELEASE_NS = 200_000_000
    # How long spinning is suspended because other processes need the cores: the first time, and at most. It doubles as long as each attempt
    # after a suspension fails.
    CROWDED_NS = 100_000_000
    MOST_CROWDED_NS = 1_600_000_000


cdef class Turn:
    """The turn that the connections of a server share. The GIL guards all fields; some are also read without it.

    Arguments:
        patience_us: how long the holder spins for the next message; 0 disables spinning.
        share_us: how long the holder keeps the turn while other clients of the server's process wait; 0 disables waiting.
    """

    cdef Caller holder
    cdef int64_t patience_ns
    cdef int64_t share_ns
    # Whether the holder runs a command or may spin for the next one; if not, `ended` is the time when its last command ended.
    cdef bint is_busy
    cdef int64_t ended
    # The id of the thread that ran the last command of a DirectCaller.
    cdef unsigned long thread
    cdef int64_t began
    cdef object queue
    # The length of the queue.
    cdef readonly Py_ssize_t waiting
    cdef int credit
    cdef int64_t released_until
    cdef int64_t crowded_until
    cdef int64_t crowded_ns

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

    cpdef suspend_spinning(self):
        """Make connections to other processes block instead of spinning for a while, because the cores are needed."""
        cdef int64_t now = monotonic_ns()
        if now - self.crowded_until < self.crowded_ns:
            self.crowded_ns = min(2 * self.crowded_ns, MOST_CROWDED_NS)
        else:
            self.crowded_ns = CROWDED_NS
        self.crowded_until = now + self.crowded_ns

    cdef int judge(self, int cost, int64_t now) except -1:
        """Record the outcome of a turn for which others waited; suspend waiting for turns when the credit is used up.

        Arguments:
            cost: 0 for a successful spin or call; otherwise the number of credits that the others' useless wait costs.
            now: the current time.
        """
        self.credit = self.credit - cost if cost else min(self.credit + 1, MOST_CREDIT)
        if self.credit <= 0:
            self.credit = MOST_CREDIT
            self.released_until = now + RELEASE_NS
        return 0

    cdef int give(self, Caller caller) except -1:
        """Give the turn to a caller; None leaves the turn without a holder."""
        self.holder = caller
        self.is_busy = True
        self.began = monotonic_ns()
        return 0

    cdef int leave(self, Caller caller) except -1:
        """If this caller has the turn, pass it to the next caller in the queue."""
        if self.holder is not caller:
            return 0
        if not self.queue:
            return self.give(None)
        self.give(self.queue.popleft())
        self.waiting -= 1
        PyThread_release_lock(self.holder.gate)
        return 0

    cdef int take(self, Caller caller, int64_t now) except -1:
        """Take the turn for a caller that has a message to run; wait for the turn if necessary."""
        cdef bint is_over = self.holder is None or now - self.began >= self.share_ns * self.holder.shares
        if self.holder is caller and is_over and self.waiting:
            self.leave(caller)
            is_over = False
        if self.holder is not None and self.holder is not caller and not is_over and self.takes_turns(caller, now):
            if not self.is_idle(now):
                self.wait(caller)
        if self.holder is not caller:
            self.give(caller)
        return 0

    cdef bint takes_turns(self, Caller caller, int64_t now) noexcept:
        """Return whether a caller must wait for the holder: both clients are in the server's process, and waiting is not suspended."""
        return caller.is_own and (self.holder is None or self.holder.is_own) and now >= self.released_until

    cdef bint is_idle(self, int64_t now) noexcept nogil:
        """Return whether the holder has not called again within its patience, extended because it may have had to wait for the GIL."""
        return not self.is_busy and now - self.ended > self.patience_ns * LENIENCE

    cdef int wait(self, Caller caller) except -1:
        """Wait until the turn is passed to a caller or is idle, or until a timeout, since the holder may run a long command."""
        cdef bint is_passed = False
        cdef int64_t deadline
        self.queue.append(caller)
        self.waiting += 1
        try:
            deadline = monotonic_ns() + self.share_ns * caller.shares * (2 * self.waiting - 1)
            is_passed = caller.await_turn(self, deadline, self.patience_ns * LENIENCE * self.waiting)
        finally:
            if not is_passed and caller in self.queue:
                self.queue.remove(caller)
                self.waiting -= 1
            elif not is_passed:
                # The turn was passed on after the timeout.
                PyThread_acquire_lock_timed(caller.gate, 0, 0)
        return 0


cdef class Caller:
    """A connection that takes turns."""

    # Whether the client is in the server's process.
    cdef bint is_own
    # How long it may keep the turn, in units of `Turn.share_ns`.
    cdef int shares
    # A lock that is held all the time; releasing it passes the turn to this caller.
    cdef PyThread_type_lock gate

    def __cinit__(self):
        self.shares = 1
        self.gate = PyThread_allocate_lock()
        if self.gate == NULL:
            raise MemoryError
        PyThread_acquire_lock_timed(self.gate, 0, 0)

    def __dealloc__(self):
        if self.gate != NULL:
            PyThread_release_lock(self.gate)
            PyThread_free_lock(self.gate)

    cdef bint await_turn(self, Turn turn, int64_t deadline, int64_t interval) except -1:
        """Wait until the turn is passed to this caller, is idle, or the deadline passes; return whether the turn was passed.

        Arguments:
            interval: how often to check whether the turn is idle. The check does not take the GIL.
        """
        cdef int64_t now = monotonic_ns()
        cdef LockStatus status
        while True:
            with nogil:
                while True:
                    status = PyThread_acquire_lock_timed(self.gate, max(min(deadline - now, interval) // 1000, 1), 1)
                    now = monotonic_ns()
                    if status == PY_LOCK_ACQUIRED or status == PY_LOCK_INTR or now >= deadline or turn.is_idle(now):
                        break
            if status != PY_LOCK_INTR:
                break
            PyErr_CheckSignals()
        if status != PY_LOCK_ACQUIRED and now < deadline:
            turn.judge(IDLE_COST, now)
        return status == PY_LOCK_ACQUIRED


cdef class DirectCaller(Caller):
    """A connection without a socket. Only the thread that runs a command on it may call `begin` and `end`.

    Arguments:
        turn: shared by the connections of a server.
        is_new: whether the first command is still to come; see the field.
    """

    cdef Turn _turn
    # Whether no command has run yet. The first one, the handshake, does not take the turn: connections that only monitor the server keep
    # silent after it, so that the others would wait for the end of their patience.
    cdef public bint is_new

    def __cinit__(self, Turn turn not None, bint is_new=False):
        self._turn = turn
        self.is_own = True
        self.is_new = is_new
        self.shares = DIRECT_SHARES

    def begin(self):
        """Take the turn for a command; wait for it if necessary. Do nothing for the first command of a new connection."""
        if self.is_new:
            return
        cdef Turn turn = self._turn
        cdef int64_t now = monotonic_ns()
        cdef unsigned long me = PyThread_get_thread_ident()
        if not turn.is_busy and turn.thread == me and turn.holder is not None:
            # If the turn's holder is another connection of the same thread, take the turn from it: a thread must not wait for itself.
            turn.holder = self
        if turn.waiting and turn.holder is self:
            turn.judge(0, now)
        turn.take(self, now)
        turn.is_busy = True
        turn.thread = me

    def end(self):
        """Record that the command has ended. The connection keeps the turn, since its next command may follow soon."""
        cdef Turn turn = self._turn
        if turn.holder is self:
            turn.ended = monotonic_ns()
            turn.is_busy = False

    def leave(self):
        """Pass on the turn if this connection has it. Called before the connection's thread waits."""
        self._turn.leave(self)


cdef class Receiver(Caller):
    """The receiving end of one connection. Only the connection's thread may call `receive`.

    Arguments:
        sock: the connection's blocking socket; only the connection's thread may close it.
        turn: shared by the connections of a server.
        is_own: whether the client is in the server's process.
    """

    cdef object _sock
    cdef Turn _turn
    cdef char* _buffer
    # Whether to spin for the next message: the last message came within the patience, and no other connection took the turn in between,
    # except those that take turns with this one.
    cdef readonly bint eager
    # How often `receive` has blocked.
    cdef readonly Py_ssize_t blocked
    # How long the core was away at the last attempt of `_spin`.
    cdef int64_t away

    def __cinit__(self, sock, Turn turn not None, bint is_own=False):
        self._sock = sock
        self._turn = turn
        self.is_own = is_own
        self._buffer = <char*>PyMem_Malloc(SIZE)
        if self._buffer == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self._buffer)

    def receive(self):
        """Return the available bytes, up to 64 KiB; wait for at least one. Return an empty value at the end of the connection.

        Raises:
            OSError: the connection is broken.
        """
        cdef int fd = self._sock.fileno()
        cdef Turn turn = self._turn
        cdef int64_t began = monotonic_ns()
        cdef int64_t now
        cdef bint undisturbed
        cdef ssize_t got = -1
        # Clients of this process go on spinning: whether that succeeds decides how they take turns.
        if self.eager and (self.is_own or began >= turn.crowded_until):
            with nogil:
                got = self._spin(fd, began)
            if turn.waiting:
                turn.judge(got < 0, began)
            elif not self.is_own and self.away > turn.patience_ns:
                turn.suspend_spinning()
        if got < 0:
            got = self._block(fd)
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

    def push(self, bytes data not None):
        """Send as many bytes as possible without waiting, as `net.transport.Transport.push` does."""
        cdef int fd = self._sock.fileno()
        cdef const char* start = PyBytes_AS_STRING(data)
        cdef size_t size = PyBytes_GET_SIZE(data)
        cdef ssize_t sent
        with nogil:
            sent = send(fd, start, size, MSG_DONTWAIT)
            # The receiver may have been woken on this core, and would wait until the sender's own command has ended.
            sched_yield()
        return max(sent, 0)

    cdef ssize_t _block(self, int fd) except -1:
        """Pass on the turn and block until bytes arrive; return their number."""
        cdef ssize_t got
        cdef int error
        self._turn.leave(self)
        self.blocked += 1
        with nogil:
            got = recv(fd, self._buffer, SIZE, 0)
            while got < 0 and (errno == EAGAIN or errno == EINTR):
                got = recv(fd, self._buffer, SIZE, 0)
            error = errno
        if got < 0:
            raise OSError(error, os.strerror(error))
        return got

    cdef ssize_t _spin(self, int fd, int64_t began) noexcept nogil:
        """Spin within the patience while this receiver has the turn; return the number of bytes received, or less than 0."""
        cdef ssize_t got = recv(fd, self._buffer, SIZE, MSG_DONTWAIT)
        cdef int64_t now = began
        cdef int64_t resumed
        self.away = 0
        while got < 0 and errno == EAGAIN and now - began < self._turn.patience_ns and <void*>self._turn.holder == <void*>self:
            sched_yield()
            resumed = monotonic_ns()
            self.away = resumed - now
            now = resumed
            got = recv(fd, self._buffer, SIZE, MSG_DONTWAIT)
        return got
