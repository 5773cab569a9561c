# cython: language_level=3, boundscheck=False, wraparound=False
"""Reads of single documents by RecordId or by key in a unique index."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t

from secantus_server.bson._codec cimport Writer
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


cdef bint read_record(RecoveryUnit unit, int ident, int64_t record_id, const uint8_t** document, size_t* size) except -1:
    """Set a pointer to the document with a RecordId, valid until the unit's next read. Return 0 if the document does not exist."""
    cdef uint8_t[12] key
    put_ident(key, ident)
    put_record_id(key + 4, record_id)
    return unit.get_raw(RECORDS_TABLE, key, 12, document, size)


cdef bint read_record_after(
    RecoveryUnit unit, int ident, int64_t last, int64_t record_id, const uint8_t** document, size_t* size
) except -1:
    """Set a pointer to a document like `read_record`, in less time if its RecordId follows the last one.

    An index often has the order in which the documents were inserted.

    Arguments:
        last: the RecordId of the document that the unit's last read has found, or -1.
    """
    cdef uint8_t[12] key
    if record_id != last + 1 or last < 0:
        return read_record(unit, ident, record_id, document, size)
    put_ident(key, ident)
    put_record_id(key + 4, record_id)
    return unit.get_following(RECORDS_TABLE, key, 12, document, size)


cdef bint read_entry(RecoveryUnit unit, Index index, const uint8_t* key, size_t key_size, int64_t* record_id) except -1:
    """Read the RecordId that a unique index stores under a complete key (prefix and key string). Return 0 if the key does not exist."""
    cdef const uint8_t* value
    cdef size_t size
    index.uses += 1
    if not unit.get_raw(ENTRIES_TABLE, key, key_size, &value, &size):
        return False
    record_id[0] = read_record_id(value)
    return True


cpdef bytes fetch(RecoveryUnit unit, int ident, int64_t record_id):
    """Return the document with a RecordId, or None."""
    cdef const uint8_t* document
    cdef size_t size
    if not read_record(unit, ident, record_id, &document, &size):
        return None
    return PyBytes_FromStringAndSize(<const char*>document, size)


def find_by_key(RecoveryUnit unit not None, Index index not None, bytes key not None, int records_ident):
    """Find a document by its key in a unique index. Return its RecordId and the document, or None if the key does not exist.

    Arguments:
        key: the key string of all the index's fields.
    """
    cdef bytes full = index.prefix + key
    cdef int64_t record_id
    cdef bytes document
    if not read_entry(unit, index, <const uint8_t*>PyBytes_AS_STRING(full), PyBytes_GET_SIZE(full), &record_id):
        return None
    document = fetch(unit, records_ident, record_id)
    return None if document is None else (record_id, document)


cdef class PointFinder:
    """A reader that finds documents by their keys in a unique index.

    Like a scan, it belongs to a read scope, which attaches it to recovery units.

    Arguments:
        index: a unique index of one field.
        records_ident: the collection's key prefix in the table of records.
    """

    def __init__(self, Index index not None, int records_ident):
        self.index = index
        self.records_ident = records_ident
        self.finished = False

    @property
    def collection(self):
        """Return None: a drop of this collection does not end the cursor, but the finder then finds no documents."""
        return None

    def attach(self, RecoveryUnit unit not None):
        """Read in this unit's transaction."""
        self.unit = unit

    def detach(self):
        """Detach from the transaction until the next `attach`."""
        self.unit = None

    def close(self):
        """Detach permanently."""
        self.unit = None
        self.finished = True

    cdef bint find(self, Writer key, const uint8_t** document, size_t* size) except -1:
        """Set a pointer to the document for the index key in the buffer (prefix, then key string). Return 0 if there is no such document.

        The pointer is valid until the unit's next read.
        """
        cdef int64_t record_id
        assert self.unit is not None, "the scope is detached"
        if not read_entry(self.unit, self.index, key.buffer, key.size, &record_id):
            return False
        return read_record(self.unit, self.records_ident, record_id, document, size)
