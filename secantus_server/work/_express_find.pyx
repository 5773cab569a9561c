# cython: language_level=3, boundscheck=False, wraparound=False
"""The finds, counts and updates of the express lane that read several documents.

They raise `Unusual` if the documents might not be all. The general path then runs the command from the beginning.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._keystring cimport invert, put_key
from secantus_server.bson._raw cimport Element
from secantus_server.bson._types cimport BSON_DATE, BSON_DOUBLE, BSON_INT, BSON_LONG, BSON_OBJECT_ID, BSON_STRING
from secantus_server.dispatch._operation cimport Counts
from secantus_server.exec._point cimport read_record_after
from secantus_server.index._index cimport Index, read_record_id
from secantus_server.storage._cursor cimport Cursor
from secantus_server.storage._unit cimport RecoveryUnit
from secantus_server.work._express_reply cimport ReplyWriter
from secantus_server.work._plain_message cimport FIND, Parts

from operator import itemgetter

from bson.objectid import ObjectId

from secantus_server.bson.values import Date
from secantus_server.exec._scan import IndexScan
from secantus_server.index._index import ident_prefix
from secantus_server.modules import import_late
from secantus_server.query.bounds import bracket, end_of_prefix
from secantus_server.query.sole_index import sole_index
from secantus_server.storage.tables import INDEX_ENTRIES, RECORDS

cdef enum:
    # The lane checks for no interrupt, so it scans only small collections.
    MOST_COUNTED = 1000
    # Less than the size of a first batch, so that the reply always contains all documents.
    MOST_FOUND = 100
    MOST_FOUND_BYTES = 1048576
    # Upper bound on the shapes of sorted finds that a connection keeps.
    MOST_SHAPES = 100

cdef int RECORDS_TABLE = RECORDS
cdef int ENTRIES_TABLE = INDEX_ENTRIES
cdef object SORT_KEY = itemgetter(0)
# The type bracket of the values of each type: its least key and whether it is included, and its greatest key and whether it is included.
cdef dict BRACKETS = {
    number: bracket(value)[:4]
    for number, value in [
        (BSON_DOUBLE, 0.0),
        (BSON_INT, 0),
        (BSON_LONG, 0),
        (BSON_STRING, ""),
        (BSON_OBJECT_ID, ObjectId(b"\0" * 12)),
        (BSON_DATE, Date(0)),
    ]
}


class Unusual(Exception):
    """Raised for a command that the general path must run."""


cdef int scan_collection(RecoveryUnit unit, collection, bint counts, int limit, ReplyWriter reply, Counts usage) except -1:
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


cdef object find_by_index(RecoveryUnit unit, collection, str path, const Parts* parts, Writer key, ReplyWriter reply, Counts usage, check):
    """Append the documents that match an equality or a range to the batch. Return the `SoleIndex` by which they were found.

    Arguments:
        path: the path of the query's only field.

    Raises:
        Unusual: the planner must choose, or the documents are too many for a batch.
    """
    cdef bint is_limited = 0 < parts.limit <= MOST_FOUND
    cdef bint is_whole
    sole = sole_index(collection, path) if parts.kind == FIND else None
    if sole is None:
        raise Unusual()
    index, ident = sole.index, collection.ident
    low, high = range_of(sole, parts, key) if parts.is_range else point_of(sole, &parts.field, key)
    if index.multikey:
        is_whole = scan_multikey(unit, ident, index, (low, high), parts.limit if is_limited else MOST_FOUND + 1, reply, usage, check)
    else:
        reverse = parts.direction != 0 and (parts.direction < 0) != sole.is_descending
        is_whole = scan_entries(unit, ident, index, low, high, reverse, parts.limit if is_limited else 0, reply, usage)
    if not is_whole:
        raise Unusual()
    return sole


cdef Index find_sorted(
    RecoveryUnit unit, collection, str path, const Parts* parts, Writer key, ReplyWriter reply, Counts usage, dict shapes, clock
):
    """Append the documents that match an equality or a range in the order of another field. Return the index by which they were found.

    Arguments:
        path: the path of the query's only field.
        shapes: the `SortedShape` of earlier finds, to which the function adds the one of this find.
        clock: the server's clock.

    Raises:
        Unusual: the planner must choose, or the documents are too many for a batch.
    """
    cdef str order = parts.order.name[: parts.order.name_len].decode("ascii")
    cdef list targets, rows = []
    cdef bytes document
    cdef int keys, position = 0
    plans = import_late("secantus_server.query.sole_sort")
    sole = sole_index(collection, path)
    is_rivalled = None if sole is None or sole.shown is not sole.index else plans.has_rival(collection, sole.index, order)
    if is_rivalled is None:
        raise Unusual()
    targets, keys = targets_of(unit, collection.ident, sole, parts, key)
    filter = PyBytes_FromStringAndSize(<const char*>parts.query.value, parts.query.value_len)
    shape = shape_of(plans, filter, path, order, parts, shapes)
    sort_key = shape.key
    for _, document in targets:
        rows.append((sort_key(document), document))
    rows.sort(key=SORT_KEY)
    for _, document in rows:
        reply.put_document(position, <const uint8_t*>PyBytes_AS_STRING(document), PyBytes_GET_SIZE(document))
        position += 1
    if is_rivalled:
        plans.cache_sorted(collection, sole.index, shape.shape, filter, {order: parts.direction}, Date(clock.now_ms()))
    usage.keys += keys
    usage.documents += position
    usage.returned += position
    usage.sorts += 1
    return sole.index


cdef object shape_of(plans, bytes filter, str path, str order, const Parts* parts, dict shapes):
    """Return the `SortedShape` of a find, from `shapes` if an earlier find differed only in its constants."""
    cdef int low = 0 if parts.low.start == NULL else 1 + parts.low_included
    cdef int high = 0 if parts.high.start == NULL else 1 + parts.high_included
    cdef tuple known = (path, order, parts.direction, low, high)
    shape = shapes.get(known)
    if shape is None:
        if len(shapes) >= MOST_SHAPES:
            shapes.clear()
        shape = shapes[known] = plans.sorted_shape(filter, {order: parts.direction})
    return shape


cdef tuple targets_by_index(RecoveryUnit unit, collection, str path, const Parts* parts, Writer key):
    """Return what an update of all documents that match an equality needs: the index, pairs of a RecordId and a document, and the number of
    entries read.

    Arguments:
        path: the path of the query's only field.

    Raises:
        Unusual: the planner must choose, an entry may repeat a document, or the documents are too many.
    """
    cdef list targets
    cdef int keys
    sole = sole_index(collection, path)
    if sole is None or sole.shown is not sole.index or sole.index.multikey:
        raise Unusual()
    targets, keys = targets_of(unit, collection.ident, sole, parts, key)
    return sole.index, targets, keys


cdef tuple targets_of(RecoveryUnit unit, int ident, sole, const Parts* parts, Writer key):
    """Return pairs of a RecordId and a document for the entries of an index that is not multikey, and the number of entries read.

    Raises:
        Unusual: the documents are too many.
    """
    cdef Cursor cursor
    cdef Index index = sole.index
    cdef bytes low, high
    cdef const uint8_t* document
    cdef size_t size, total = 0
    cdef int64_t record_id = -1
    cdef int keys = 0
    cdef list targets = []
    low, high = range_of(sole, parts, key) if parts.is_range else point_of(sole, &parts.field, key)
    cursor = Cursor(unit, ENTRIES_TABLE, index.prefix + low, index.prefix + high, False)
    try:
        while next_record(cursor, unit, ident, index, &keys, &record_id, &document, &size):
            total += size
            if len(targets) == MOST_FOUND or total >= MOST_FOUND_BYTES:
                raise Unusual()
            targets.append((record_id, PyBytes_FromStringAndSize(<const char*>document, size)))
    finally:
        cursor.close()
    return targets, keys


cdef tuple point_of(sole, const Element* value, Writer key):
    """Return the range of the entries for an equality, as `query.bounds.IndexBounds` does."""
    cdef bytes start = sole.start
    cdef bytes low
    key.clear()
    key.put_bytes(PyBytes_AS_STRING(start), PyBytes_GET_SIZE(start))
    put_key(key, value.type, value.value, None)
    if sole.is_descending:
        invert(key, PyBytes_GET_SIZE(start))
    low = PyBytes_FromStringAndSize(<const char*>key.buffer, key.size)
    return low, end_of_prefix(low)


cdef tuple range_of(sole, const Parts* parts, Writer key):
    """Return the range of the entries for a range of values, as `query.bounds.IndexBounds` does.

    Raises:
        Unusual: the range contains at most one value, which fixes the field, or the planner would not use both ends or the sort order.
    """
    cdef bint low_included, high_included
    cdef bytes low, high
    if sole.index.multikey or sole.start:
        raise Unusual()
    low, low_included, high, high_included = BRACKETS[parts.low.type if parts.low.start != NULL else parts.high.type]
    if parts.low.start != NULL:
        low, low_included = key_of(&parts.low, key), parts.low_included
    if parts.high.start != NULL:
        high, high_included = key_of(&parts.high, key), parts.high_included
    if low >= high:
        raise Unusual()
    if sole.is_descending:
        low, low_included, high, high_included = inverted(high, key), high_included, inverted(low, key), low_included
    return low if low_included else end_of_prefix(low), end_of_prefix(high) if high_included else high


cdef bytes key_of(const Element* value, Writer key):
    key.clear()
    put_key(key, value.type, value.value, None)
    return PyBytes_FromStringAndSize(<const char*>key.buffer, key.size)


cdef bytes inverted(bytes plain, Writer key):
    key.clear()
    key.put_bytes(PyBytes_AS_STRING(plain), PyBytes_GET_SIZE(plain))
    invert(key, 0)
    return PyBytes_FromStringAndSize(<const char*>key.buffer, key.size)


cdef bint scan_entries(
    RecoveryUnit unit, int ident, Index index, bytes low, bytes high, bint reverse, int limit, ReplyWriter reply, Counts usage
) except -1:
    """Append the documents of the entries in a range of an index that is not multikey. Return 0 if they are too many for a batch.

    Arguments:
        limit: the maximum number of documents; 0 for no limit.
    """
    cdef Cursor cursor = Cursor(unit, ENTRIES_TABLE, index.prefix + low, index.prefix + high, reverse)
    cdef const uint8_t* document
    cdef size_t size, total = 0
    cdef int64_t record_id = -1
    cdef int keys = 0, found = 0
    try:
        while (limit == 0 or found < limit) and next_record(cursor, unit, ident, index, &keys, &record_id, &document, &size):
            total += size
            if found == MOST_FOUND or total >= MOST_FOUND_BYTES:
                return False
            reply.put_document(found, document, size)
            found += 1
    finally:
        cursor.close()
    usage.keys += keys
    usage.documents += found
    usage.returned += found
    return True


cdef bint next_record(
    Cursor cursor, RecoveryUnit unit, int ident, Index index, int* keys, int64_t* record_id, const uint8_t** document, size_t* size
) except -1:
    """Read the document of the next entry whose document exists. Return 0 at the end.

    Arguments:
        keys: the number of entries read, to which the function adds.
        record_id: the RecordId of the document that the last call has read, or -1; then that of the new document.
    """
    cdef const uint8_t* key
    cdef const uint8_t* value
    cdef size_t key_size, value_size
    cdef int64_t last = record_id[0]
    cdef int code
    while True:
        code = cursor.next_raw(&key, &key_size, &value, &value_size)
        if code:
            cursor.fail(code)
            return False
        keys[0] += 1
        record_id[0] = read_record_id(value if index.unique else key + key_size - 8)
        if read_record_after(unit, ident, last, record_id[0], document, size):
            return True
        last = -1


cdef bint scan_multikey(RecoveryUnit unit, int ident, Index index, tuple interval, int most, ReplyWriter reply, Counts usage, check) except -1:
    """Append the documents of the entries in a range of a multikey index. Return 0 if they are too many for a batch."""
    cdef bytes document
    cdef list found = []
    cdef Py_ssize_t size
    cdef int position = 0
    scan = IndexScan(index, [interval], ident, None, check, False, True)
    scan.attach(unit)
    try:
        size = scan.batch(found, most, MOST_FOUND_BYTES)
    finally:
        scan.close()
    if size >= MOST_FOUND_BYTES or len(found) > MOST_FOUND:
        return False
    for document in found:
        reply.put_document(position, <const uint8_t*>PyBytes_AS_STRING(document), PyBytes_GET_SIZE(document))
        position += 1
    usage.keys += scan.keys_examined
    usage.documents += scan.docs_examined
    usage.returned += position
    return True
