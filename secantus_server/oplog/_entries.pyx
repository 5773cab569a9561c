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

from bson.int64 import Int64

from secantus_server.storage.tables import OPLOG

cdef int OPLOG_TABLE = OPLOG
cdef object LONG = Int64

cdef enum:
    # A row that has reached this size gets no further entry.
    ROW_BYTES = 32768
    # The most inserts in one entry, and the size from which on it gets no further one.
    MOST_INSERTS = 500
    INSERTS_BYTES = 262144


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
    """Append the fields that say what a command did."""
    cdef bytes o
    cdef bytes o2
    op, namespace, uuid, o, o2 = entry
    out.put_value("op", 2, op, 1)
    out.put_value("ns", 2, namespace, 1)
    if uuid is not None:
        out.put_value("ui", 2, uuid, 1)
    out.put_name(3, "o", 1)
    out.put_bytes(PyBytes_AS_STRING(o), PyBytes_GET_SIZE(o))
    if o2 is not None:
        out.put_name(3, "o2", 2)
        out.put_bytes(PyBytes_AS_STRING(o2), PyBytes_GET_SIZE(o2))
    return 0


cdef class Chain:
    """The entries of a retryable write, which name its session, number and statements, and the optime of the entry before.

    Arguments:
        lsid: the session's id, an encoded document of `id` and `uid`.
        number: the `txnNumber`.
        statement: the id of the first statement.
        last: the id of the last statement; further changes belong to it.
        previous: the timestamp of the write's previous entry, None if there is none.
    """

    cdef bytes lsid
    cdef int64_t number
    cdef int statement
    cdef int last
    cdef uint64_t previous

    def __init__(self, bytes lsid not None, int64_t number, int statement, int last, previous):
        self.lsid = lsid
        self.number = number
        self.statement = statement
        self.last = last
        self.previous = 0 if previous is None else <uint64_t>previous.time << 32 | <uint64_t>previous.inc

    cdef int put_fields(self, Writer out) except -1:
        """Append the fields that an entry begins with."""
        out.put_name(3, "lsid", 4)
        out.put_bytes(PyBytes_AS_STRING(self.lsid), PyBytes_GET_SIZE(self.lsid))
        out.put_name(18, "txnNumber", 9)
        return out.put_int64(self.number)


def append_changes(
    RecoveryUnit unit not None, bytes identity not None, list changes not None, uint64_t stamp, int64_t wall_ms, Chain chain=None
):
    """Write the entries of changed documents of one collection; return their bytes.

    Each change has a timestamp of its own. Consecutive inserts share an entry, an `applyOps` under the timestamp of the last of them.

    Arguments:
        unit: the recovery unit, with an open transaction.
        identity: a BSON document of the collection's `ns` and `ui`.
        changes: see `oplog.Change`.
        stamp: the first change's timestamp as a 64-bit number.
        wall_ms: the wall clock time in milliseconds since the epoch.
        chain: the retryable write, or None.
    """
    cdef Writer out = Writer.__new__(Writer)
    cdef const char* fields = PyBytes_AS_STRING(identity) + 4
    cdef Py_ssize_t fields_size = PyBytes_GET_SIZE(identity) - 5
    cdef Py_ssize_t total = 0
    cdef uint64_t row = stamp
    cdef size_t mark
    cdef Py_ssize_t position = 0
    cdef Py_ssize_t count = len(changes)
    cdef Py_ssize_t inserts
    cdef int64_t last_pause = 0
    cdef tuple change
    while position < count:
        change = changes[position]
        if position + 1 < count and is_insert(change) and is_insert(changes[position + 1]):
            if out.size:
                total += out.size
                put_row(unit, out, row)
            last_pause = pause_when_due(last_pause)
            inserts = put_inserts(out, fields, fields_size, changes, position, stamp, wall_ms, chain)
            position += inserts
            stamp += inserts
            total += out.size
            put_row(unit, out, stamp - 1)
            continue
        position += 1
        if position % BREATH == 0:
            last_pause = pause_when_due(last_pause)
        if out.size == 0:
            row = stamp
        mark = out.open()
        if chain is not None:
            chain.put_fields(out)
        put_op(out, change[0])
        out.put_bytes(fields, fields_size)
        put_change(out, change)
        if chain is not None:
            out.put_name(16, "stmtId", 6)
            out.put_int32(chain.statement)
        put_times(out, stamp, wall_ms)
        if chain is not None:
            put_previous(out, chain.previous)
            chain.previous = stamp
            if chain.statement < chain.last:
                chain.statement += 1
        put_image(out, change)
        out.close(mark)
        stamp += 1
        if out.size >= ROW_BYTES:
            total += out.size
            put_row(unit, out, row)
    if out.size:
        total += out.size
        put_row(unit, out, row)
    return total


cdef bint is_insert(tuple change) noexcept:
    """Return whether a change is an insert of which the oplog keeps nothing but the document."""
    return len(change) == 2 and change[0] == "i"


cdef Py_ssize_t put_inserts(
    Writer out, const char* fields, Py_ssize_t fields_size, list changes, Py_ssize_t start, uint64_t stamp, int64_t wall_ms, Chain chain
) except -1:
    """Append one entry for the inserts at `start`, as MongoDB logs the documents of an insert command; return their number.

    Arguments:
        fields, fields_size: the fields that name the collection.
        stamp: the timestamp of the first insert; the entry gets that of the last.
        (the others as in `append_changes`)
    """
    cdef Py_ssize_t count = 0
    cdef Py_ssize_t most = min(len(changes) - start, <Py_ssize_t>MOST_INSERTS)
    cdef size_t entry = out.open()
    cdef size_t command
    cdef size_t array
    cdef size_t mark
    cdef bytes name
    cdef tuple change
    if chain is not None:
        chain.put_fields(out)
    put_op(out, "c")
    out.put_value("ns", 2, "admin.$cmd", 1)
    out.put_name(3, "o", 1)
    command = out.open()
    out.put_name(4, "applyOps", 8)
    array = out.open()
    while count < most and <Py_ssize_t>out.size < INSERTS_BYTES:
        change = changes[start + count]
        if not is_insert(change):
            break
        name = b"%d" % count
        out.put_name(3, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
        mark = out.open()
        put_op(out, change[0])
        out.put_bytes(fields, fields_size)
        put_change(out, change)
        if chain is not None:
            out.put_name(16, "stmtId", 6)
            out.put_int32(chain.statement)
            if chain.statement < chain.last:
                chain.statement += 1
        out.close(mark)
        count += 1
    out.close(array)
    out.close(command)
    stamp += count - 1
    put_times(out, stamp, wall_ms)
    if chain is not None:
        put_previous(out, chain.previous)
        chain.previous = stamp
    out.put_name(16, "multiOpType", 11)
    out.put_int32(1)
    out.close(entry)
    return count


cdef int put_op(Writer out, str op) except -1:
    """Append the field `op`, a string of one letter."""
    cdef Py_UCS4 letter = op[0]
    out.put_name(2, "op", 2)
    out.put_int32(2)
    out.put_byte(<uint8_t>letter)
    return out.put_byte(0)


cdef int put_change(Writer out, tuple change) except -1:
    """Append the fields `o` and `o2`, which say what happened to a document."""
    cdef bytes document = change[1]
    cdef bytes o = document
    if change[0] == "d":
        return put_id(out, "o", 1, document)
    if len(change) > 2:
        o = change[2]
    out.put_name(3, "o", 1)
    out.put_bytes(PyBytes_AS_STRING(o), PyBytes_GET_SIZE(o))
    return put_id(out, "o2", 2, document)


cdef int put_image(Writer out, tuple change) except -1:
    """Append the document before its change, if it is to be kept."""
    cdef bytes image
    if len(change) < 4:
        return 0
    image = change[3]
    out.put_name(3, "$pre", 4)
    return out.put_bytes(PyBytes_AS_STRING(image), PyBytes_GET_SIZE(image))


cdef int put_id(Writer out, const char* name, size_t name_len, bytes document) except -1:
    """Append a field with `{_id: ...}` of the document."""
    cdef Element element
    cdef size_t mark
    out.put_name(3, name, name_len)
    mark = out.open()
    if find_field(<const uint8_t*>PyBytes_AS_STRING(document), "_id", 3, &element):
        out.put_raw_element(&element)
    return out.close(mark)


def transaction_operations(list entries not None, writes not None, Py_ssize_t limit):
    """Encode what a transaction did, as the `o` of one or several `applyOps` entries.

    Arguments:
        entries: the changes of collections, which come first; see `append`.
        writes: the changes of documents; see `append_changes` for identity and changes.
        limit: the maximum size of the operations in one entry; a single operation may exceed it.

    Returns:
        the `o` of each entry; all but the last have `partialTxn`, and the last of several has `count`.
    """
    cdef Operations operations = Operations(limit)
    cdef Py_ssize_t steps = 0
    cdef int64_t last_pause = 0
    cdef bytes identity
    for entry in entries:
        operations.add_command(entry)
    for identity, changes in writes:
        for change in changes:
            steps += 1
            if steps % BREATH == 0:
                last_pause = pause_when_due(last_pause)
            operations.add_change(identity, change)
    return operations.finish()


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
        put_op(self.one, change[0])
        self.one.put_bytes(PyBytes_AS_STRING(identity) + 4, PyBytes_GET_SIZE(identity) - 5)
        put_change(self.one, change)
        put_image(self.one, change)
        self.one.close(mark)
        return self.add()

    cdef int add(self) except -1:
        """Append the operation in `one` to the part, or to a new part if it does not fit."""
        cdef bytes name
        if self.in_part and <Py_ssize_t>(self.out.size + self.one.size) > self.limit:
            self.end_part(b"partialTxn", True)
        name = str(self.in_part).encode()
        self.out.put_name(3, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
        self.out.put_bytes(self.one.buffer, self.one.size)
        self.one.clear()
        self.in_part += 1
        self.total += 1
        return 0

    cdef int end_part(self, bytes name, value) except -1:
        """Finish the `o` of a part, whose last field is the given one unless the value is None."""
        cdef Writer document = Writer()
        cdef size_t mark = document.open()
        cdef size_t array
        document.put_name(4, "applyOps", 8)
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


def append_transaction(RecoveryUnit unit not None, bytes fields not None, list parts not None, uint64_t stamp, int64_t wall_ms):
    """Write the `applyOps` entries of a transaction with consecutive timestamps, each in a row of its own.

    Arguments:
        unit: the recovery unit, with an open transaction.
        fields: the encoded fields `lsid` and `txnNumber`.
        parts: the `o` of each entry.
        stamp: the first entry's timestamp as a 64-bit number.
        wall_ms: the wall clock time in milliseconds since the epoch.
    """
    cdef Writer out = Writer()
    cdef uint64_t previous = 0
    cdef size_t mark
    cdef bytes part
    for part in parts:
        mark = out.open()
        out.put_bytes(PyBytes_AS_STRING(fields), PyBytes_GET_SIZE(fields))
        out.put_value("op", 2, "c", 1)
        out.put_value("ns", 2, "admin.$cmd", 1)
        out.put_name(3, "o", 1)
        out.put_bytes(PyBytes_AS_STRING(part), PyBytes_GET_SIZE(part))
        put_times(out, stamp, wall_ms)
        put_previous(out, previous)
        out.close(mark)
        put_row(unit, out, stamp)
        previous = stamp
        stamp += 1


cdef int put_previous(Writer out, uint64_t stamp) except -1:
    """Append `prevOpTime`, the optime of the previous entry of the transaction; 0 if there is none."""
    cdef size_t mark
    out.put_name(3, "prevOpTime", 10)
    mark = out.open()
    out.put_name(17, "ts", 2)
    out.put_int64(<int64_t>stamp)
    out.put_name(18, "t", 1)
    out.put_int64(1 if stamp else -1)
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
