# cython: language_level=3, boundscheck=False, wraparound=False
"""The finds and counts of the express lane that read several documents.

They raise `Unusual` if the reply might not contain all documents. The general path then runs the command from the beginning.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._keystring cimport invert, put_key
from secantus_server.bson._raw cimport Element
from secantus_server.storage._cursor cimport Cursor
from secantus_server.storage._unit cimport RecoveryUnit
from secantus_server.work._express_reply cimport ReplyWriter

from secantus_server.exec._scan import IndexScan, next_prefix
from secantus_server.index._index import ident_prefix
from secantus_server.storage.tables import RECORDS

cdef enum:
    # The lane checks for no interrupt, so it scans only small collections.
    MOST_COUNTED = 1000
    # Less than the size of a first batch, so that the reply always contains all documents.
    MOST_FOUND = 100
    MOST_FOUND_BYTES = 1048576

cdef int RECORDS_TABLE = RECORDS


class Unusual(Exception):
    """Raised for a command that the general path must run."""


cdef int scan_collection(RecoveryUnit unit, collection, bint counts, int limit, ReplyWriter reply, usage) except -1:
    """Append all documents of a small collection to the batch, or their count.

    Raises:
        Unusual: the collection is large, or its number of documents is unknown.
    """
    cdef Cursor cursor
    cdef const uint8_t* key
    cdef const uint8_t* document
    cdef size_t key_size, size, total = 0
    cdef int found = 0, code = 0
    known = collection.document_count.value
    if known is None or known > MOST_COUNTED or (not counts and known > MOST_FOUND and not 0 < limit <= MOST_FOUND):
        raise Unusual()
    cursor = Cursor(unit, RECORDS_TABLE, ident_prefix(collection.ident), ident_prefix(collection.ident + 1), False)
    while counts or limit == 0 or found < limit:
        code = cursor.next_raw(&key, &key_size, &document, &size)
        if code:
            cursor.fail(code)
            break
        total += size
        if not counts:
            if found == MOST_FOUND or total > MOST_FOUND_BYTES:
                raise Unusual()
            reply.put_document(found, document, size)
        found += 1
    usage.whole_scans += 1
    usage.documents += found
    usage.returned += found > 0 if counts else found
    return reply.put_count(found) if counts else 0


cdef int scan_index(
    RecoveryUnit unit, int records_ident, sole, const Element* value, Writer key, int limit, ReplyWriter reply, usage, check
) except -1:
    """Append the documents that equal a value at the path of a `SoleIndex` to the batch.

    Raises:
        Unusual: the documents are too many for a batch.
    """
    index, _, start, is_descending = sole
    cdef bytes low, document
    cdef list found = []
    cdef Py_ssize_t most = limit if 0 < limit <= MOST_FOUND else MOST_FOUND + 1
    cdef Py_ssize_t size
    cdef int position = 0
    key.clear()
    key.put_bytes(PyBytes_AS_STRING(start), PyBytes_GET_SIZE(start))
    put_key(key, value.type, value.value, None)
    if is_descending:
        invert(key, PyBytes_GET_SIZE(start))
    low = PyBytes_FromStringAndSize(<const char*>key.buffer, key.size)
    scan = IndexScan(index, [(low, next_prefix(low))], records_ident, None, check, False, index.multikey)
    scan.attach(unit)
    try:
        size = scan.batch(found, most, MOST_FOUND_BYTES)
    finally:
        scan.close()
    if size >= MOST_FOUND_BYTES or len(found) > MOST_FOUND:
        raise Unusual()
    for document in found:
        reply.put_document(position, <const uint8_t*>PyBytes_AS_STRING(document), PyBytes_GET_SIZE(document))
        position += 1
    usage.keys += scan.keys_examined
    usage.documents += scan.docs_examined
    usage.returned += position
    return 0
