# cython: language_level=3, boundscheck=False, wraparound=False
"""Rows of a sort: gathering them up to a memory limit, sorting them, and their format in temporary files.

A row is a tuple of a sort key, a document and a number (the RecordId). In a file, rows are in blocks. A row is the length of its key and
that of its document (4 bytes each), the number (8 bytes), the key and the document, in the byte order of the machine.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from secantus_server.bson._codec cimport Writer
from secantus_server.exec._scan cimport Scan
from secantus_server.mql._keys cimport KeyGenerator, Slot, look_up_all, put_slots

from bisect import bisect_right

cdef enum:
    # The memory that a row uses in addition to the bytes of its key and document: the headers of two bytes objects, the tuple, the
    # integer, and their places in the list.
    COST = 200
    # The memory that a document uses in addition to its bytes, in a list that is sorted by computed keys.
    DOCUMENT_COST = 100
    HEADER = 16

ROW_COST = COST


cdef struct Key:
    const uint8_t* start
    size_t size


# A row during a sort: eight bytes of its key, which decide most comparisons, and its position in the unsorted list.
cdef struct Place:
    uint64_t prefix
    Py_ssize_t index


cdef class Keys:
    """Computes sort keys, without a call of Python for those of a key pattern.

    Arguments:
        key: a function that returns the sort key of a document.
    """

    cdef object key
    # The key pattern whose method `sort_key` is the function, or None.
    cdef KeyGenerator generator
    cdef Writer out

    def __init__(self, key):
        owner = getattr(key, "__self__", None)
        self.key = key
        self.generator = owner if type(owner) is KeyGenerator and key == owner.sort_key else None
        self.out = Writer.__new__(Writer)

    cdef inline bytes of(self, bytes document):
        if self.generator is None:
            return self.key(document)
        return self.generator.smallest_key(<const uint8_t*>PyBytes_AS_STRING(document), self.out)

    cdef int put(self, bytes document, Writer out) except -1:
        """Append the sort key of a document to a buffer."""
        cdef Slot[32] slots
        cdef bytes own
        if self.generator is not None and look_up_all(self.generator, <const uint8_t*>PyBytes_AS_STRING(document), slots):
            put_slots(self.generator, slots, out)
            return 0
        own = self.of(document)
        return out.put_bytes(PyBytes_AS_STRING(own), PyBytes_GET_SIZE(own))


cdef inline object number_of(source):
    """Return the RecordId of the last document of a source."""
    if isinstance(source, Scan):
        return (<Scan>source).record_id
    return 0 if source is None else source.record_id


def gather(documents not None, source, key not None, list rows not None, Py_ssize_t max_bytes, project=None):
    """Append a row for each document, until the rows use more than `max_bytes` of memory. Return whether the documents have ended.

    `SortBuffer.gather` does the same without Python objects for the rows.

    Arguments:
        documents: an iterator over the documents.
        source: an object whose `record_id` is the RecordId of the last document, or None for the number 0.
        key: a function that returns the sort key of a document.
        rows: the list of rows, to which the function appends.
        max_bytes: the memory that the new rows may use.
        project: a function that returns what the row contains instead of the document, or None. The memory is counted as without it.
    """
    cdef Py_ssize_t used = 0
    cdef bytes document, own
    cdef Keys keys = Keys(key)
    for document in documents:
        own = keys.of(document)
        rows.append((own, document if project is None else project(document), number_of(source)))
        used += PyBytes_GET_SIZE(document) + PyBytes_GET_SIZE(own) + COST
        if used > max_bytes:
            return False
    return True


def sort_rows(list rows not None):
    """Sort rows by their keys. The sort is stable. No other thread may use the list.

    It compares the first bytes of the keys as numbers, in less than half the time in which Python's sort compares the keys as objects.

    Arguments:
        rows: tuples whose first item is the sort key, as bytes.
    """
    cdef Py_ssize_t count = len(rows), i
    cdef Key* keys = <Key*>PyMem_Malloc(count * sizeof(Key))
    cdef Place* places = <Place*>PyMem_Malloc(2 * count * sizeof(Place))
    cdef Place* ordered
    cdef bytes key
    try:
        if keys == NULL or places == NULL:
            raise MemoryError
        for i in range(count):
            key = (<tuple>rows[i])[0]
            if key is None:
                raise TypeError("a row has no sort key")
            keys[i].start, keys[i].size = <const uint8_t*>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)
        with nogil:
            ordered = sort_places(keys, places, count)
        rows[:] = [rows[ordered[i].index] for i in range(count)]
    finally:
        PyMem_Free(keys)
        PyMem_Free(places)


cdef class SortBuffer:
    """The rows of a sort in memory, one after the other in one buffer, in the format of `pack`; then an iterator over the sorted documents.

    A list of tuples takes longer: the sort orders the tuples, and in this order they are far from each other in memory.
    """

    cdef Writer data
    cdef Py_ssize_t count, position, end
    cdef Key* keys
    cdef Place* places
    cdef Place* ordered
    # The RecordId of the last document that the iterator returned.
    cdef readonly int64_t record_id

    def __cinit__(self):
        self.data = Writer.__new__(Writer)

    def __dealloc__(self):
        PyMem_Free(self.keys)
        PyMem_Free(self.places)

    def gather(self, documents not None, source, key not None, Py_ssize_t max_bytes, project=None):
        """Append a row for each document, until the rows use more than `max_bytes` of memory. Return whether the documents have ended.

        Arguments:
            documents, source, key, project: see the function `gather`.
            max_bytes: the memory that the rows may use, in the form of a list of rows.
        """
        cdef Writer data = self.data
        cdef Py_ssize_t used = 0
        cdef size_t start, body
        cdef bytes document, kept
        cdef uint8_t[HEADER] header
        cdef Keys keys = Keys(key)
        for document in documents:
            start = data.size
            # What fails between here and the end of the row ends the sort.
            data.put_bytes(header, HEADER)
            keys.put(document, data)
            body = data.size
            kept = document if project is None else project(document)
            data.put_bytes(PyBytes_AS_STRING(kept), PyBytes_GET_SIZE(kept))
            put_header(data.buffer + start, body - start - HEADER, PyBytes_GET_SIZE(kept), number_of(source))
            self.count += 1
            used += PyBytes_GET_SIZE(document) + <Py_ssize_t>(body - start) - HEADER + COST
            if used > max_bytes:
                return False
        return True

    def rows(self):
        """Return the rows in the order in which they were gathered."""
        return unpacked(<const char*>self.data.buffer, self.data.size)

    def sort(self, Py_ssize_t limit):
        """Sort the rows, and begin the iteration over the documents. The sort is stable. Call this method once, after `gather`.

        Arguments:
            limit: the maximum number of documents to return; 0 means all.
        """
        cdef uint8_t* row = self.data.buffer
        cdef uint32_t lengths[2]
        cdef Py_ssize_t i
        assert self.keys == NULL, "the rows are sorted only once"
        self.keys = <Key*>PyMem_Malloc(self.count * sizeof(Key))
        self.places = <Place*>PyMem_Malloc(2 * self.count * sizeof(Place))
        if self.keys == NULL or self.places == NULL:
            raise MemoryError
        for i in range(self.count):
            memcpy(lengths, row, 8)
            self.keys[i].start, self.keys[i].size = row + HEADER, lengths[0]
            row += HEADER + lengths[0] + lengths[1]
        with nogil:
            self.ordered = sort_places(self.keys, self.places, self.count)
        self.end = min(limit, self.count) if limit else self.count

    def __iter__(self):
        return self

    def __next__(self):
        cdef const uint8_t* key
        cdef uint32_t lengths[2]
        if self.position >= self.end:
            raise StopIteration
        key = self.keys[self.ordered[self.position].index].start
        self.position += 1
        memcpy(lengths, key - HEADER, 8)
        memcpy(&self.record_id, key - 8, 8)
        return PyBytes_FromStringAndSize(<const char*>key + lengths[0], lengths[1])


cdef void put_header(uint8_t* row, size_t key_size, size_t document_size, int64_t number) noexcept nogil:
    """Write what precedes a row's key and document."""
    cdef uint32_t lengths[2]
    lengths[0], lengths[1] = <uint32_t>key_size, <uint32_t>document_size
    memcpy(row, lengths, 8)
    memcpy(row + 8, &number, 8)


cdef Place* sort_places(const Key* keys, Place* places, Py_ssize_t count) noexcept nogil:
    """Sort the places of keys.

    Arguments:
        places: room for twice as many places as there are keys.

    Returns:
        the places in sorted order, in one half of `places`.
    """
    cdef size_t shared = shared_bytes(keys, count)
    cdef Py_ssize_t i
    for i in range(count):
        places[i].prefix, places[i].index = prefix_of(&keys[i], shared), i
    return merge_sorted(keys, places, places + count, count)


cdef size_t shared_bytes(const Key* keys, Py_ssize_t count) noexcept nogil:
    """Return the number of bytes with which all keys begin."""
    cdef size_t shared = keys[0].size if count else 0
    cdef size_t same
    cdef Py_ssize_t i
    for i in range(1, count):
        same = 0
        while same < shared and same < keys[i].size and keys[i].start[same] == keys[0].start[same]:
            same += 1
        shared = same
    return shared


cdef uint64_t prefix_of(const Key* key, size_t start) noexcept nogil:
    """Return the eight bytes of a key from `start` as a number. Zeros stand for missing bytes."""
    cdef uint64_t prefix = 0
    cdef size_t i
    for i in range(start, start + 8):
        prefix = prefix << 8 | (key.start[i] if i < key.size else 0)
    return prefix


cdef inline bint precedes(const Key* keys, const Place* a, const Place* b) noexcept nogil:
    """Return whether the key of `a` is less than the key of `b`."""
    if a.prefix != b.prefix:
        return a.prefix < b.prefix
    return is_less(&keys[a.index], &keys[b.index])


cdef bint is_less(const Key* a, const Key* b) noexcept nogil:
    cdef int order = memcmp(a.start, b.start, min(a.size, b.size))
    return order < 0 if order else a.size < b.size


cdef Place* merge_sorted(const Key* keys, Place* places, Place* spare, Py_ssize_t count) noexcept nogil:
    """Sort places by their keys by merging runs of 1, 2, 4 ... places. Return the array that contains the result: `places` or `spare`."""
    cdef Py_ssize_t run = 1, start
    while run < count:
        start = 0
        while start < count:
            merge(keys, places + start, min(run, count - start), min(2 * run, count - start), spare + start)
            start += 2 * run
        places, spare = spare, places
        run *= 2
    return places


cdef void merge(const Key* keys, const Place* places, Py_ssize_t middle, Py_ssize_t count, Place* out) noexcept nogil:
    """Merge two adjacent sorted runs. The second one starts at `middle`, and may be empty."""
    cdef Py_ssize_t left = 0, right = middle
    if middle < count and precedes(keys, &places[middle], &places[middle - 1]):
        while left < middle and right < count:
            if precedes(keys, &places[right], &places[left]):
                out[0] = places[right]
                right += 1
            else:
                out[0] = places[left]
                left += 1
            out += 1
        memcpy(out, places + left, (middle - left) * sizeof(Place))
        memcpy(out + (middle - left), places + right, (count - right) * sizeof(Place))
    else:
        memcpy(out, places, count * sizeof(Place))


def keep_best(documents not None, source, key not None, Py_ssize_t limit, list keys not None, list rows not None, Py_ssize_t max_bytes):
    """Insert documents into the list of the first documents in sort order that were found so far.

    For most documents, a comparison with the last key of the list suffices. Return False, before all documents are read, if the list needs
    more memory than `max_bytes`.

    Arguments:
        documents: some of the source's documents.
        source, key: see `gather`.
        limit: the maximum length of the list.
        keys, rows: the keys and rows of the list, which are modified in place.
        max_bytes: the memory that the list may use.
    """
    cdef Py_ssize_t used = 0
    cdef bytes document, own
    cdef Keys maker = Keys(key)
    for row in rows:
        used += PyBytes_GET_SIZE(<bytes>(<tuple>row)[0]) + PyBytes_GET_SIZE(<bytes>(<tuple>row)[1]) + COST
    for document in documents:
        own = maker.of(document)
        if len(keys) == limit:
            if own >= <bytes>keys[limit - 1]:
                continue
            used -= PyBytes_GET_SIZE(<bytes>keys.pop()) + PyBytes_GET_SIZE(<bytes>(<tuple>rows.pop())[1]) + COST
        place = bisect_right(keys, own)
        keys.insert(place, own)
        rows.insert(place, (own, document, number_of(source)))
        used += PyBytes_GET_SIZE(document) + PyBytes_GET_SIZE(own) + COST
        if used > max_bytes:
            return False
    return True


def gather_documents(documents not None, list found not None, Py_ssize_t max_bytes):
    """Append documents to a list, until they use more than `max_bytes` of memory. Return whether the documents have ended."""
    cdef Py_ssize_t used = 0
    cdef bytes document
    for document in documents:
        found.append(document)
        used += PyBytes_GET_SIZE(document) + DOCUMENT_COST
        if used > max_bytes:
            return False
    return True


def pack(list rows not None, Py_ssize_t start, Py_ssize_t size):
    """Return a block of rows that has about `size` bytes but at least one row, and the position of the first row that is not in it.

    Arguments:
        rows: the rows.
        start: the position of the block's first row. It must exist.
        size: the number of bytes above which the block takes no further row.
    """
    cdef Py_ssize_t end = start, total = 0
    cdef bytes key, document, block
    cdef size_t key_size
    cdef uint8_t* target
    cdef tuple row
    while end < len(rows) and (total < size or end == start):
        row = <tuple>rows[end]
        total += PyBytes_GET_SIZE(<bytes>row[0]) + PyBytes_GET_SIZE(<bytes>row[1]) + HEADER
        end += 1
    block = PyBytes_FromStringAndSize(NULL, total)
    target = <uint8_t*>PyBytes_AS_STRING(block)
    while start < end:
        row = <tuple>rows[start]
        key, document = <bytes>row[0], <bytes>row[1]
        key_size = PyBytes_GET_SIZE(key)
        put_header(target, key_size, PyBytes_GET_SIZE(document), <int64_t>row[2])
        memcpy(target + HEADER, PyBytes_AS_STRING(key), key_size)
        memcpy(target + HEADER + key_size, PyBytes_AS_STRING(document), PyBytes_GET_SIZE(document))
        target += HEADER + key_size + PyBytes_GET_SIZE(document)
        start += 1
    return block, end


def unpack(bytes block not None):
    """Return the rows of a block."""
    return unpacked(PyBytes_AS_STRING(block), PyBytes_GET_SIZE(block))


cdef list unpacked(const char* source, size_t size):
    cdef list rows = []
    cdef const char* end = source + size
    cdef const char* key
    cdef uint32_t lengths[2]
    cdef int64_t number
    while source < end:
        memcpy(lengths, source, 8)
        memcpy(&number, source + 8, 8)
        key = source + HEADER
        rows.append((key[:lengths[0]], (key + lengths[0])[:lengths[1]], number))
        source = key + lengths[0] + lengths[1]
    return rows
