# cython: language_level=3
"""The unit of work of a session's transaction while all its statements run in the express lane, on one collection.

Most transactions are short and have only such statements, so this class keeps little more than their changes. When the general path
continues the transaction, or another collection takes part, `SessionWork` replaces it.
"""

from secantus_server.catalog._document_count cimport DocumentCount
from secantus_server.oplog._commits cimport Commits
from secantus_server.sessions._registries cimport NamespaceUses, RetryableWrite, SessionTransaction, WriteRegistry
from secantus_server.storage._unit cimport RecoveryUnit

from secantus_server.dispatch.session_statements import write_conflict
from secantus_server.sessions.ids import encoded_session
from secantus_server.storage import WriteConflict
from secantus_server.work.retried import store_retried
from secantus_server.work.session_work import FEW_CHANGES, Opened, SessionWork
from secantus_server.work.writers.plain import PlainWriter

# The record of a transaction as a retryable write, see `sessions.executed.Executed`.
cdef tuple EXECUTED = ("transaction", 0, 0, None)


cdef class BriefWork:
    """Implements `sessions.transactions.OpenWork` for one transaction on one collection; see `open_brief`.

    Threads: one command at a time uses an instance, under the transaction's lock.

    Attributes:
        collection: the collection, which has no options that its writer must observe.
        changes: the changes of documents for the oplog.
        difference: by how much the number of documents in the collection has changed.
    """

    cpdef enter(self):
        """Continue the transaction for a command; see `OpenWork.enter`."""
        self.unit.enter()

    cpdef leave(self):
        """Leave the transaction open after a command; see `OpenWork.leave`."""
        self.unit.leave()

    cpdef bint uses(self, str db, str name):
        """Return whether this is the transaction's collection."""
        return (<str>self.namespace[0]) == db and (<str>self.namespace[1]) == name

    cpdef add(self, list changes, Py_ssize_t difference):
        """Keep the changes of a statement for the commit."""
        self.changes += changes
        self.difference += difference

    @property
    def is_brief(self):
        """Whether the transaction changes only a few documents; see `SessionWork.is_brief`."""
        return len(self.changes) <= FEW_CHANGES

    cpdef whole(self):
        """Replace this object by a `SessionWork` that continues the transaction, and return that; see `OpenWork.whole`."""
        work = SessionWork(self.services, self.transaction, Opened(self.unit, self.view, self.namespace))
        if self.changes:
            statement = work.statement()
            PlainWriter(self.services, statement, self.collection, bypass_validation=True).add(self.changes, self.difference)
            work.stage(statement)
        self.transaction.work = work
        return work

    cpdef commit(self):
        """Commit the transaction; see `OpenWork.commit`.

        Raises:
            CommandError: 112 WriteConflict; nothing was written in that case.
        """
        cdef WriteRegistry retries = self.services.sessions.retries
        cdef RetryableWrite retried = retries.of(self.transaction.session) if self.changes else None
        cdef DocumentCount count = self.collection.document_count
        cdef bint is_uncounted = not count.is_known
        cdef Commits oplog = self.services.oplog
        if retried is not None and retried.number != self.transaction.number:
            retried = None
        try:
            self.write(retried, count, is_uncounted)
        except WriteConflict:
            raise write_conflict() from None
        finally:
            self.release()
        if is_uncounted:
            count.end_change(self.difference, self.services.engine.begun)
        elif self.difference:
            count.change(self.difference)
        if self.difference < 0:
            self.services.engine.note_removal()
        if retried is not None:
            is_stored = not self.services.engine.in_memory
            retried.note_commit(EXECUTED, oplog.time_of(oplog.newest_stamp), self.services.clock.now_ms(), is_stored)

    cdef int write(self, RetryableWrite retried, DocumentCount count, bint is_uncounted) except -1:
        """Write the oplog entry and commit.

        Raises:
            WriteConflict: nothing was written.
        """
        services = self.services
        cdef SessionTransaction transaction = self.transaction
        if is_uncounted:
            count.begin_change()
        try:
            if retried is not None and not services.engine.in_memory:
                store_retried(services, self.unit, (retried, EXECUTED))
            lsid = encoded_session(transaction.session) if retried is None else retried.lsid
            writes = [(self.collection.identity, self.changes)] if self.changes else []
            (<Commits>services.oplog).commit_transaction(self.unit, [], writes, lsid, transaction.number)
        except BaseException:
            if is_uncounted:
                count.cancel_change()
            raise
        return 0

    cpdef abort(self):
        """Roll the transaction back; see `OpenWork.abort`."""
        self.release()

    cdef int release(self) except -1:
        """Release the recovery unit, which rolls back an open transaction, and unlock the collection."""
        services = self.services
        services.engine.release(self.unit)
        (<NamespaceUses>services.sessions.transactions.namespaces).release(self.transaction, (self.namespace,))
        return 0


cpdef open_brief(services, SessionTransaction transaction, str db, str name, check):
    """Open a transaction on a collection; its first statement is running.

    Arguments:
        check: raises an error if the running operation was killed.

    Returns:
        the transaction's `BriefWork`; or None, with nothing opened, if the statement needs a `SessionWork`.
    """
    cdef BriefWork work = BriefWork.__new__(BriefWork)
    cdef bint is_used = False
    cdef NamespaceUses namespaces = services.sessions.transactions.namespaces
    work.services, work.transaction, work.namespace, work.changes = services, transaction, (db, name), []
    work.unit = services.engine.acquire()
    try:
        work.view = services.catalog.begin(work.unit)
        work.collection = collection = work.view.find(db, name)
        if collection is not None and is_plain(collection) and namespaces.use(transaction, work.namespace, 0, check):
            is_used = True
            # A change of the collection may have been committed after the transaction's begin.
            if services.catalog.view is work.view or services.catalog.find(db, name) is collection:
                return work
    except BaseException:
        services.engine.release(work.unit)
        if is_used:
            namespaces.release(transaction, (work.namespace,))
        raise
    services.engine.release(work.unit)
    if is_used:
        namespaces.release(transaction, (work.namespace,))
    return None


cpdef bint is_plain(collection) except -1:
    """Return whether a collection's documents have nothing to observe but its indexes."""
    return not collection.options and not collection.search_indexes and bool(collection.indexes)
