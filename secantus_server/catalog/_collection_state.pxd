# The parts of a collection that compiled writes use, for other compiled modules: see _collection_state.pyx.

from secantus_server.catalog._document_count cimport DocumentCount

cdef class RecordIds:
    cdef object _lock
    # An iterator over new RecordIds, or None.
    cdef object _numbers
    cdef object _least
    cdef bint _is_complete

    cpdef numbers(self, newest)

cdef class CollectionState:
    cdef public int ident
    cdef public list indexes
    cdef public bytes identity
    cdef public RecordIds record_ids
    cdef public DocumentCount document_count
