# cython: language_level=3
"""What the dispatcher and the express lane (the fast path) share, compiled because every command uses it: the command's operation, the
connection's counts, the properties of the interceptors on which the lane depends, and what the lane reports to them.
"""

cimport cython

from secantus_server.errors import CommandError
from secantus_server.storage.errors import StorageError
from secantus_server.wire.op_msg import sections_of

cdef extern from "pythread.h":
    unsigned long PyThread_get_thread_ident()


@cython.freelist(8)
cdef class Operation:
    """One running command.

    Long loops call `check`, which reads plain attributes and so needs no lock.

    Attributes:
        session: the logical session in which the command runs.
        waited: seconds spent waiting for data, which do not count as working time.
        wake: ends the operation's current wait; None while it does not wait.
        engine: the command's JavaScript engine, or None before its first use and after the command's end.
        notes: the command's plans, or None before the first one. They refer to the operation. To break this reference cycle, they are
            dropped when the command or its cursor ends.
        notes_lookups: whether point lookups are recorded as plans as well, as the command log and the profiler need.
        has_cursor: whether the command has opened a cursor that stays open.
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
        """Return the command document with secrets redacted. The document is decoded on first use."""
        if self._body is None and self._raw is not None:
            self._body = sections_of(self._raw)[0]
        return self._body

    def note_plan(self, plan, query=None):
        """Record a plan that is about to be executed.

        Arguments:
            query: the plan's canonical query, or None.
        """
        if self.notes is None:
            self.notes = self._new_notes()
        self.notes.add(plan, query)

    def keep_notes(self):
        """Keep the plans after the command's end, so that getMores on its cursor can take them over with `take_over`."""
        self.has_cursor = True
        if self.notes is None:
            self.notes = self._new_notes()

    def take_over(self, Operation opener not None):
        """Take over the plans of the operation that opened this getMore's cursor."""
        self.origin, self.notes = opener, opener.notes
        if self.notes is not None:
            self.notes.resume()

    def drop_notes(self):
        """Drop the recorded plans."""
        self.notes = None

    def interrupt(self, error):
        """Make the operation fail with an error at its next check, and end its current wait."""
        self.killed = error
        wake = self.wake
        if wake is not None:
            wake()

    def limit(self, max_time_ms):
        """Set the time limit, which is counted from the operation's start. 0 means no limit."""
        self.deadline = self.started + max_time_ms / 1000 if max_time_ms else None

    def seconds_left(self):
        """Return the seconds until the time limit, which must be set. The result is negative once the limit is exceeded.

        The time of late imports does not count. MongoDB does not import anything, and an import takes long on a busy machine.
        """
        assert self.deadline is not None, "its time is limited"
        return self.deadline - self._clock.monotonic() + self._clock.late_import_s(self.started)

    def check(self):
        """Raise an error if the operation was killed or has exceeded its time limit.

        Raises:
            CommandError: 50 MaxTimeMSExpired, or the error with which the operation was killed.
        """
        if self.killed is not None:
            raise self.killed
        # Late imports are summed only for an operation that would otherwise fail, because long loops call this method.
        if self.deadline is not None and self._clock.monotonic() > self.deadline and self.seconds_left() < 0:
            raise CommandError(50, "operation exceeded time limit")

    def is_ended_by(self, error):
        """Return whether an error ends the whole command, not just one statement: an interruption, a time limit, or a fatal store error."""
        return self.killed is not None or error.code == 50 or (isinstance(error, StorageError) and error.fatal)

    def note_time_left(self):
        """Record the operation's remaining time for the next getMore on its cursor."""
        self.time_left = self.seconds_left()

    def inherit_time_limit(self, Operation last not None):
        """Limit the time of a getMore to the part of maxTimeMS that the earlier operations on its cursor have not used."""
        if last.time_left is not None:
            self.deadline = self.started + last.time_left


cdef Operation operation_of(clock, opid, connection_id, str db, new_notes, bytes raw):
    """Return the operation of a message, like the constructor but without the cost of its arguments."""
    cdef Operation operation = Operation.__new__(Operation)
    operation._clock = clock
    operation._new_notes = new_notes
    operation._raw = raw
    operation.opid = opid
    operation.connection_id = connection_id
    operation.db = db
    operation.users = ()
    operation.thread = PyThread_get_thread_ident()
    operation.started = clock.monotonic()
    return operation


cdef class Counts:
    """The counts of the commands of one connection; see `dispatch.usage.Usage`."""

    def examine(self, long long keys, long long documents, long long whole_scans, long long tailing_scans, long long sorts):
        """Add what a command has examined: index keys, documents, collection scans, tailing collection scans, and sorts in memory."""
        self.keys += keys
        self.documents += documents
        self.whole_scans += whole_scans
        self.tailing_scans += tailing_scans
        self.sorts += sorts


cdef class Lane:
    """The properties of the active interceptors on which the express lane depends.

    Arguments:
        is_open: whether the express lane may run commands.
        threshold_s: the lowest threshold of the interceptors in `late`.
        late: the `after` methods to call for slow commands of the express lane.
        logs: the `after_express` methods.
    """

    def __init__(self, bint is_open, double threshold_s, tuple late not None, tuple logs not None):
        self.is_open, self.threshold_s, self.late, self.logs = is_open, threshold_s, late, logs


@cython.no_gc  # It refers to no object that refers to it, and the garbage collector would visit each call that a log keeps.
cdef class ExpressCall:
    """What the express lane reports of a command that it has run. Readers compute everything else from it.

    Attributes:
        raw: the command's message.
        name, db, target: the name of the command, of its database, and of its collection, which is empty for a command without one.
        seconds: the command's working time.
        index: the index that the command used, or None.
        is_range: whether the command read a range of the index.
        keys, documents, returned, whole_scans: how much the command added to the connection's counts.
        batch_bytes: the size of the reply's batch as a BSON array; 0 if the command has no cursor.
    """
