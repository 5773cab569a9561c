# cython: language_level=3
"""An index and its entries."""

from libc.stdint cimport int64_t, uint8_t

from secantus_server.bson._codec cimport Writer
from secantus_server.mql._keys cimport Generation, KeyGenerator
from secantus_server.storage._unit cimport RecoveryUnit


cdef bytes record_id_bytes(int64_t record_id)
cdef void put_record_id(uint8_t* out, int64_t record_id) noexcept nogil
cdef int64_t read_record_id(const uint8_t* data) noexcept nogil


# The number of a document's entries in an index. SOME_ENTRIES means that the number is unknown until a Generation has been created.
cdef enum Entries:
    NO_ENTRY
    ONE_ENTRY
    SOME_ENTRIES


cdef class Extraction(Generation):
    # The values that are stored with each key for covered queries, by key.
    cdef dict values
    cdef list marks


cdef bytes covered_of(Generation entries, bytes key)


cdef class Index:
    cdef readonly str name
    cdef readonly dict spec
    cdef readonly int ident
    cdef readonly bytes prefix
    # An IndexKind.
    cdef readonly object kind
    cdef readonly bint unique
    cdef readonly bint sparse
    cdef readonly bint is_id
    cdef readonly list parts
    cdef readonly str point_path
    cdef readonly object partial_filter
    cdef object guard
    # Whether entries are always generated as Python objects.
    cdef bint needs_objects
    cdef readonly KeyGenerator generator
    cdef object extract
    cdef public bint multikey
    # The marks of a wildcard index: the paths that lead to or through an array in any document, present or past.
    cdef readonly set marks
    cdef public bint knows_marks
    cdef public bint dropped
    cdef public int64_t uses

    cdef Generation entries_of(self, bytes doc)
    cdef Generation extracted(self, bytes doc)
    cdef Entries put_entry(self, const uint8_t* doc, const uint8_t* record_id, Writer out, size_t* key_size) except? SOME_ENTRIES
    cdef int check(self, RecoveryUnit ru, Generation entries, bytes doc, list but_not) except -1
    cdef int add(self, RecoveryUnit ru, bytes key, bytes covered, bytes record_id, bytes doc) except -1
    cdef int take(self, RecoveryUnit ru, bytes key, bytes record_id) except -1
