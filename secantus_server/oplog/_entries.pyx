# cython: language_level=3, boundscheck=False, wraparound=False
"""Encodes oplog entries. Compiled because it runs once per written document.

The entry of each command, and of each part of a transaction, has its own row, whose key is the entry's timestamp. `_rows` encodes the
entries for changes of documents.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdio cimport snprintf

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element, find_field
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DATE, BSON_DOCUMENT, BSON_LONG, BSON_STRING, BSON_TIMESTAMP
from secantus_server.storage._pauses cimport BREATH, pause_when_due
from secantus_server.storage._unit cimport RecoveryUnit

from bson.int64 import Int64

from secantus_server.storage.tables import OPLOG

cdef int OPLOG_TABLE = OPLOG
cdef object LONG = Int64

cdef enum:
    COMMAND = 99  # "c"
    # The maximum number of changes that are encoded without Operations, and the size of a buffer for their numbers.
    FEW = 100
    DIGITS = 12


cdef int put_row(RecoveryUnit unit, Writer out, uint64_t stamp) except -1:
    """Write the buffer as a row whose key is the given timestamp, and clear the buffer."""
    cdef uint8_t[8] key
    cdef int i
    for i in range(8):
        key[i] = <uint8_t>(stamp >> (56 - 8 * i))
    unit.put_raw(OPLOG_TABLE, key, 8, out.buffer, out.size, True)
    out.clear()
    return 0


cdef int put_times(Writer out, uint64_t stamp, int64_t wall_ms) except -1:
    out.put_name(BSON_TIMESTAMP, "ts", 2)
    out.put_int64(<int64_t>stamp)
    out.put_name(BSON_LONG, "t", 1)
    out.put_int64(1)
    out.put_name(BSON_LONG, "v", 1)
    out.put_int64(2)
    out.put_name(BSON_DATE, "wall", 4)
    return out.put_int64(wall_ms)


cpdef append(RecoveryUnit unit, list entries, uint64_t stamp, int64_t wall_ms):
    """Write the entries of commands with consecutive timestamps.

    Arguments:
        unit: the recovery unit, with an open transaction.
        entries: tuples (op, namespace, uuid, o, o2); `o` and `o2` are BSON bytes, `uuid` and `o2` may be None.
        stamp: the first entry's timestamp as a 64-bit number.
        wall_ms: the wall clock time in milliseconds since the epoch.
    """
    cdef Writer out = Writer()
    cdef size_t mark
    for entry in entries:
        mark = out.open()
        put_command(out, entry)
        put_times(out, stamp, wall_ms)
        out.close(mark)
        put_row(unit, out, stamp)
        stamp += 1


cdef int put_command(Writer out, entry) except -1:
    """Append the fields of a command's entry that describe the command's effect."""
    cdef bytes o
    cdef bytes o2
    op, namespace, uuid, o, o2 = entry
    out.put_value("op", 2, op, 1)
    out.put_value("ns", 2, namespace, 1)
    if uuid is not None:
        out.put_value("ui", 2, uuid, 1)
    out.put_name(BSON_DOCUMENT, "o", 1)
    out.put_bytes(PyBytes_AS_STRING(o), PyBytes_GET_SIZE(o))
    if o2 is not None:
        out.put_name(BSON_DOCUMENT, "o2", 2)
        out.put_bytes(PyBytes_AS_STRING(o2), PyBytes_GET_SIZE(o2))
    return 0


cdef uint8_t letter_of(str op) except 0:
    """Return the letter `op` of a document's change as a byte."""
    return <uint8_t><Py_UCS4>op[0]


cdef int put_op(Writer out, uint8_t letter) except -1:
    """Append the field `op`, a string of one letter."""
    out.put_name(BSON_STRING, "op", 2)
    out.put_int32(2)
    out.put_byte(letter)
    return out.put_byte(0)


cdef int put_change(Writer out, tuple change) except -1:
    """Append the fields `o` and `o2`, which describe the change of a document."""
    cdef bytes document = change[1]
    cdef bytes o = document
    if change[0] == "d":
        out.put_name(BSON_DOCUMENT, "o", 1)
        return put_id(out, <const uint8_t*>PyBytes_AS_STRING(document))
    if len(change) > 2:
        o = change[2]
    out.put_name(BSON_DOCUMENT, "o", 1)
    out.put_bytes(PyBytes_AS_STRING(o), PyBytes_GET_SIZE(o))
    out.put_name(BSON_DOCUMENT, "o2", 2)
    return put_id(out, <const uint8_t*>PyBytes_AS_STRING(document))


cdef int put_image(Writer out, tuple change) except -1:
    """Append the pre-image (the document before its change), if it is recorded."""
    cdef bytes image
    if len(change) < 4:
        return 0
    image = change[3]
    out.put_name(BSON_DOCUMENT, "$pre", 4)
    return out.put_bytes(PyBytes_AS_STRING(image), PyBytes_GET_SIZE(image))


cdef int put_id(Writer out, const uint8_t* document) except -1:
    """Append a document that only contains the `_id` of the given document."""
    cdef Element element
    cdef size_t mark = out.open()
    if find_field(document, "_id", 3, &element):
        out.put_raw_element(&element)
    return out.close(mark)


cpdef list transaction_entries(list entries, list writes, bytes lsid, int64_t number, Py_ssize_t limit):
    """Encode the changes of a transaction as one or several `applyOps` entries, without the fields that follow `o`.

    Arguments:
        entries: the changes of collections, which precede the changes of documents; see `append`.
        writes: the changes of documents, as pairs of the arguments `identity` and `changes` of `append_changes`.
        lsid: the session's id, a BSON document of `id` and `uid`.
        number: the `txnNumber`.
        limit: the maximum size of the operations in one entry; a single operation may exceed it.

    Returns:
        the fields of each entry up to `o`; all but the last `o` have `partialTxn`, and the last of several has `count`. The list is empty
        if the transaction has changed nothing.
    """
    cdef Operations operations
    cdef Py_ssize_t steps = 0
    cdef int64_t last_pause = 0
    cdef bytes identity
    cdef bytes only = None if entries else only_entry(writes, lsid, number, limit)
    if only is not None:
        return [only]
    operations = Operations(limit)
    for entry in entries:
        operations.add_command(entry)
    for identity, changes in writes:
        for change in changes:
            steps += 1
            if steps % BREATH == 0:
                last_pause = pause_when_due(last_pause)
            operations.add_change(identity, change)
    return [head_of(lsid, number) + part for part in operations.finish()]


cdef int put_head(Writer out, bytes lsid, int64_t number) except -1:
    """Append the fields of a transaction's entry up to the name of `o`."""
    out.put_name(BSON_DOCUMENT, "lsid", 4)
    out.put_bytes(PyBytes_AS_STRING(lsid), PyBytes_GET_SIZE(lsid))
    out.put_name(BSON_LONG, "txnNumber", 9)
    out.put_int64(number)
    put_op(out, COMMAND)
    out.put_name(BSON_STRING, "ns", 2)
    out.put_int32(11)
    out.put_bytes(b"admin.$cmd", 11)
    return out.put_name(BSON_DOCUMENT, "o", 1)


cdef bytes head_of(bytes lsid, int64_t number):
    cdef Writer out = Writer()
    put_head(out, lsid, number)
    return out.finish()


cdef bytes only_entry(list writes, bytes lsid, int64_t number, Py_ssize_t limit):
    """Encode the only entry of a transaction with a few changes of documents, without copies.

    Return None for a transaction that has no, many or large changes, which `Operations` encodes.
    """
    cdef Writer out = Writer.__new__(Writer)
    cdef char[DIGITS] name
    cdef size_t command, array, one
    cdef Py_ssize_t count = 0
    cdef bytes identity
    cdef list changes
    cdef tuple change
    put_head(out, lsid, number)
    command = out.open()
    out.put_name(BSON_ARRAY, "applyOps", 8)
    array = out.open()
    for identity, changes in writes:
        if count + len(changes) > FEW:
            return None
        for change in changes:
            out.put_name(BSON_DOCUMENT, name, snprintf(name, DIGITS, "%d", <int>count))
            one = out.open()
            put_operation(out, identity, change)
            out.close(one)
            count += 1
    # Operations decides about a transaction whose size is near the limit.
    if count == 0 or <Py_ssize_t>(out.size - array) > limit:
        return None
    out.close(array)
    out.close(command)
    return out.finish()


cdef int put_operation(Writer out, bytes identity, tuple change) except -1:
    """Append the fields of a document's change to an element of `applyOps`."""
    put_op(out, letter_of(change[0]))
    out.put_bytes(PyBytes_AS_STRING(identity) + 4, PyBytes_GET_SIZE(identity) - 5)
    put_change(out, change)
    return put_image(out, change)


cdef class Operations:
    """The operations of a transaction, split into parts of limited size."""

    cdef Py_ssize_t limit
    cdef Py_ssize_t total
    cdef Py_ssize_t in_part
    cdef list parts
    cdef Writer out
    cdef Writer one

    def __init__(self, Py_ssize_t limit):
        self.limit = limit
        self.total = 0
        self.in_part = 0
        self.parts = []
        self.out = Writer()
        self.one = Writer()

    cdef int add_command(self, entry) except -1:
        cdef size_t mark = self.one.open()
        put_command(self.one, entry)
        self.one.close(mark)
        return self.add()

    cdef int add_change(self, bytes identity, tuple change) except -1:
        cdef size_t mark = self.one.open()
        put_operation(self.one, identity, change)
        self.one.close(mark)
        return self.add()

    cdef int add(self) except -1:
        """Append the operation in `one` to the current part, or to a new part if it does not fit."""
        cdef bytes name
        if self.in_part and <Py_ssize_t>(self.out.size + self.one.size) > self.limit:
            self.end_part(b"partialTxn", True)
        name = str(self.in_part).encode()
        self.out.put_name(BSON_DOCUMENT, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
        self.out.put_bytes(self.one.buffer, self.one.size)
        self.one.clear()
        self.in_part += 1
        self.total += 1
        return 0

    cdef int end_part(self, bytes name, value) except -1:
        """Finish the `o` of a part. Append the given field at the end unless its value is None."""
        cdef Writer document = Writer()
        cdef size_t mark = document.open()
        cdef size_t array
        document.put_name(BSON_ARRAY, "applyOps", 8)
        array = document.open()
        document.put_bytes(self.out.buffer, self.out.size)
        document.close(array)
        if value is not None:
            document.put_value(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), value, 1)
        document.close(mark)
        self.parts.append(document.finish())
        self.out.clear()
        self.in_part = 0
        return 0

    cdef list finish(self):
        if self.total:
            self.end_part(b"count", LONG(self.total) if self.parts else None)
        return self.parts


cpdef Py_ssize_t append_transaction(RecoveryUnit unit, list entries, uint64_t stamp, int64_t wall_ms) except -1:
    """Write the `applyOps` entries of a transaction with consecutive timestamps, each in its own row.

    Return the number of bytes written.

    Arguments:
        unit: the recovery unit, with an open transaction.
        entries: the entries, see `transaction_entries`.
        stamp: the first entry's timestamp as a 64-bit number.
        wall_ms: the wall clock time in milliseconds since the epoch.
    """
    cdef Writer out = Writer()
    cdef uint64_t previous = 0
    cdef size_t mark
    cdef Py_ssize_t written = 0
    cdef bytes entry
    for entry in entries:
        mark = out.open()
        out.put_bytes(PyBytes_AS_STRING(entry), PyBytes_GET_SIZE(entry))
        put_times(out, stamp, wall_ms)
        put_previous(out, previous)
        out.close(mark)
        written += <Py_ssize_t>out.size
        put_row(unit, out, stamp)
        previous = stamp
        stamp += 1
    return written


cdef int put_previous(Writer out, uint64_t stamp) except -1:
    """Append `prevOpTime`, the optime of the transaction's previous entry. For the first entry, `stamp` is 0."""
    cdef size_t mark
    out.put_name(BSON_DOCUMENT, "prevOpTime", 10)
    mark = out.open()
    out.put_name(BSON_TIMESTAMP, "ts", 2)
    out.put_int64(<int64_t>stamp)
    out.put_name(BSON_LONG, "t", 1)
    out.put_int64(1 if stamp else -1)
    return out.close(mark)
