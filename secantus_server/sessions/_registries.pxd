# The registries of sessions, for other compiled modules: see _registries.pyx.

cdef class SessionUses:
    cdef readonly object _clock
    # The time of each session's last use.
    cdef readonly dict _last_used_ms
    cdef public Py_ssize_t max_sessions

    cpdef use(self, bytes session)

cdef class RetryableWrite:
    cdef public bytes session
    cdef public object number
    cdef public bint is_transaction
    # The executed groups by the id of the first statement. None instead of an empty dict, which would take memory for each write.
    cdef public dict executed
    cdef public bint _has_ranges
    cdef public object last_time
    cdef public object last_ms
    cdef public object lock
    cdef public bytes lsid
    cdef public set stored

    cpdef note(self, executed)
    cpdef note_commit(self, executed, time, wall_ms, bint is_stored)

cdef class WriteRegistry:
    cdef readonly object _lock
    cdef readonly dict _newest

    cdef RetryableWrite register(self, bytes session, number, bint is_transaction, bint* is_new)
    cpdef RetryableWrite of(self, bytes session)

cdef class SessionTransaction:
    cdef public bytes session
    cdef public object number
    cdef public double deadline
    cdef public object lock
    cdef public object state
    cdef public object work
    cdef public object operation
    cdef public object first_operation
    cdef public object last_operation
    cdef public double active_s
    cdef public bint is_killed

    cdef bint try_lock(self) except -1
    cpdef enter(self, operation)
    cpdef leave(self, double now)

cdef class TransactionRegistry:
    cdef readonly dict _newest
    cdef readonly object _ended
    cdef readonly Py_ssize_t _ends
    # The number of threads in `Transactions.wait_for_end`, which change it with `_ended` held.
    cdef public Py_ssize_t _waiting
    cdef readonly Py_ssize_t open
    cdef readonly Py_ssize_t started
    cdef readonly Py_ssize_t committed
    cdef readonly Py_ssize_t aborted

    cpdef SessionTransaction begin(self, SessionTransaction transaction)
    cpdef SessionTransaction newest(self, bytes session)
    cpdef finish(self, SessionTransaction transaction, state)
    cpdef abort_held(self, SessionTransaction transaction)
    cpdef release(self, SessionTransaction transaction)

cdef class NamespaceUses:
    cdef readonly object _changed
    cdef readonly dict _users
    cdef readonly dict _claims
    # The id of the thread that changes each namespace; see `NamespaceLocks.change`.
    cdef readonly dict _owners

    cpdef bint try_change(self, list namespaces) except -1
    cpdef end_change(self, list namespaces)
    cpdef bint is_busy(self, tuple namespace) except -1
    cpdef claim(self, tuple namespace)
    cpdef unclaim(self, tuple namespace)
    cpdef bint use(self, user, tuple namespace, double timeout_s, check) except -1
    cpdef bint is_claimed(self, tuple namespace)
    cpdef release(self, user, namespaces)
