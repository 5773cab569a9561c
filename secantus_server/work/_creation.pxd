# Changes of the catalog in the express lane, for other compiled modules: see _creation.pyx.

from secantus_server.catalog._collection_state cimport CollectionState
from secantus_server.oplog._rows cimport Chain
from secantus_server.storage._unit cimport RecoveryUnit

cdef class CatalogChange:
    cdef object services
    cdef RecoveryUnit unit
    cdef list namespaces
    # The staged changes of the catalog (see `catalog.changes`), and the oplog entries of the change.
    cdef object changes
    cdef list entries
    cdef readonly CollectionState collection

    cdef bint begin(self, view) except -1
    cdef int create(self, str db, str name) except -1
    cdef int create_indexed(self, view, str db, str name, dict index) except -1
    cpdef commit(self, writes, Chain chain, written)
    cpdef end(self)

cpdef CatalogChange begin_creation(services, RecoveryUnit unit, view, str db, str name, dict index=*)
cpdef CatalogChange begin_drop(services, RecoveryUnit unit, view, CollectionState collection)
