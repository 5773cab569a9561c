# The small unit of work of a session's transaction, for other compiled modules: see _brief_work.pyx.

from secantus_server.catalog._document_count cimport DocumentCount
from secantus_server.exec._write cimport CollectionWriter
from secantus_server.sessions._registries cimport RetryableWrite, SessionTransaction
from secantus_server.storage._unit cimport RecoveryUnit

cdef class BriefWork:
    cdef object __weakref__
    cdef object services
    cdef SessionTransaction transaction
    cdef readonly RecoveryUnit unit
    cdef readonly object view
    cdef readonly object collection
    cdef readonly tuple namespace
    cdef readonly list changes
    cdef readonly Py_ssize_t difference
    # The writer of the transaction's statements, or None before the first write.
    cdef CollectionWriter writer

    cpdef enter(self)
    cpdef leave(self)
    cpdef bint uses(self, str db, str name)
    cpdef add(self, list changes, Py_ssize_t difference)
    cpdef whole(self)
    cpdef commit(self)
    cpdef abort(self)
    cdef int write(self, RetryableWrite retried, DocumentCount count, bint is_uncounted) except -1
    cdef int release(self) except -1

cpdef open_brief(services, SessionTransaction transaction, str db, str name, check)
cpdef bint is_plain(collection) except -1
