# cython: language_level=3
"""Notifies readers of the oplog and readers of capped collections about commits on the namespaces that they read.

A reader has a `Watch` on a namespace. The reader arms the watch, reads, and waits if it has found nothing. Any commit on the namespace
after the watch was armed ends the wait. Idle readers do not slow down writers, because a commit only checks armed watches on its
namespace.

A reader can also leave a waiter at its watch. The committing thread then answers the waiter's client itself, which saves a change of
threads. A waiter is a command that waits for a commit. Its method `wake` wakes the command's thread, which continues the command.

Compiled because every commit passes through here while the client of a waiting reader waits.
"""

from cpython.bytes cimport PyBytes_GET_SIZE

from secantus_server.system._lock cimport give_lock, take_lock

from secantus_server.bson import decode
from secantus_server.system._threads import Lock

cdef enum:
    # The maximum number of collections whose namespaces are cached by identity.
    MAX_NAMES = 4096

#: The maximum number of waiters that one commit answers. Answering more of them would delay the writer.
MOST_CLAIMED = 2
#: The maximum number of changes that a watch keeps.
MOST_KEPT = 16
#: The maximum size of the document of a kept change. A client that has left its stream open must not hold much memory.
MOST_KEPT_BYTES = 16384

cdef Py_ssize_t _MOST_CLAIMED = MOST_CLAIMED
cdef Py_ssize_t _MOST_KEPT = MOST_KEPT
cdef Py_ssize_t _MOST_KEPT_BYTES = MOST_KEPT_BYTES


cdef class Claims:
    """The waiters that a commit of one change has found. The committing thread must answer or wake each of them.

    Attributes:
        count: the number of waiters, which no longer wait at their watches.
        stamp, wall_ms: the time of the change as a 64-bit number, and the wall clock time in milliseconds.
        identity: the BSON document of the collection's `ns` and `ui`.
        change: the change itself (see `oplog.Change`).
    """

    def __init__(self):
        # Not resized, because every event would free and allocate memory.
        self.waiters = [None] * _MOST_CLAIMED

    cdef tuple kept(self):
        """Return the change as a watch keeps it: a tuple of the four attributes."""
        return self.stamp, self.wall_ms, self.identity, self.change

    cdef object pop(self):
        self.count -= 1
        waiter = self.waiters[self.count]
        self.waiters[self.count] = None
        return waiter

    cdef bint take(self, Watch watch) except -1:
        """Claim the waiter of a watch, or let the watch keep the change. Return 0 if the watch must be notified instead."""
        if watch.waiter is not None:
            if self.count == _MOST_CLAIMED:
                # Do not keep the change: nothing would end the wait, and the answer with the next change would skip this one.
                return False
            self.waiters[self.count] = watch.waiter
            self.count += 1
            watch.waiter = None
            self.taken = watch
            return True
        if watch.kept is None or len(watch.kept) == _MOST_KEPT:
            return False
        if PyBytes_GET_SIZE(<bytes>self.change[1]) > _MOST_KEPT_BYTES:
            return False
        watch.kept.append(self.kept())
        self.taken = watch
        return True


cdef class Watch:
    """Notifies a reader of commits on one namespace. Only one thread at a time uses a watch.

    Threads: the signal's lock guards `stale`, `waiter` and `kept`. The lock `woken` is held while the watch is armed and no commit has
    happened. Releasing `woken` ends a wait.

    Arguments:
        signal: the signal to register with.
        db: the database, or "" for all databases.
        name: the collection, or "" for the whole database.

    Attributes:
        stale: whether something may have been written since the watch was armed.
        waiter: the command that waits for a commit without a call of `wait`, or None.
        kept: the changes since the last answer of a waiter, so that the reader's next command need not read them; None after other
            commands.
    """

    def __init__(self, WriteSignal signal not None, str db="", str name=""):
        self.signal = signal
        self.woken = Lock()
        self.db = db
        self.name = name
        self.stale = True

    def arm(self):
        """Start to watch for commits. Call this before reading, so that no commit is missed."""
        self.signal.arm(self)

    def wait(self, timeout_s):
        """Block until a commit has happened since the watch was armed, or `wake` is called. Return False on timeout."""
        if not self.woken.acquire(timeout=max(timeout_s, 0)):
            return False
        self.woken.release()
        return True

    cpdef wake(self):
        """Wake the thread that waits on this watch."""
        self.signal.disarm(self)

    def close(self):
        """End the watch, and wake the thread that waits on it."""
        self.signal.disarm(self)

    cdef list leave_waiter(self, waiter):
        """Let a command wait for the next commit.

        Returns:
            an empty list if the command waits; otherwise the changes since the last answer, or None if there may have been any change.
        """
        with self.signal.lock:
            if self.stale:
                return None
            assert self.waiter is None, "one command at a time uses a watch"
            kept, self.kept = self.kept, []
            if kept:
                return kept
            self.waiter = waiter
        return []

    def keep(self):
        """Begin to keep changes, unless there may have been one since `arm`."""
        with self.signal.lock:
            if not self.stale:
                self.kept = []

    def settle(self):
        """Stop keeping changes. If there were any, the watch has been notified of a commit."""
        with self.signal.lock:
            kept, self.kept = self.kept, None
        if kept:
            self.signal.disarm(self)

    cdef bint withdraw(self, waiter) except -1:
        """End the wait of a command. Return 0 if another thread has claimed the waiter, and thus answers or wakes it."""
        with self.signal.lock:
            if self.waiter is not waiter:
                return False
            self.waiter = None
        return True

    cdef int hold(self) except -1:
        """Mark the watch as armed and not notified. The caller must hold the signal's lock."""
        self.kept = None
        if self.stale:
            self.woken.acquire(blocking=False)
            self.stale = False
        return 0

    cdef int spring(self) except -1:
        """Mark the watch as notified of a commit, and wake its waiting thread. The caller must hold the signal's lock."""
        if self.stale:
            return 0
        self.stale = True
        self.woken.release()
        self.kept = None
        waiter, self.waiter = self.waiter, None
        if waiter is not None:
            waiter.wake()
        return 0


cdef class WriteSignal:
    """The registry of a server's armed watches, which notifies them of commits.

    Threads: `lock` guards `armed` and the watches in it. After a commit, the writer checks without the lock whether `armed` is empty.
    No change is missed. If a watch is armed after this check, its reader reads after the commit and therefore sees the changes.
    """

    def __init__(self):
        self.lock = Lock()
        # Database -> collection -> watches; "" means all.
        self.armed = {}
        self.names = {}

    def watch(self, str db="", str name=""):
        """Return a watch on a collection, on a database, or on everything."""
        return Watch(self, db, name)

    @property
    def is_watched(self):
        """Return whether any watch is armed."""
        return len(self.armed) > 0

    cdef int arm(self, Watch watch) except -1:
        """Register an armed watch; see `Watch.arm`."""
        with self.lock:
            self.forget_sole()
            if self.closed:
                watch.spring()
            else:
                watch.hold()
                self.armed.setdefault(watch.db, {}).setdefault(watch.name, {})[watch] = None
        return 0

    cdef int disarm(self, Watch watch) except -1:
        """Remove an armed watch and end its wait."""
        cdef dict names
        with self.lock:
            self.forget_sole()
            names = self.armed.get(watch.db, {})
            names.get(watch.name, {}).pop(watch, None)
            self.forget_if_empty(watch.db, watch.name)
            watch.spring()
        return 0

    cpdef publish(self, commands, writes):
        """Notify the watches of a commit. Call this after the commit, and before the commit's timestamp becomes the newest timestamp.

        Arguments:
            commands: the changes of collections and databases (see `oplog.Entry`).
            writes: the changes of documents, each with the BSON document of the collection's `ns` and `ui`.
        """
        if len(self.armed) == 0:
            return
        for identity, changes in writes:
            if changes:
                self.publish_changes(identity, None)
        for command in commands:
            with self.lock:
                self.spring_command(command)

    cpdef publish_changes(self, bytes identity, Claims claims):
        """Notify the watches of changes of one collection's documents; see `publish`.

        Arguments:
            identity: the BSON document of the collection's `ns` and `ui`.
            claims: collects the waiters that the caller answers, if there is only one change; None notifies them like all others.
        """
        cdef tuple place
        if claims is not None and identity is self.sole_identity and self.take_sole(identity, claims):
            return
        place = self.namespace(identity)
        # Most armed watches are on other collections, so check without the lock first.
        if self.may_watch(<str>place[0], <str>place[1]):
            take_lock(self.lock)
            try:
                self.spring_collection(identity, <str>place[0], <str>place[1], claims)
            finally:
                give_lock(self.lock)

    cdef bint take_sole(self, bytes identity, Claims claims) except -1:
        """Let `claims` take the only watch on a collection, if that is still known. Return 0 if nothing was done."""
        take_lock(self.lock)
        try:
            return identity is self.sole_identity and claims.take(self.sole)
        finally:
            give_lock(self.lock)

    cdef int forget_sole(self) noexcept:
        """Forget which watch is the only one on a collection. The caller holds the lock, and is about to change `armed`."""
        self.sole = self.sole_identity = None
        return 0

    def publish_all(self):
        """Notify all watches of a commit that may affect any namespace."""
        with self.lock:
            self.spring_everything()

    def close(self):
        """Wake all waiting threads. Later waits return immediately."""
        with self.lock:
            self.closed = True
            self.spring_everything()

    cdef tuple namespace(self, bytes identity):
        """Return the names of the database and the collection of a change."""
        known = self.names.get(identity)
        if known is None:
            db, _, name = decode(identity)["ns"].partition(".")
            if len(self.names) >= MAX_NAMES:
                self.names.clear()
            known = self.names[identity] = (db, name)
        return known

    cdef bint may_watch(self, str db, str name) except -1:
        """Return whether a watch on a collection, its database or everything may be armed."""
        cdef dict names = self.armed.get(db)
        return "" in self.armed or (names is not None and (name in names or "" in names))

    cdef int spring_collection(self, bytes identity, str db, str name, Claims claims) except -1:
        """Notify the watches of a change of a collection's documents. The caller must hold the lock."""
        cdef Py_ssize_t found
        if claims is not None:
            claims.taken = None
        found = self.spring("", "", claims) + self.spring(db, "", claims) + self.spring(db, name, claims)
        if found == 1 and claims is not None and claims.taken is not None:
            # The watch remains armed, so that the next change need not look for it.
            self.sole, self.sole_identity = claims.taken, identity
        return 0

    cdef Py_ssize_t spring(self, str db, str name, Claims claims) except -1:
        """Notify the watches of one place, or let `claims` take them; return their number. The caller must hold the lock."""
        cdef dict names = self.armed.get(db)
        cdef dict watches = None if names is None else names.get(name)
        cdef dict claimed
        if watches is None:
            return 0
        if claims is not None and len(watches) == 1:
            for watch in watches:
                if claims.take(<Watch>watch):
                    # It remains armed, as below.
                    return 1
        self.forget_sole()
        del names[name]
        claimed = {}
        for watch in watches:
            if claims is not None and claims.take(<Watch>watch):
                claimed[watch] = None
            else:
                (<Watch>watch).spring()
        if claimed:
            # These watches remain armed: whoever answers their waiters also advances their readers.
            names[name] = claimed
        self.forget_if_empty(db, name)
        return len(watches)

    cdef int spring_command(self, command) except -1:
        """Notify the watches that see a change of a collection or database. The caller must hold the lock."""
        cdef str db = command.namespace.partition(".")[0]
        cdef tuple changed = changed_collections(command)
        self.spring("", "", None)
        for name in ("", *changed) if changed else list(self.armed.get(db, ())):
            self.spring(db, name, None)
        return 0

    cdef int spring_everything(self) except -1:
        self.forget_sole()
        for names in self.armed.values():
            for watches in (<dict>names).values():
                for watch in <dict>watches:
                    (<Watch>watch).spring()
        self.armed.clear()
        return 0

    cdef int forget_if_empty(self, str db, str name) except -1:
        cdef dict names = self.armed.get(db)
        if names is None:
            return 0
        if not names.get(name, True):
            del names[name]
        if not names:
            del self.armed[db]
        return 0


cdef tuple changed_collections(command):
    """Return the names of the collections that a command changes; an empty tuple if it may change any collection of its database."""
    cdef dict o
    if command.op != "c":
        return ()
    o = decode(command.o)
    kind, first = next(iter(o.items()))
    if kind == "renameCollection":
        return first.partition(".")[2], o["to"].partition(".")[2]
    return (first,) if type(first) is str else ()
