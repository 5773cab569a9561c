# The number of documents in a collection, for other compiled modules: see _document_count.pyx.

from libc.stdint cimport int64_t

cdef class DocumentCount:
    cdef int64_t number
    cdef bint is_known
    # The number of commits in progress, and the serial of the newest transaction that may have missed a commit.
    cdef Py_ssize_t pending
    cdef int64_t changed_at

    cpdef begin_change(self)
    cpdef cancel_change(self)
    cpdef end_change(self, int64_t difference, int64_t newest)
    cpdef change(self, int64_t difference)
