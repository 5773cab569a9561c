# cython: language_level=3, boundscheck=False, wraparound=False
"""Reading one document: by its RecordId, or by the key that a unique index has of it."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t

from secantus_server.index._index cimport Index, put_record_id, read_record_id
from secantus_server.storage._unit cimport RecoveryUnit

from secantus_server.storage.tables import INDEX_ENTRIES, RECORDS

cdef int RECORDS_TABLE = RECORDS
cdef int ENTRIES_TABLE = INDEX_ENTRIES


cdef void put_ident(uint8_t* out, int ident) noexcept nogil:
    out[0] = <uint8_t>(ident >> 24)
    out[1] = <uint8_t>(ident >> 16)
    out[2] = <uint8_t>(ident >> 8)
    out[3] = <uint8_t>ident


cpdef bytes fetch(RecoveryUnit unit, int ident, int64_t record_id):
    """The document of a RecordId, or None."""
    cdef uint8_t[12] key
    cdef const uint8_t* value
    cdef size_t size
    put_ident(key, ident)
    put_record_id(key + 4, record_id)
    if not unit.get_raw(RECORDS_TABLE, key, 12, &value, &size):
        return None
    return PyBytes_FromStringAndSize(<const char*>value, size)


cdef bytes find(RecoveryUnit unit, Index index, bytes key, int records_ident, int64_t* record_id):
    """The document that a unique index has under a whole key string, or None; sets its RecordId."""
    cdef bytes full = index.prefix + key
    cdef const uint8_t* value
    cdef size_t size
    index.uses += 1
    if not unit.get_raw(ENTRIES_TABLE, <const uint8_t*>PyBytes_AS_STRING(full), PyBytes_GET_SIZE(full), &value, &size):
        return None
    record_id[0] = read_record_id(value)
    return fetch(unit, records_ident, record_id[0])


def find_by_key(RecoveryUnit unit not None, Index index not None, bytes key not None, int records_ident):
    """The document that a unique index has under a whole key string, with its RecordId; or None.

    Arguments:
        key: the key string of all the index's fields.
    """
    cdef int64_t record_id = 0
    cdef bytes document = find(unit, index, key, records_ident, &record_id)
    return None if document is None else (record_id, document)


cdef class PointFinder:
    """Finds documents by the keys of a unique index, for as long as a scope is open.

    Arguments:
        scope: its `unit` is read in, whichever that is at the time.
        index: of one field.
        records_ident: the collection's records.
    """

    def __init__(self, scope, Index index not None, int records_ident):
        self.scope = scope
        self.index = index
        self.records_ident = records_ident

    cpdef bytes find(self, bytes key):
        """The document that has the key string, or None."""
        cdef int64_t record_id
        return find(self.scope.unit, self.index, key, self.records_ident, &record_id)
