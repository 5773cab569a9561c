# cython: language_level=3, boundscheck=False, wraparound=False
"""Rows of a sort: gathering them up to a memory limit, and their format in temporary files.

A row is a tuple of a sort key, a document and a number (the RecordId). In a file, rows are in blocks. A row is the length of its key and
that of its document (4 bytes each), the number (8 bytes), the key and the document, in the byte order of the machine.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcpy

from bisect import bisect_right

cdef enum:
    # The memory that a row uses in addition to the bytes of its key and document: the headers of two bytes objects, the tuple, the
    # integer, and their places in the list.
    COST = 200
    # The memory that a document uses in addition to its bytes, in a list that is sorted by computed keys.
    DOCUMENT_COST = 100
    HEADER = 16

ROW_COST = COST


def gather(documents not None, source, key not None, list rows not None, Py_ssize_t max_bytes):
    """Append a row for each document, until the rows use more than `max_bytes` of memory. Return whether the documents have ended.

    Arguments:
        documents: an iterator over the documents.
        source: an object whose `record_id` is the RecordId of the last document, or None for the number 0.
        key: a function that returns the sort key of a document.
        rows: the list of rows, to which the function appends.
        max_bytes: the memory that the new rows may use.
    """
    cdef Py_ssize_t used = 0
    cdef bytes document, own
    if source is None:
        for document in documents:
            own = key(document)
            rows.append((own, document, 0))
            used += PyBytes_GET_SIZE(document) + PyBytes_GET_SIZE(own) + COST
            if used > max_bytes:
                return False
        return True
    for document in documents:
        own = key(document)
        rows.append((own, document, source.record_id))
        used += PyBytes_GET_SIZE(document) + PyBytes_GET_SIZE(own) + COST
        if used > max_bytes:
            return False
    return True


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
    for row in rows:
        used += PyBytes_GET_SIZE(<bytes>(<tuple>row)[0]) + PyBytes_GET_SIZE(<bytes>(<tuple>row)[1]) + COST
    for document in documents:
        own = key(document)
        if len(keys) == limit:
            if own >= <bytes>keys[limit - 1]:
                continue
            used -= PyBytes_GET_SIZE(<bytes>keys.pop()) + PyBytes_GET_SIZE(<bytes>(<tuple>rows.pop())[1]) + COST
        place = bisect_right(keys, own)
        keys.insert(place, own)
        rows.insert(place, (own, document, 0 if source is None else source.record_id))
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
    cdef uint32_t lengths[2]
    cdef int64_t number
    cdef char* target
    cdef tuple row
    while end < len(rows) and (total < size or end == start):
        row = <tuple>rows[end]
        total += PyBytes_GET_SIZE(<bytes>row[0]) + PyBytes_GET_SIZE(<bytes>row[1]) + HEADER
        end += 1
    block = PyBytes_FromStringAndSize(NULL, total)
    target = PyBytes_AS_STRING(block)
    while start < end:
        row = <tuple>rows[start]
        key, document, number = <bytes>row[0], <bytes>row[1], <int64_t>row[2]
        lengths[0], lengths[1] = <uint32_t>PyBytes_GET_SIZE(key), <uint32_t>PyBytes_GET_SIZE(document)
        memcpy(target, lengths, 8)
        memcpy(target + 8, &number, 8)
        memcpy(target + HEADER, PyBytes_AS_STRING(key), lengths[0])
        memcpy(target + HEADER + lengths[0], PyBytes_AS_STRING(document), lengths[1])
        target += HEADER + lengths[0] + lengths[1]
        start += 1
    return block, end


def unpack(bytes block not None):
    """Return the rows of a block."""
    cdef list rows = []
    cdef const char* source = PyBytes_AS_STRING(block)
    cdef const char* end = source + PyBytes_GET_SIZE(block)
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
