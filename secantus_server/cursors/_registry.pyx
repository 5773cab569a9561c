# cython: language_level=3
"""The registry of a server's open cursors. It allows one command at a time to use a cursor, and closes cursors after an idle timeout.

Compiled because a change stream's cursor is checked in while the client waits for the event.
"""

from secantus_server.system._clock cimport SystemTime

from secantus_server.errors import CommandError


cdef class CursorState:
    """The state of a cursor that the registry and the express lane use; the base of `cursor.Cursor`.

    Attributes:
        id: the number by which clients refer to the cursor; 0 before it is registered.
        in_use: whether a command has checked the cursor out.
        last_used: when a command last used the cursor, on the clock's `elapsed`.
        given: the number of documents returned so far.
        batches: the number of batches returned so far.
        killed: the error with which the command that uses the cursor must fail, if the cursor was killed during that command, or None.
    """

    def __cinit__(self, *_arguments, **_fields):
        self.id = 0


cdef class CursorRegistry:
    """The registry of a server's open cursors.

    Attributes:
        opened: the number of cursors registered so far.
        timed_out: the number of cursors closed after the idle timeout.

    Threads: the GIL guards all fields and the `in_use` of each cursor. This code holds it between a check and what follows from it.
    """

    def __init__(self, SystemTime clock not None):
        self._clock = clock
        self._cursors = {}

    def add(self, cursor):
        """Register a cursor and return its new id."""
        cursor.id = self._clock.int64()
        cursor.last_used = self._clock.elapsed()
        self._cursors[cursor.id] = cursor
        self.opened += 1
        return cursor.id

    def lend(self, cursor_id):
        """Return a context manager that checks a cursor out. On exit, close the cursor if it is exhausted or an error occurred.

        Entering the context raises:
            CommandError: 43 CursorNotFound, or 12051 CursorInUse.
        """
        cdef _Loan loan = _Loan.__new__(_Loan)
        loan.registry, loan.cursor_id = self, cursor_id
        return loan

    cpdef CursorState borrow(self, cursor_id):
        """Check a cursor out for a command, and return it.

        Raises:
            CommandError: 43 CursorNotFound, or 12051 CursorInUse.
        """
        cdef CursorState cursor
        cursor = self._cursors.get(cursor_id)
        if cursor is None:
            raise CommandError(43, f"cursor id {cursor_id} not found")
        if cursor.in_use:
            raise CommandError(12051, f"cursor id {cursor_id} is already in use")
        cursor.in_use = True
        return cursor

    cpdef give_back(self, CursorState cursor, bint done):
        """Check a cursor in after a command has used it. Close the cursor if it was killed in the meantime.

        Arguments:
            done: whether to close the cursor in any case.
        """
        cdef bint was_killed
        cursor.last_used = self._clock.elapsed()
        cursor.in_use = False
        was_killed = cursor.id not in self._cursors
        if was_killed:
            cursor.close()
        elif done:
            self.kill(cursor.id)

    cpdef peek(self, cursor_id):
        """Return the cursor with this id without checking it out, or None if no such cursor exists."""
        return self._cursors.get(cursor_id)

    def kill(self, cursor_id):
        """Remove and close a cursor. Return whether it existed.

        If a command is using the cursor, make that command fail. The cursor is then closed when the command checks it in.
        """
        cursor = self._cursors.pop(cursor_id, None)
        if cursor is None:
            return False
        if cursor.in_use:
            cursor.kill()
        else:
            cursor.close()
        return True

    def kill_where(self, condition):
        """Close all cursors that meet the condition, and return their number."""
        if not self._cursors:
            return 0
        found = [cursor_id for cursor_id, cursor in self._cursors.copy().items() if condition(cursor)]
        return sum(map(self.kill, found))

    def close_idle(self, double timeout_s):
        """Close all cursors that were idle for longer than `timeout_s`, and return their number."""
        oldest = self._clock.elapsed() - timeout_s
        closed = self.kill_where(lambda cursor: not cursor.in_use and not cursor.no_timeout and cursor.last_used < oldest)
        self.timed_out += closed
        return closed

    def open_count(self):
        """Return the number of open cursors."""
        return len(self._cursors)

    def all(self):
        """Return the open cursors."""
        return list(self._cursors.values())

    def open_ids(self):
        """Return the ids of the open cursors."""
        return frozenset(self._cursors)


cdef class _Loan:
    """The context manager returned by `lend`. As a generator function, it would take 6 % of a short getMore."""

    cdef CursorRegistry registry
    cdef object cursor_id
    cdef CursorState cursor

    def __enter__(self):
        self.cursor = self.registry.borrow(self.cursor_id)
        return self.cursor

    def __exit__(self, kind, error, traceback):
        self.registry.give_back(self.cursor, kind is not None or self.cursor.exhausted)
