# cython: language_level=3
"""The gate between transactions and threads that need exclusive access to the store (snapshot, restore, close).

A transaction enters the gate when it begins and leaves it when it ends. Each costs an addition and a comparison, which are atomic because
this code holds the GIL throughout. `waits` is only used while the gate is closed. Locking:

- the GIL guards `running`, `entered` (the number of transactions ever begun), `idle`, `changed` and `closed`;
- `waits` blocks the threads that wait for `running` or `closed` to change; the wait also ends if
  their operation is interrupted (see `waiting`);
- Engine.exclusive() holds a lock, so that only one thread at a time closes the gate.
"""

from secantus_server.storage.errors import StorageError
from secantus_server.system._threads import get_ident


cdef class Gate:
    """Counts running transactions, and blocks new ones while closed.

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
        """Enter the gate at the beginning of a transaction; wait while the gate is closed."""
        while self.closed and not self._may_pass():
            self.waits.wait_for(lambda: not self.closed)
        self.running += 1
        self.entered += 1
        return 0

    cdef int enter_again(self) except -1:
        """Enter the gate with an idle transaction; wait while the gate is closed."""
        while self.closed and not self._may_pass():
            self.waits.wait_for(lambda: not self.closed)
        self.running += 1
        return 0

    cdef int leave(self) except -1:
        """Leave the gate, when a transaction ends or becomes idle."""
        self.running -= 1
        if self.closed:
            self.waits.notify_all()
        return 0

    cdef int note_change(self, size_t size) except -1:
        """Add the size of a committed transaction."""
        self.changed += size
        if self.changed >= self._wake_at:
            self._wake_at = <size_t>-1
            self._wake()
        return 0

    def wake_at(self, size_t changed, wake):
        """Register a function that is called once, in the committing thread, when `changed` reaches a value.

        Arguments:
            wake: the callback; it must not raise.
        """
        self._wake = wake
        self._wake_at = changed

    def _may_pass(self):
        """Return whether this thread may pass the closed gate.

        It may if it closed the gate itself, or if it has a transaction, because the closing thread waits for that transaction to end.
        """
        return self.holder == get_ident() or self.is_held()

    def is_held(self):
        """Return whether this thread has an open transaction."""
        me = get_ident()
        for unit in self.units:
            if unit.in_transaction and unit.thread == me:
                return True
        return False

    def is_closed_here(self):
        """Return whether this thread has closed the gate."""
        return bool(self.closed) and self.holder == get_ident()

    def close(self, timeout):
        """Block new transactions and wait until no transaction runs. Idle transactions, which were left with leave(), stay open.

        Arguments:
            timeout: seconds to wait, or None to wait indefinitely.

        Raises StorageError on timeout, or the error of this thread's interrupted operation; the gate is reopened in both cases.
        """
        assert not self.is_held(), "end this thread's transaction first"
        self.holder = get_ident()
        self.closed = True
        done = False
        try:
            done = self.running == 0 or self.waits.wait_for(lambda: self.running == 0, timeout)
        finally:
            if not done:
                self.open()
        if not done:
            raise StorageError(
                f"Could not get exclusive access to the store: {self.running} transactions were still open after "
                f"{timeout:g} s.", 262)

    def abort_idle(self):
        """Roll back all idle transactions. Only the thread that has closed the gate may call this."""
        for unit in self.idle[:]:
            unit.abort()

    def open(self):
        """Let new transactions begin."""
        self.closed = False
        self.holder = None
        self.waits.notify_all()
