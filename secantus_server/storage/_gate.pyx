# cython: language_level=3
"""The gate between transactions and whoever needs the store for himself (a snapshot, a restore, closing).

A transaction passes the gate when it begins and leaves when it ends: an addition and a comparison, made atomic by the GIL, which
this code does not give up between them. Only while the gate is closed does anybody touch `waits`. What guards what:

- the GIL guards `running`, `entered` (how many transactions have begun since ever), `idle`, `changed` and `closed`;
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
        self.idle = []
        self.changed = 0
        self._wake_at = <size_t>-1
        self._wake = None

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

    cdef int note_change(self, size_t size) except -1:
        """Counts what a transaction has committed."""
        self.changed += size
        if self.changed >= self._wake_at:
            self._wake_at = <size_t>-1
            self._wake()
        return 0

    def wake_at(self, size_t changed, wake):
        """Calls `wake`, once, when `changed` has reached a value: in the thread whose commit reaches it.

        Arguments:
            wake: it must not raise.
        """
        self._wake = wake
        self._wake_at = changed

    def _may_pass(self):
        """Whether this thread must not wait: it closed the gate itself, or holds up the one who waits for it to finish."""
        return self.holder == get_ident() or self.is_held()

    def is_held(self):
        """Whether this thread has begun a transaction that still runs."""
        me = get_ident()
        return any(unit.in_transaction and unit.thread == me for unit in self.units)

    def close(self, timeout, bint aborts_idle=True):
        """Keep new transactions out and wait for the running ones.

        Arguments:
            timeout: seconds to wait, or None for as long as it takes.
            aborts_idle: roll back the transactions that are open while no command uses them; otherwise wait for them, too.

        Raises StorageError when they have not ended by then, or why this thread's operation has to end; the gate is open again then.
        """
        assert not self.is_held(), "end this thread's transaction first"
        self.holder = get_ident()
        self.closed = True
        done = False
        try:
            done = self.waits.wait_for(lambda: self.running == 0 and (aborts_idle or not self.idle), timeout)
        finally:
            if not done:
                self.open()
        if not done:
            raise StorageError(
                f"Could not get exclusive access to the store: {self.running + len(self.idle)} transactions were still open after "
                f"{timeout:g} s.", 262)
        for unit in self.idle[:]:
            unit.abort()

    def open(self):
        """Lets transactions begin again."""
        self.closed = False
        self.holder = None
        self.waits.notify_all()
