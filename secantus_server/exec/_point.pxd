# cython: language_level=3
"""Reads of single documents, for other compiled modules."""

from libc.stdint cimport int64_t, uint8_t

from secantus_server.bson._codec cimport Writer
from secantus_server.index._index cimport Index
from secantus_server.storage._unit cimport RecoveryUnit


cdef void put_ident(uint8_t* out, int ident) noexcept nogil
# Set a pointer to the document with a RecordId. It is valid until the unit's next read. Return 0 if the document does not exist.
cdef bint read_record(RecoveryUnit unit, int ident, int64_t record_id, const uint8_t** document, size_t* size) except -1
# Like read_record. `last` is the RecordId of the document that the unit's last read has found, or -1.
cdef bint read_record_after(
    RecoveryUnit unit, int ident, int64_t last, int64_t record_id, const uint8_t** document, size_t* size
) except -1
# Read the RecordId that a unique index stores under a complete key (prefix and key string). Return 0 if the key does not exist.
cdef bint read_entry(RecoveryUnit unit, Index index, const uint8_t* key, size_t key_size, int64_t* record_id) except -1


cdef class PointFinder:
    cdef RecoveryUnit unit
    cdef Index index
    cdef int records_ident
    cdef readonly bint finished

    cdef bint find(self, Writer key, const uint8_t** document, size_t* size) except -1
