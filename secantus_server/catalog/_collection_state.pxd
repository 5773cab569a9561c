# A collection and the parts of it that compiled writes use, for other compiled modules: see _collection_state.pyx.

from secantus_server.catalog._document_count cimport DocumentCount

cdef class RecordIds:
    cdef object _lock
    # An iterator over new RecordIds, or None.
    cdef object _numbers
    cdef object _least
    cdef bint _is_complete

    cpdef begin(self)
    cpdef numbers(self, newest)

cdef class CollectionState:
    cdef public str db
    cdef public str name
    cdef public object uuid
    cdef public int ident
    cdef public dict options
    cdef public list indexes
    cdef public object search_indexes
    cdef public bint is_view
    cdef public bint is_timeseries
    cdef public bint is_capped
    cdef public bint is_clustered
    cdef public bint keeps_images
    cdef public bytes identity
    cdef public RecordIds record_ids
    cdef public DocumentCount document_count
    cdef public object lifetime
    cdef public dict cached_plans
    cdef public object search_contents
    cdef public dict expanded_indexes
    cdef public dict sole_indexes
