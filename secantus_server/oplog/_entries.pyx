# cython: language_level=3, boundscheck=False, wraparound=False
"""Encoding and writing oplog entries; compiled because it runs once per written document.

A row of the table holds the entries of one commit, concatenated BSON documents under the timestamp of the first; a large commit writes
several rows. The timestamps of a row's entries are consecutive.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element, document_length, find_field
from secantus_server.storage._pauses cimport BREATH, pause_when_due
from secantus_server.storage._unit cimport RecoveryUnit

from secantus_server.storage.tables import OPLOG

cdef int OPLOG_TABLE = OPLOG

cdef enum:
    # A row that has reached this size gets no further entry.
    ROW_BYTES = 32768


cdef int put_row(RecoveryUnit unit, Writer out, uint64_t stamp) except -1:
    """Write the buffered entries under the timestamp of the first, and clear the buffer."""
    cdef uint8_t[8] key
    cdef int i
    for i in range(8):
        key[i] = <uint8_t>(stamp >> (56 - 8 * i))
    unit.put_raw(OPLOG_TABLE, key, 8, out.buffer, out.size, True)
    out.clear()
    return 0


cdef int put_times(Writer out, uint64_t stamp, int64_t wall_ms) except -1:
    out.put_name(17, "ts", 2)
    out.put_int64(<int64_t>stamp)
    out.put_name(18, "t", 1)
    out.put_int64(1)
    out.put_name(18, "v", 1)
    out.put_int64(2)
    out.put_name(9, "wall", 4)
    return out.put_int64(wall_ms)


def append(RecoveryUnit unit not None, list entries not None, uint64_t stamp, int64_t wall_ms):
    """Write the entries of commands with consecutive timestamps.

    Arguments:
        unit: the recovery unit, with an open transaction.
        entries: tuples (namespace, uuid, o); `o` is BSON bytes, `uuid` may be None.
        stamp: the first entry's timestamp as a 64-bit number.
        wall_ms: the wall clock time in milliseconds since the epoch.
    """
    cdef Writer out = Writer()
    cdef size_t mark
    cdef bytes o
    for namespace, uuid, o in entries:
        mark = out.open()
        out.put_value("op", 2, "c", 1)
        out.put_value("ns", 2, namespace, 1)
        if uuid is not None:
            out.put_value("ui", 2, uuid, 1)
        put_times(out, stamp, wall_ms)
        out.put_name(3, "o", 1)
        out.put_bytes(PyBytes_AS_STRING(o), PyBytes_GET_SIZE(o))
        out.close(mark)
        put_row(unit, out, stamp)
        stamp += 1


def append_changes(RecoveryUnit unit not None, bytes identity not None, list changes not None, uint64_t stamp, int64_t wall_ms):
    """Write the entries of changed documents of one collection with consecutive timestamps; return the bytes of the documents.

    Arguments:
        unit: the recovery unit, with an open transaction.
        identity: a BSON document of the collection's `ns` and `ui`.
        changes: pairs of "i", "u" or "d" and a document: the new one, or the removed one for "d".
        stamp: the first entry's timestamp as a 64-bit number.
        wall_ms: the wall clock time in milliseconds since the epoch.
    """
    cdef Writer out = Writer.__new__(Writer)
    cdef const char* fields = PyBytes_AS_STRING(identity) + 4
    cdef Py_ssize_t fields_size = PyBytes_GET_SIZE(identity) - 5
    cdef Py_ssize_t total = 0
    cdef uint64_t row = stamp
    cdef size_t mark
    cdef str op
    cdef bytes document
    cdef Py_ssize_t steps = 0
    cdef int64_t last_pause = 0
    for op, document in changes:
        steps += 1
        if steps % BREATH == 0:
            last_pause = pause_when_due(last_pause)
        total += PyBytes_GET_SIZE(document)
        if out.size == 0:
            row = stamp
        mark = out.open()
        out.put_value("op", 2, op, 1)
        out.put_bytes(fields, fields_size)
        put_times(out, stamp, wall_ms)
        put_change(out, op, document)
        out.close(mark)
        stamp += 1
        if out.size >= ROW_BYTES:
            put_row(unit, out, row)
    if out.size:
        put_row(unit, out, row)
    return total


cdef int put_change(Writer out, str op, bytes document) except -1:
    """Write the fields that say what happened to a document."""
    if op == "d":
        return put_id(out, "o", 1, document)
    out.put_name(3, "o", 1)
    out.put_bytes(PyBytes_AS_STRING(document), PyBytes_GET_SIZE(document))
    if op == "u":
        put_id(out, "o2", 2, document)
    return 0


cdef int put_id(Writer out, const char* name, size_t name_len, bytes document) except -1:
    """Append a field with `{_id: ...}` of the document."""
    cdef Element element
    cdef size_t mark
    out.put_name(3, name, name_len)
    mark = out.open()
    if find_field(<const uint8_t*>PyBytes_AS_STRING(document), "_id", 3, &element):
        out.put_raw_element(&element)
    return out.close(mark)


def entries_of(bytes row not None):
    """Return the entries of a row as BSON bytes; the n-th one has the timestamp of the row's key plus n."""
    cdef const char* data = PyBytes_AS_STRING(row)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(row)
    cdef Py_ssize_t position = 0
    cdef Py_ssize_t length
    cdef list found = []
    while position < size:
        length = document_length(<const uint8_t*>(data + position))
        found.append(row[position : position + length])
        position += length
    return found
