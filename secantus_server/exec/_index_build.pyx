# cython: language_level=3, boundscheck=False, wraparound=False
"""The loop that fills new indexes with the entries of a collection's documents.

Entries are sorted before they are stored. WiredTiger needs a third of the time for keys in ascending order that it needs for keys in random
order, because it finds the place of each key next to that of the key before it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport qsort
from libc.string cimport memcmp

from secantus_server.bson._codec cimport Writer
from secantus_server.exec._scan cimport RecordScan
from secantus_server.exec._write cimport CollectionWriter
from secantus_server.index._index cimport ONE_ENTRY, SOME_ENTRIES, Entries, Index, covered_of, put_record_id
from secantus_server.mql._keys cimport Generation

from secantus_server.index.errors import DuplicateKey
from secantus_server.storage.tables import INDEX_ENTRIES, RECORDS

cdef int RECORDS_TABLE = RECORDS
cdef int ENTRIES_TABLE = INDEX_ENTRIES

cdef enum:
    # The default memory of the entries that are sorted at a time.
    RUN_BYTES = 33554432
    # The bytes with which all keys of an index begin.
    PREFIX_BYTES = 4


cdef struct Entry:
    # The key and the value behind it. Until the entries are sorted, `key` is the position in the buffer.
    const uint8_t* key
    uint32_t key_size
    uint32_t value_size


cdef int compare_entries(const void* first, const void* second) noexcept nogil:
    """Compare entries by their keys. Of equal keys, the one that was added first is less."""
    cdef const Entry* a = <const Entry*>first
    cdef const Entry* b = <const Entry*>second
    cdef uint32_t common = a.key_size if a.key_size < b.key_size else b.key_size
    cdef int order = memcmp(a.key + PREFIX_BYTES, b.key + PREFIX_BYTES, common - PREFIX_BYTES)
    if order:
        return order
    if a.key_size != b.key_size:
        return -1 if a.key_size < b.key_size else 1
    return -1 if a.key < b.key else 1


cdef class Run:
    """The entries of an index that are not stored yet."""

    cdef Index index
    cdef Writer data
    cdef Entry* entries
    cdef size_t count, capacity
    # The duplicate key error with the smallest key so far, or None.
    cdef object duplicate

    def __cinit__(self, Index index not None):
        self.index = index
        self.data = Writer.__new__(Writer)
        self.entries = NULL

    def __dealloc__(self):
        PyMem_Free(self.entries)

    cdef int close_entry(self, size_t start, size_t key_size) except -1:
        """Add the entry that was written into the buffer from `start` on."""
        cdef void* grown
        cdef Entry* entry
        if self.count == self.capacity:
            grown = PyMem_Realloc(self.entries, (2 * self.capacity + 256) * sizeof(Entry))
            if grown == NULL:
                raise MemoryError
            self.entries = <Entry*>grown
            self.capacity = 2 * self.capacity + 256
        entry = &self.entries[self.count]
        entry.key = <const uint8_t*>start
        entry.key_size = <uint32_t>key_size
        entry.value_size = <uint32_t>(self.data.size - start - key_size)
        self.count += 1
        return 0

    cdef int add(self, Writer key, Writer value) except -1:
        """Add an entry."""
        cdef size_t start = self.data.size
        self.data.put_bytes(key.buffer, key.size)
        self.data.put_bytes(value.buffer, value.size)
        return self.close_entry(start, key.size)

    cdef int add_all(self, Generation entries, const uint8_t* record_id) except -1:
        """Add several entries of a document."""
        cdef size_t start, key_size
        cdef bytes key, covered
        for key in entries.keys:
            start = self.data.size
            covered = covered_of(entries, key) or b""
            self.data.put_bytes(PyBytes_AS_STRING(self.index.prefix), PREFIX_BYTES)
            self.data.put_bytes(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
            key_size = PREFIX_BYTES + PyBytes_GET_SIZE(key)
            self.data.put_bytes(record_id, 8)
            self.data.put_bytes(PyBytes_AS_STRING(covered), PyBytes_GET_SIZE(covered))
            self.close_entry(start, key_size if self.index.unique else key_size + 8)
        return 0

    cdef size_t memory(self) noexcept:
        """Return the memory that the entries use, in bytes."""
        return self.data.size + self.count * sizeof(Entry)

    cdef int sort(self) except -1:
        cdef size_t i
        cdef bint is_sorted = True
        for i in range(self.count):
            self.entries[i].key = self.data.buffer + <size_t>self.entries[i].key
            if i and is_sorted:
                is_sorted = compare_entries(&self.entries[i - 1], &self.entries[i]) < 0
        if not is_sorted:
            with nogil:
                qsort(self.entries, self.count, sizeof(Entry), compare_entries)
        return 0

    cdef int store(self, CollectionWriter writer, RecordScan scan) except -1:
        """Store the entries, and forget them. Interrupt as the scan does."""
        cdef Entry* entry
        cdef size_t i
        self.sort()
        for i in range(self.count):
            scan.breathe()
            entry = &self.entries[i]
            if not self.index.unique:
                writer.unit.put_raw(ENTRIES_TABLE, entry.key, entry.key_size, entry.key + entry.key_size, entry.value_size, False)
            elif not writer.unit.insert_raw(
                ENTRIES_TABLE, entry.key, entry.key_size, entry.key + entry.key_size, entry.value_size
            ):
                self.note_duplicate(writer, entry)
                # The index cannot be created, and the keys of the other entries are greater.
                break
        self.count = 0
        self.data.clear()
        return 0

    cdef int note_duplicate(self, CollectionWriter writer, const Entry* entry) except -1:
        """Keep the error for a duplicate key, unless there is one for a smaller or equal key of an earlier document."""
        cdef const uint8_t* doc
        cdef size_t size
        cdef bint found
        cdef bytes key = PyBytes_FromStringAndSize(<const char*>entry.key + PREFIX_BYTES, entry.key_size - PREFIX_BYTES)
        if self.duplicate is not None and self.duplicate.key <= key:
            return 0
        writer.set_record_key(PyBytes_FromStringAndSize(<const char*>entry.key + entry.key_size, 8))
        found = writer.unit.get_raw(RECORDS_TABLE, writer.record_key, sizeof(writer.record_key), &doc, &size)
        assert found, "the document was scanned in the same transaction"
        try:
            self.index.duplicate(PyBytes_FromStringAndSize(<const char*>doc, size), key)
        except DuplicateKey as error:
            self.duplicate = error.with_traceback(None)
        return 0


cdef int collect(Run run, CollectionWriter writer, const uint8_t* doc, size_t size, const uint8_t* record_id) except -1:
    """Add the entries of a document."""
    cdef Generation entries
    cdef Entries found = run.index.only_entry(doc, record_id, writer.key_buffer, writer.value_buffer)
    if found == ONE_ENTRY:
        return run.add(writer.key_buffer, writer.value_buffer)
    if found == SOME_ENTRIES:
        entries = run.index.entries_of(PyBytes_FromStringAndSize(<const char*>doc, size))
        if entries is not None:
            writer.note_multikey(run.index, entries)
            run.add_all(entries, record_id)
    return 0


def fill_indexes(CollectionWriter writer not None, list indexes not None, RecordScan scan not None, check, size_t run_bytes=RUN_BYTES):
    """Store the entries of all scanned documents in new indexes.

    Arguments:
        writer: a writer of the collection in the transaction of the scan. Its `became_multikey` lists the indexes that became multikey.
        check: called with each document; raises an error for one that must not be indexed. None accepts all documents.
        run_bytes: the memory of the entries that are sorted at a time. More entries are stored in several sorted runs.

    Raises:
        DuplicateKey: for the smallest duplicate key of the first index that has any.
        CommandError: if a document cannot be indexed, or if the operation was interrupted.
    """
    cdef const uint8_t* doc
    cdef size_t size, used
    cdef uint8_t[8] record_id
    cdef Run run
    cdef list runs = [Run(index) for index in indexes]
    while scan.step(&doc, &size):
        if check is not None:
            check(PyBytes_FromStringAndSize(<const char*>doc, size))
        put_record_id(record_id, scan.record_id)
        used = 0
        for run in runs:
            collect(run, writer, doc, size, record_id)
            used += run.memory()
        if used > run_bytes:
            for run in runs:
                run.store(writer, scan)
    for run in runs:
        run.store(writer, scan)
    for run in runs:
        if run.duplicate is not None:
            raise run.duplicate
