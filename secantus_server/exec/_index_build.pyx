# cython: language_level=3, boundscheck=False, wraparound=False
"""The loop that fills new indexes with the entries of a collection's documents.

Entries are sorted before they are stored. WiredTiger needs a third of the time for keys in ascending order that it needs for keys in random
order, because it finds the place of each key next to that of the key before it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from secantus_server.bson._codec cimport Writer
from secantus_server.exec._scan cimport RecordScan
from secantus_server.exec._write cimport CollectionWriter
from secantus_server.index._index cimport ONE_ENTRY, SOME_ENTRIES, Entries, Index, covered_of, put_record_id
from secantus_server.mql._keys cimport Generation, Slot, generate_into, put_slots
from secantus_server.storage.wiredtiger.capi cimport SECANTUS_ENTRY as Entry

from secantus_server.index.errors import DuplicateKey
from secantus_server.storage.tables import INDEX_ENTRIES, RECORDS

cdef int RECORDS_TABLE = RECORDS
cdef int ENTRIES_TABLE = INDEX_ENTRIES

cdef enum:
    # The default memory of the entries that are sorted at a time.
    RUN_BYTES = 33554432
    # The bytes with which all keys of an index begin.
    PREFIX_BYTES = 4
    # The number of entries that are stored between two looks for an interruption.
    STORED_TOGETHER = 64


cdef inline uint64_t head_of(const uint8_t* key, size_t size) noexcept nogil:
    """Return the first eight bytes of the rest of a key, as a number that sorts like them."""
    cdef uint64_t high, head = 0
    cdef size_t i
    if size >= 8:
        # Without a loop, the compiler makes one load of it.
        high = <uint64_t>key[0] << 56 | <uint64_t>key[1] << 48 | <uint64_t>key[2] << 40 | <uint64_t>key[3] << 32
        return high | <uint64_t>key[4] << 24 | <uint64_t>key[5] << 16 | <uint64_t>key[6] << 8 | <uint64_t>key[7]
    for i in range(8):
        head = head << 8 | (key[i] if i < size else 0)
    return head


cdef inline size_t common_size(const uint8_t* a, const uint8_t* b, size_t size) noexcept nogil:
    """Return the number of equal bytes with which two keys begin, at most `size`."""
    cdef size_t i = 0
    while i + 8 <= size and head_of(a + i, 8) == head_of(b + i, 8):
        i += 8
    while i < size and a[i] == b[i]:
        i += 1
    return i


cdef inline bint precedes(const Entry* a, const Entry* b) noexcept nogil:
    """Return whether the key of `a` is less than that of `b`."""
    cdef int order
    if a.head != b.head:
        return a.head < b.head
    order = memcmp(a.key, b.key, min(a.key_size, b.key_size))
    return order < 0 if order else a.key_size < b.key_size


cdef inline bint equals(const Entry* a, const Entry* b) noexcept nogil:
    """Return whether two entries have the same key and value."""
    if a.head != b.head or a.key_size != b.key_size or a.value_size != b.value_size:
        return False
    return memcmp(a.key, b.key, a.key_size + a.value_size) == 0


cdef Entry* sort_entries(Entry* entries, Entry* spare, size_t count) noexcept nogil:
    """Sort entries by merging runs of doubling length. Of equal keys, the one that was added first stays first.

    Return the array with the result, which is one of the two given arrays.
    """
    cdef size_t width = 1
    cdef size_t start, left, right, middle, stop, out
    cdef bint from_right
    while width < count:
        start = 0
        while start < count:
            left, middle, stop = start, min(start + width, count), min(start + 2 * width, count)
            right, out = middle, start
            start = stop
            if middle == stop or not precedes(&entries[middle], &entries[middle - 1]):
                memcpy(spare + left, entries + left, (stop - left) * sizeof(Entry))
                continue
            while left < middle and right < stop:
                # Without a branch on the result, which the processor could not predict.
                from_right = precedes(&entries[right], &entries[left])
                spare[out] = entries[right if from_right else left]
                right += from_right
                left += not from_right
                out += 1
            memcpy(spare + out, entries + left, (middle - left) * sizeof(Entry))
            memcpy(spare + out + middle - left, entries + right, (stop - right) * sizeof(Entry))
        entries, spare = spare, entries
        width *= 2
    return entries


cdef class Run(Generation):
    """The entries of an index that are not stored yet.

    It is also the Generation that adds the entries of a document with an array, without creating Python objects.
    """

    cdef Index index
    cdef Writer data
    cdef const uint8_t* record_id
    # Whether `add_array` can add documents with arrays.
    cdef bint generates
    # The key of an entry is its position in the buffer until the entries are sorted, then its address. The head is then the first bytes in
    # which keys differ. Most comparisons need nothing else.
    cdef Entry* entries
    cdef size_t count, capacity
    # The duplicate key error with the smallest key so far, or None.
    cdef object duplicate

    def __cinit__(self, Index index not None):
        self.index = index
        self.generator = index.generator
        self.generates = index.generator is not None and index.guard is None and "prepareUnique" not in index.spec
        self.keys = []
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

    cdef int add_array(self, CollectionWriter writer, const uint8_t* doc, const uint8_t* record_id) except -1:
        """Add the entries of a document with an array on an indexed path. Equal elements add equal entries."""
        cdef size_t size = self.data.size
        cdef size_t count = self.count
        self.record_id = record_id
        self.multikey = False
        generate_into(self, self.generator, doc)
        assert self.multikey, "a document without arrays has one entry"
        if self.index.sparse and self.all_absent:
            self.data.size = size
            self.count = count
            return 0
        return writer.note_multikey(self.index, self)

    cdef int emit(self, Slot* slots) except -1:
        cdef size_t start = self.data.size
        cdef size_t key_size
        self.data.put_bytes(PyBytes_AS_STRING(self.index.prefix), PREFIX_BYTES)
        if not put_slots(self.generator, slots, self.data):
            self.all_absent = False
        key_size = self.data.size - start
        self.data.put_bytes(self.record_id, 8)
        return self.close_entry(start, key_size if self.index.unique else key_size + 8)

    cdef size_t memory(self) noexcept:
        """Return the memory that the entries use, in bytes."""
        return self.data.size + self.count * sizeof(Entry)

    cdef int sort(self) except -1:
        cdef size_t common = self.find_keys()
        cdef size_t i
        cdef bint is_sorted = True
        cdef Entry* spare
        cdef Entry* found
        for i in range(self.count):
            self.entries[i].head = head_of(self.entries[i].key + common, self.entries[i].key_size - common)
            if i and is_sorted:
                is_sorted = not precedes(&self.entries[i], &self.entries[i - 1])
        if is_sorted:
            return 0
        spare = <Entry*>PyMem_Malloc(self.capacity * sizeof(Entry))
        if spare == NULL:
            raise MemoryError
        with nogil:
            found = sort_entries(self.entries, spare, self.count)
        PyMem_Free(self.entries if found == spare else spare)
        self.entries = found
        return 0

    cdef size_t find_keys(self) noexcept:
        """Replace positions in the buffer with addresses. Return the number of bytes with which all keys begin."""
        cdef size_t i
        cdef Entry* entry
        cdef size_t common = self.entries[0].key_size if self.count else 0
        for i in range(self.count):
            entry = &self.entries[i]
            entry.key = self.data.buffer + <size_t>entry.key
            common = common_size(entry.key, self.entries[0].key, min(common, entry.key_size))
        return common

    cdef int remove_repeats(self) noexcept:
        """Remove each sorted entry that equals the entry before it: a document has the same key for several elements of an array."""
        cdef size_t kept = 1
        cdef size_t i
        for i in range(1, self.count):
            if not equals(&self.entries[i], &self.entries[kept - 1]):
                self.entries[kept] = self.entries[i]
                kept += 1
        self.count = min(kept, self.count)

    cdef int store(self, CollectionWriter writer, RecordScan scan) except -1:
        """Store the entries, and forget them. Interrupt as the scan does."""
        cdef size_t size
        cdef size_t stored = 0
        self.sort()
        self.remove_repeats()
        while stored < self.count:
            scan.breathe()
            size = writer.unit.insert_entries(ENTRIES_TABLE, &self.entries[stored], min(self.count - stored, <size_t>STORED_TOGETHER))
            stored += size
            if size < STORED_TOGETHER and stored < self.count:
                assert self.index.unique, "the keys contain the RecordIds"
                self.note_duplicate(writer, &self.entries[stored])
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
    cdef size_t key_size
    cdef size_t start = run.data.size
    cdef Entries found = run.index.put_entry(doc, record_id, run.data, &key_size)
    if found == ONE_ENTRY:
        run.close_entry(start, key_size)
    elif found == SOME_ENTRIES and run.generates:
        run.add_array(writer, doc, record_id)
    elif found == SOME_ENTRIES:
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
    cdef int64_t last = scan.remove_end()
    while last and scan.step(&doc, &size):
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
        if scan.record_id == last:
            break
    for run in runs:
        run.store(writer, scan)
    for run in runs:
        if run.duplicate is not None:
            raise run.duplicate
