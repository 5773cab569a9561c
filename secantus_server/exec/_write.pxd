# The writer of a collection's documents, for other compiled modules: see _write.pyx.

from libc.stdint cimport int64_t, uint8_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element
from secantus_server.index._index cimport SOME_ENTRIES, Entries, Index
from secantus_server.mql._keys cimport Generation
from secantus_server.storage._unit cimport RecoveryUnit

cdef enum:
    MAX_INDEXES = 64
    # The collection's ident and the RecordId.
    RECORD_KEY_BYTES = 12


# An entry of an index that is not unique. Its bytes begin at `start` of `late_bytes`; `key` points to them when all entries are known.
cdef struct LateEntry:
    size_t start
    const uint8_t* key
    size_t key_size
    size_t size


cdef class CollectionWriter:
    cdef RecoveryUnit unit
    cdef int ident
    cdef list indexes
    # The key of the current document in the table of records.
    cdef uint8_t[RECORD_KEY_BYTES] record_key
    cdef Index id_index
    cdef list others
    cdef Writer buffer
    # A document's entries in each index other than the `_id` index: a single entry (its key, then its value) and the size of its key, or
    # a Generation of several entries.
    cdef Entries[MAX_INDEXES] found
    cdef list entries
    cdef size_t[MAX_INDEXES] key_sizes
    cdef list generations
    cdef readonly list became_multikey
    cdef readonly Py_ssize_t position
    # Whether entries of indexes that are not unique are stored at the end of the run, and the entries to be stored then.
    cdef bint defers
    cdef LateEntry* late
    cdef size_t late_count
    cdef size_t late_room
    cdef Writer late_bytes

    # Prepare the writer for another transaction. Return 0, and do nothing, if it was not made for these indexes of this collection.
    cdef bint continue_in(self, RecoveryUnit unit, int ident, list indexes) except -1
    cpdef insert(self, bytes doc, int64_t record_id)
    cpdef insert_run(self, list documents, Py_ssize_t start, Py_ssize_t stop, record_ids, make_id, make_timestamp, list changes)
    cpdef update(self, bytes old, bytes new, int64_t record_id)
    cpdef delete(self, bytes doc, int64_t record_id)
    cdef int find_entries(self, bytes doc, bytes rid) except -1
    cdef int check_before(self, Py_ssize_t stop, bytes doc) except -1
    cdef Entries put_only(self, Index index, bytes doc, bytes rid, size_t* key_size) except? SOME_ENTRIES
    cdef bint has_key(self, Writer entry, size_t key_size) except -1
    cdef int add_entries(self, bytes doc, bytes rid) except -1
    cdef int add_one(self, Index index, Writer entry, size_t key_size) except -1
    cdef int add_late(self, Writer entry, size_t key_size) except -1
    cdef int put_late(self, size_t count) except -1
    cdef int add_some(self, Index index, Generation entries, bytes doc, bytes rid) except -1
    cdef int take_back(self, Py_ssize_t stored, bytes doc, bytes rid) except -1
    cdef int take_some(self, Index index, Generation entries, bytes rid) except -1
    cdef int remove_record(self, bytes doc, bytes rid) except -1
    cdef int note_multikey(self, Index index, Generation entries) except -1
    cdef int id_key(self, bytes doc, Element* element) except -1
    cdef size_t id_entry(self, bytes doc, bytes rid) except 0
    cdef int insert_id(self, bytes doc, bytes rid) except -1
    cdef int update_id(self, bytes old, bytes new, bytes rid) except -1
    cdef void set_record_key(self, bytes rid) noexcept
    cdef int put_record(self, bytes rid, bytes doc, bint new) except -1
    cdef bint keeps_entry(self, Py_ssize_t i, bytes old, bytes new, bytes rid) except -1
    cdef int change(self, Index index, Generation before, Generation after, bytes rid, bytes doc) except -1
