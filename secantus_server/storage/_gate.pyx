# cython: language_level=3
"""The gate between transactions and whoever needs the store for himself (a snapshot, a restore, closing).

A transaction passes the gate when it begins and leaves when it ends: an addition and a comparison, made atomic by the GIL, which
this code does not give up between them. Only while the gate is closed does anybody touch `waits`. What guards what:

- the GIL guards `running`, `entered` (how many transactions have begun since ever) and `closed`;
- `waits` has the sleep of those who wait for either to change, which ends with their operation (see `waiting`);
- Engine.exclusive() has a lock so that one thread at a time closes the gate.
"""

from secantus_server.storage.errors import StorageError
from secantus_server.system._threads import get_ident


cdef class Gate:
    """Counts the running transactions, and keeps new ones out on request.

    Arguments:
        waits: the `Waits` of the store.
    """

    def __cinit__(self, waits):
        self.running = 0
        self.entered = 0
        self.closed = False
        self.waits = waits
        self.holder = None
        self.units = []

    cdef int enter(self) except -1:
        """Called when a transaction begins; waits while the gate is closed."""
        while self.closed and not self._may_pass():
            self.waits.wait_for(lambda: not self.closed)
        self.running += 1
        self.entered += 1
        return 0

    cdef int leave(self) except -1:
        """Called when a transaction has ended."""
        self.running -= 1
        if self.closed:
            self.waits.notify_all()
        return 0

    def _may_pass(self):
        """Whether this thread must not wait: it closed the gate itself, or holds up the one who waits for it to finish."""
        return self.holder == get_ident() or self.is_held()

    def is_held(self):
        """Whether this thread has begun a transaction that still runs."""
        me = get_ident()
        return any(unit.in_transaction and unit.thread == me for unit in self.units)

    def close(self, timeout):
        """Keeps new transactions out and waits for the running ones.

        Arguments:
            timeout: seconds to wait, or None for as long as it takes.

        Raises StorageError when they have not ended by then, or why this thread's operation has to end; the gate is open again then.
        """
        assert not self.is_held(), "end this thread's transaction first"
        self.holder = get_ident()
        self.closed = True
        done = False
        try:
            done = self.waits.wait_for(lambda: self.running == 0, timeout)
        finally:
            if not done:
                self.open()
        if not done:
            raise StorageError(f"The store cannot be had alone: {self.running} transactions have not ended after {timeout:g} s.", 262)

    def open(self):
        """Lets transactions begin again."""
        self.closed = False
        self.holder = None
        self.waits.notify_all()
