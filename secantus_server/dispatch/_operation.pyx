# cython: language_level=3
"""One running command, compiled because every command has one."""

from secantus_server.errors import CommandError
from secantus_server.storage.errors import StorageError
from secantus_server.wire.op_msg import sections_of

cdef extern from "pythread.h":
    unsigned long PyThread_get_thread_ident()


cdef class Operation:
    """One running command.

    Long loops call `check`; it reads plain attributes, so it needs no lock.

    Attributes:
        session: the logical session that it runs in.
        waited: seconds spent waiting for data, not counted as working time.
        wake: ends the wait that the operation is in; None while it is in none.
        engine: the JavaScript engine of the command, until it ends.
        notes: its plans, once there is one. They refer to the operation, so they are dropped when the command ends, or its cursor.
        notes_lookups: whether point lookups count as plans, too; the command log and the profiler ask for them.
        has_cursor: whether a cursor continues the command.
        origin: for a getMore, the operation that opened its cursor.
    """

    def __init__(self, clock, opid, connection_id, str db, body, tuple users, new_notes, bytes raw=None):
        self._clock = clock
        self._new_notes = new_notes
        self.opid = opid
        self.connection_id = connection_id
        self.db = db
        self._body = body
        self._raw = raw
        self.users = users
        self.thread = PyThread_get_thread_ident()
        self.started = clock.monotonic()

    @property
    def body(self):
        """The command document, without secrets."""
        if self._body is None and self._raw is not None:
            self._body = sections_of(self._raw)[0]
        return self._body

    def note_plan(self, plan, query=None):
        """Note a plan that is about to be executed.

        Arguments:
            query: the canonical query that it is the plan of, or None.
        """
        if self.notes is None:
            self.notes = self._new_notes()
        self.notes.add(plan, query)

    def keep_notes(self):
        """Keep the plans for the next commands on the command's cursor, which `take_over` them."""
        self.has_cursor = True
        if self.notes is None:
            self.notes = self._new_notes()

    def take_over(self, Operation opener not None):
        """Go on with the plans of the operation that opened the cursor."""
        self.origin, self.notes = opener, opener.notes
        if self.notes is not None:
            self.notes.resume()

    def drop_notes(self):
        """Forget the plans."""
        self.notes = None

    def interrupt(self, error):
        """Make the operation fail with an error at its next check, and end its wait."""
        self.killed = error
        wake = self.wake
        if wake is not None:
            wake()

    def limit(self, max_time_ms):
        """Set the time limit, counted from the start; 0 means none."""
        self.deadline = self.started + max_time_ms / 1000 if max_time_ms else None

    def seconds_left(self):
        """Return the time until the limit, which is set; negative once it is exceeded."""
        assert self.deadline is not None, "its time is limited"
        return self.deadline - self._clock.monotonic()

    def check(self):
        """Raise if the operation was killed or timed out.

        Raises:
            CommandError: 50 MaxTimeMSExpired, or the error it was killed with.
        """
        if self.killed is not None:
            raise self.killed
        if self.deadline is not None and self._clock.monotonic() > self.deadline:
            raise CommandError(50, "operation exceeded time limit")

    def is_ended_by(self, error):
        """Return whether an error ends the whole command, not just one statement: an interruption, or a failed store."""
        return self.killed is not None or error.code == 50 or (isinstance(error, StorageError) and error.fatal)

    def note_time_left(self):
        """Record the operation's remaining time for the next getMore on its cursor."""
        self.time_left = self.seconds_left()

    def inherit_time_limit(self, Operation last not None):
        """Limit the time of a getMore to the part of maxTimeMS that the earlier operations on its cursor left."""
        if last.time_left is not None:
            self.deadline = self.started + last.time_left
