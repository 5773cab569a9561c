# cython: language_level=3
"""The parts of the registries of sessions that every statement of a transaction uses, compiled as one module.

Many transactions consist of a few short statements. A frame of the interpreter costs such a statement more than the work inside it.

Threads: the GIL makes a method atomic that calls no Python code and creates no containers. Methods that are atomic for this reason say so.
"""

from secantus_server.system._lock cimport Lock, give_lock, take_lock

from enum import Enum

from secantus_server.errors import CommandError
from secantus_server.sessions.executed import Executed
from secantus_server.sessions.ids import encoded_session, session_uuid
from secantus_server.system._threads import Condition, get_ident
from secantus_server.system._threads import Lock as new_lock


class State(Enum):
    """The state of a transaction."""

    IN_PROGRESS = "in progress"
    COMMITTED = "committed"
    ABORTED = "aborted"


cdef object OPEN_STATE = State.IN_PROGRESS
cdef object COMMITTED_STATE = State.COMMITTED
cdef object ABORTED_STATE = State.ABORTED


cdef class SessionUses:
    """The registered sessions with the time of their last use; see `registry.SessionRegistry`."""

    def __init__(self, clock, Py_ssize_t max_sessions):
        self._clock = clock
        self._last_used_ms = {}
        self.max_sessions = max_sessions

    cpdef use(self, bytes session):
        """Record the use of a session, and register the session if it is new.

        Arguments:
            session: the bytes of the session's UUID, followed by the digest of its user if the session has a user.

        Raises:
            CommandError: 261 TooManyLogicalSessions.
        """
        if len(self._last_used_ms) >= self.max_sessions and session not in self._last_used_ms:
            raise CommandError(
                261, f"Unable to add session ID {session_uuid(session)} into the cache because the number of active sessions is too high"
            )
        self._last_used_ms[session] = self._clock.now_ms()


cdef class RetryableWrite:
    """A retryable write or a transaction. A session numbers both in the same sequence.

    Arguments:
        session: the bytes of the session's UUID.
        number: the `txnNumber`.
        is_transaction: whether this is a multi-document transaction.
        earlier: the session's previous write, or None.

    `lsid` is the session's id in the oplog's form. `last_time` and `last_ms` are the cluster time and the wall clock time of the write's
    newest commit. `stored` contains the ids of the statements that have a row in the store, for this write and the session's earlier
    writes.

    Threads: all writes of a session share `lock`, which guards all other attributes. A command holds the lock while it executes a write
    of the session.
    """

    def __init__(self, bytes session, number, bint is_transaction=False, RetryableWrite earlier=None):
        self.session = session
        self.number = number
        self.is_transaction = is_transaction
        self.last_ms = 0
        if earlier is None:
            self.lock = new_lock()
            self.lsid = encoded_session(session)
            self.stored = set()
        else:
            self.lock, self.lsid, self.stored = earlier.lock, earlier.lsid, earlier.stored

    def find(self, statement):
        """Return the record of a statement, or None if it was not executed."""
        if self.executed is None:
            return None
        found = self.executed.get(statement)
        if found is None and self._has_ranges:
            found = next((one for one in self.executed.values() if one[1] <= statement <= one[2]), None)
        return None if found is None else Executed(*found)

    cpdef note(self, executed):
        """Record executed statements."""
        _, first, last, _ = executed
        if self.executed is None:
            self.executed = {first: executed}
        else:
            self.executed[first] = executed
        if last > first:
            self._has_ranges = True

    cpdef note_commit(self, executed, time, wall_ms, bint is_stored):
        """Record executed statements after their commit.

        Arguments:
            time, wall_ms: the cluster time and the wall clock time of the commit.
            is_stored: whether the statements have a row in the store.
        """
        self.note(executed)
        if is_stored:
            self.stored.add(executed[1])
        self.last_time, self.last_ms = time, wall_ms


cdef class WriteRegistry:
    """The newest retryable write of each session; see `retryable.RetryLog`."""

    def __init__(self):
        self._lock = new_lock()
        self._newest = {}

    def begin(self, bytes session, number, *, bint is_transaction=False):
        """Register a write as its session's newest write, if its number is higher than the numbers of all earlier writes.

        Arguments:
            session: the bytes of the session's UUID.

        Returns:
            the session's newest write, whose number is `number` or higher, and whether this call registered it.
        """
        cdef bint is_new = False
        write = self.register(session, number, is_transaction, &is_new)
        return write, is_new

    cdef RetryableWrite register(self, bytes session, number, bint is_transaction, bint* is_new):
        """Register a write like `begin`, and return the session's newest write."""
        cdef RetryableWrite write
        take_lock(self._lock)
        try:
            write = self._newest.get(session)
            is_new[0] = write is None or number > write.number
            if is_new[0]:
                write = self._newest[session] = RetryableWrite(session, number, is_transaction, write)
        finally:
            give_lock(self._lock)
        return write

    cpdef RetryableWrite of(self, bytes session):
        """Return the newest write of a session, or None if absent."""
        return self._newest.get(session)


cdef class SessionTransaction:
    """A multi-document transaction of a session.

    Arguments:
        session: the bytes of the session's UUID.
        number: the `txnNumber`.
        deadline: the time at which the transaction is aborted, in seconds of `Clock.elapsed`.

    `operation` is the operation of the running statement, or None. `first_operation` and `last_operation` are the operations of the first
    and the newest statement. `active_s` is the time spent in finished statements. `is_killed` is set before another thread aborts the
    transaction. If a statement holds `lock` at that time, the statement completes the abort.

    Threads: the thread of a command holds `lock` while it uses the transaction. `lock` guards all attributes except `is_killed`.
    """

    def __init__(self, bytes session, number, double deadline):
        self.session = session
        self.number = number
        self.deadline = deadline
        self.lock = new_lock()
        self.state = OPEN_STATE

    cdef bint try_lock(self) except -1:
        """Acquire the lock if it is free; return whether it was acquired."""
        return (<Lock>self.lock).take(0) if type(self.lock) is Lock else self.lock.acquire(False)

    cpdef enter(self, operation):
        """Record the operation of a statement that begins. The caller must hold `lock`."""
        self.operation = self.last_operation = operation
        if self.first_operation is None:
            self.first_operation = operation

    cpdef leave(self, double now):
        """Record the end of a statement. The caller must hold `lock`.

        Arguments:
            now: the time on the monotonic clock.
        """
        if self.operation is not None:
            self.active_s += now - <double>self.operation.started
            self.operation = None


cdef class TransactionRegistry:
    """The newest transaction of each session, and the counters of transactions; see `transactions.Transactions`."""

    def __init__(self):
        self._newest = {}
        self._ended = Condition()

    cpdef SessionTransaction begin(self, SessionTransaction transaction):
        """Register a session's new transaction, unless the session already has an open transaction. Atomic because of the GIL.

        Returns:
            the open transaction that prevented the registration, or None on success.
        """
        cdef SessionTransaction found = self._newest.get(transaction.session)
        if found is not None and found.state is OPEN_STATE:
            return found
        self.open += 1
        self.started += 1
        self._newest[transaction.session] = transaction
        return None

    cpdef SessionTransaction newest(self, bytes session):
        """Return the newest transaction of a session, or None if absent."""
        return self._newest.get(session)

    cpdef finish(self, SessionTransaction transaction, state):
        """Record the end of a transaction, and wake the writers that wait for it. The caller must hold the transaction's lock."""
        transaction.state = state
        transaction.work = None
        if state is COMMITTED_STATE:
            self.committed += 1
        else:
            self.aborted += 1
        self.open -= 1
        self._ends += 1
        # A writer that comes after this check sees the new values.
        if self._waiting:
            with self._ended:
                self._ended.notify_all()

    cpdef abort_held(self, SessionTransaction transaction):
        """Abort a transaction unless it has already ended. The caller must hold the transaction's lock."""
        if transaction.state is OPEN_STATE:
            if transaction.work is not None:
                transaction.work.abort()
            self.finish(transaction, ABORTED_STATE)

    cpdef release(self, SessionTransaction transaction):
        """Release the lock of a transaction after a command. Abort the transaction if it was killed during the command."""
        give_lock(transaction.lock)
        # Check after the release, so that a kill that comes after the check finds the lock free.
        if transaction.is_killed:
            self.abort_idle(transaction)

    def abort_idle(self, SessionTransaction transaction not None):
        """Abort a transaction unless a command is using it. If so, `release` aborts the transaction after the command."""
        if transaction.try_lock():
            try:
                self.abort_held(transaction)
            finally:
                give_lock(transaction.lock)


cdef class NamespaceUses:
    """The namespaces that open transactions use, and those that are being changed; see `namespace_locks.NamespaceLocks`."""

    def __init__(self):
        self._changed = Condition()
        self._users = {}
        self._claims = {}
        self._owners = {}

    cpdef bint use(self, user, tuple namespace, double timeout_s, check) except -1:
        """Wait until no change of a namespace waits or runs, then record that a transaction uses the namespace.

        Arguments:
            user: the transaction.
            timeout_s: the maximum time to wait.
            check: raises an error if the waiting operation was killed or timed out.

        Returns:
            False if the timeout expired; the use is then not recorded.
        """
        with self._changed:
            if namespace in self._claims and not self._await_changes(namespace, timeout_s, check):
                return False
            self._users.setdefault(namespace, set()).add(user)
        return True

    cpdef bint try_change(self, list namespaces) except -1:
        """Begin a change of namespaces, which the caller ends with `end_change`.

        Return False, without beginning a change, if a transaction uses one of the namespaces or another thread changes it.

        A thread may nest its changes.
        """
        with self._changed:
            for namespace in namespaces:
                if self.is_busy(namespace):
                    return False
            for namespace in namespaces:
                self.claim(namespace)
        return True

    cpdef end_change(self, list namespaces):
        """End a change that `try_change` has begun."""
        with self._changed:
            for namespace in namespaces:
                self.unclaim(namespace)
            self._changed.notify_all()

    cpdef bint is_busy(self, tuple namespace) except -1:
        """Return whether a transaction uses a namespace or another thread changes it. The caller must hold `_changed`."""
        return namespace in self._users or (len(self._owners) > 0 and self._owners.get(namespace, get_ident()) != get_ident())

    cpdef claim(self, tuple namespace):
        """Record that a change of a namespace waits or runs. The caller must hold `_changed`."""
        self._claims[namespace] = self._claims.get(namespace, 0) + 1

    cpdef unclaim(self, tuple namespace):
        """Undo a call of `claim`. The caller must hold `_changed`."""
        cdef Py_ssize_t left = self._claims[namespace] - 1
        if left:
            self._claims[namespace] = left
        else:
            del self._claims[namespace]

    cpdef bint is_claimed(self, tuple namespace):
        """Return whether a change of a namespace waits or runs, so that `use` would wait."""
        return namespace in self._claims

    cpdef release(self, user, namespaces):
        """Remove the record that a transaction uses namespaces, and wake the changes that wait for them."""
        cdef set users
        with self._changed:
            for namespace in namespaces:
                users = self._users.get(namespace)
                if users is not None:
                    users.discard(user)
                    if not users:
                        del self._users[namespace]
            self._changed.notify_all()
