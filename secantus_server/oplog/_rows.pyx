# cython: language_level=3, boundscheck=False, wraparound=False
"""The rows of the oplog's table that hold changes of documents; compiled because it runs once per written document.

A row holds the entries of one commit under the timestamp of the first; a large commit writes several rows. The timestamps of a row's
entries are consecutive. Since most entries are never read, a row is *packed*: it stores what its entries share once, and a reader
encodes the entries. All numbers are little-endian:

    int32   0 or 1, which no BSON document begins with: a row of other entries is a plain sequence of documents. With 1, the changes are
            inserts that share a single entry, an `applyOps`; the row stands under the timestamp of the last of them
    int32   the number of changes
    int64   the wall clock time in milliseconds since the epoch
    document  the collection's `ns` and `ui`
    document  the `lsid` of a retryable write, or int32 0. After a document:
      int64   its `txnNumber`
      int32   the statement id of the first change
      int32   the statement id of the last statement; further changes belong to it
      uint64  the timestamp of the write's entry before, or 0
    and of each change:
      uint8   the letter of its `op`
      uint8   1 if an image follows
      document  its `o`
      document  its `o2`, for an update; that of an insert follows from its `o`
      document  the document before its change, if it is to be kept
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport document_length, read_int32, read_int64
from secantus_server.oplog._entries cimport letter_of, put_id, put_op, put_previous, put_row, put_times
from secantus_server.storage._pauses cimport BREATH, pause_when_due
from secantus_server.storage._unit cimport RecoveryUnit

cdef enum:
    # A row that has reached this size gets no further entry.
    ROW_BYTES = 32768
    # The most inserts that share an entry, and the size from which on it gets no further one.
    MOST_INSERTS = 500
    INSERTS_BYTES = 262144
    SEPARATE = 0
    TOGETHER = 1
    COUNT_AT = 4
    WALL_AT = 8
    IDENTITY_AT = 16
    COMMAND = 99  # "c"
    INSERT = 105  # "i"
    UPDATE = 117  # "u"


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

    cdef int put(self, Writer out) except -1:
        """Append the part of a packed row about the retryable write."""
        out.put_bytes(PyBytes_AS_STRING(self.lsid), PyBytes_GET_SIZE(self.lsid))
        out.put_int64(self.number)
        out.put_int32(self.statement)
        out.put_int32(self.last)
        return out.put_int64(<int64_t>self.previous)


def append_changes(
    RecoveryUnit unit not None, bytes identity not None, list changes not None, uint64_t stamp, int64_t wall_ms, Chain chain=None
):
    """Write the entries of changed documents of one collection; return the bytes written.

    Each change has a timestamp of its own. Consecutive inserts share an entry, as those of one insert command do in MongoDB.

    Arguments:
        unit: the recovery unit, with an open transaction.
        identity: a BSON document of the collection's `ns` and `ui`.
        changes: see `oplog.Change`.
        stamp: the first change's timestamp as a 64-bit number.
        wall_ms: the wall clock time in milliseconds since the epoch.
        chain: the retryable write, or None.
    """
    cdef Writer out = Writer.__new__(Writer)
    cdef Py_ssize_t total = 0
    cdef uint64_t row = stamp
    cdef uint32_t count = 0
    cdef Py_ssize_t position = 0
    cdef Py_ssize_t last = len(changes) - 1
    cdef int64_t last_pause = 0
    cdef tuple change
    while position <= last:
        change = changes[position]
        if position < last and is_insert(change) and is_insert(changes[position + 1]):
            if out.size:
                total += put_changes(unit, out, row, count)
            last_pause = pause_when_due(last_pause)
            put_header(out, TOGETHER, identity, wall_ms, chain)
            count = put_inserts(out, changes, position)
            position += count
            stamp += count
            if chain is not None:
                chain.previous = stamp - 1
                chain.statement = min(chain.statement + <int>count, chain.last)
            total += put_changes(unit, out, stamp - 1, count)
            continue
        position += 1
        if position % BREATH == 0:
            last_pause = pause_when_due(last_pause)
        if out.size == 0:
            row = stamp
            count = 0
            put_header(out, SEPARATE, identity, wall_ms, chain)
        put_packed(out, change)
        count += 1
        if chain is not None:
            chain.previous = stamp
            if chain.statement < chain.last:
                chain.statement += 1
        stamp += 1
        if out.size >= ROW_BYTES:
            total += put_changes(unit, out, row, count)
    if out.size:
        total += put_changes(unit, out, row, count)
    return total


cdef bint is_insert(tuple change) noexcept:
    """Return whether a change is an insert of which the oplog keeps nothing but the document."""
    return len(change) == 2 and letter_of(change[0]) == INSERT


cdef uint32_t put_inserts(Writer out, list changes, Py_ssize_t start) except 0:
    """Append the inserts at a place to a packed row, and return their number."""
    cdef uint32_t count = 0
    cdef Py_ssize_t most = min(len(changes) - start, <Py_ssize_t>MOST_INSERTS)
    cdef tuple change
    while count < most and <Py_ssize_t>out.size < INSERTS_BYTES:
        change = changes[start + count]
        if not is_insert(change):
            break
        put_packed(out, change)
        count += 1
    return count


cdef int put_header(Writer out, int32_t kind, bytes identity, int64_t wall_ms, Chain chain) except -1:
    """Begin a packed row."""
    out.put_int32(kind)
    out.put_int32(0)
    out.put_int64(wall_ms)
    out.put_bytes(PyBytes_AS_STRING(identity), PyBytes_GET_SIZE(identity))
    return out.put_int32(0) if chain is None else chain.put(out)


cdef int put_packed(Writer out, tuple change) except -1:
    """Append a change to a packed row."""
    cdef bytes document = change[1]
    cdef bytes o
    cdef Py_ssize_t length = len(change)
    cdef uint8_t letter = letter_of(change[0])
    out.put_byte(letter)
    out.put_byte(length > 3)
    if letter == INSERT:
        out.put_bytes(PyBytes_AS_STRING(document), PyBytes_GET_SIZE(document))
    else:
        if letter == UPDATE:
            o = change[2] if length > 2 else document
            out.put_bytes(PyBytes_AS_STRING(o), PyBytes_GET_SIZE(o))
        put_id(out, <const uint8_t*>PyBytes_AS_STRING(document))
    if length > 3:
        o = change[3]
        out.put_bytes(PyBytes_AS_STRING(o), PyBytes_GET_SIZE(o))
    return 0


cdef Py_ssize_t put_changes(RecoveryUnit unit, Writer out, uint64_t stamp, uint32_t count) except -1:
    """Write a packed row, clear the buffer, and return the row's bytes."""
    cdef Py_ssize_t size = out.size
    memcpy(out.buffer + COUNT_AT, &count, 4)
    put_row(unit, out, stamp)
    return size


cdef bint is_packed(const uint8_t* row) noexcept:
    """Return whether a row is packed."""
    return read_int32(row) <= TOGETHER


cdef uint32_t packed_count(const uint8_t* row) noexcept:
    """Return the number of entries of a packed row."""
    return 1 if read_int32(row) == TOGETHER else <uint32_t>read_int32(row + COUNT_AT)


cdef const uint8_t* packed_identity(const uint8_t* row) noexcept:
    """Return the document of the `ns` and `ui` of a packed row's entries."""
    return row + IDENTITY_AT


cdef class Unpacking:
    """The entries of a packed row, encoded one after the other."""

    cdef const uint8_t* at
    cdef const uint8_t* identity
    cdef const uint8_t* lsid
    cdef int64_t wall_ms
    cdef int64_t number
    cdef int statement
    cdef int last
    cdef uint64_t previous
    cdef uint64_t stamp
    cdef Writer out

    cdef int begin(self, const uint8_t* row, uint64_t stamp) except -1:
        """Read the header."""
        self.out = Writer.__new__(Writer)
        self.stamp = stamp
        self.wall_ms = read_int64(row + WALL_AT)
        self.identity = row + IDENTITY_AT
        self.at = self.identity + document_length(self.identity)
        self.lsid = NULL
        if read_int32(self.at) == 0:
            self.at += 4
            return 0
        self.lsid = self.at
        self.at += document_length(self.at)
        self.number = read_int64(self.at)
        self.statement = read_int32(self.at + 8)
        self.last = read_int32(self.at + 12)
        self.previous = <uint64_t>read_int64(self.at + 16)
        self.at += 24
        return 0

    cdef int put_document(self, const char* name, size_t name_len, const uint8_t* document) except -1:
        self.out.put_name(3, name, name_len)
        return self.out.put_bytes(document, document_length(document))

    cdef int put_session(self) except -1:
        """Append the fields that the entry of a retryable write begins with."""
        if self.lsid is NULL:
            return 0
        self.put_document("lsid", 4, self.lsid)
        self.out.put_name(18, "txnNumber", 9)
        return self.out.put_int64(self.number)

    cdef int put_inserts(self, uint32_t count) except -1:
        """Encode the entry of a row of inserts."""
        cdef Writer out = self.out
        cdef size_t entry = out.open()
        cdef size_t command
        cdef size_t array
        cdef uint32_t i
        self.put_session()
        put_op(out, COMMAND)
        out.put_value("ns", 2, "admin.$cmd", 1)
        out.put_name(3, "o", 1)
        command = out.open()
        out.put_name(4, "applyOps", 8)
        array = out.open()
        for i in range(count):
            self.put_insert(b"%d" % i)
        out.close(array)
        out.close(command)
        put_times(out, self.stamp, self.wall_ms)
        if self.lsid is not NULL:
            put_previous(out, self.previous)
        out.put_name(16, "multiOpType", 11)
        out.put_int32(1)
        return out.close(entry)

    cdef int put_insert(self, bytes name) except -1:
        """Encode an insert of a shared entry, under its number in the entry."""
        cdef Writer out = self.out
        cdef size_t mark
        out.put_name(3, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
        mark = out.open()
        self.at += 2
        put_op(out, INSERT)
        out.put_bytes(self.identity + 4, document_length(self.identity) - 5)
        self.put_document("o", 1, self.at)
        out.put_name(3, "o2", 2)
        put_id(out, self.at)
        self.at += document_length(self.at)
        if self.lsid is not NULL:
            out.put_name(16, "stmtId", 6)
            out.put_int32(self.statement)
            if self.statement < self.last:
                self.statement += 1
        return out.close(mark)

    cdef int put_entry(self) except -1:
        """Encode the next entry."""
        cdef Writer out = self.out
        cdef size_t mark = out.open()
        cdef uint8_t letter = self.at[0]
        cdef bint has_image = self.at[1]
        self.at += 2
        self.put_session()
        put_op(out, letter)
        out.put_bytes(self.identity + 4, document_length(self.identity) - 5)
        self.put_document("o", 1, self.at)
        if letter == INSERT:
            out.put_name(3, "o2", 2)
            put_id(out, self.at)
        elif letter == UPDATE:
            self.at += document_length(self.at)
            self.put_document("o2", 2, self.at)
        self.at += document_length(self.at)
        if self.lsid is not NULL:
            out.put_name(16, "stmtId", 6)
            out.put_int32(self.statement)
        put_times(out, self.stamp, self.wall_ms)
        if self.lsid is not NULL:
            put_previous(out, self.previous)
            self.previous = self.stamp
            if self.statement < self.last:
                self.statement += 1
        if has_image:
            self.put_document("$pre", 4, self.at)
            self.at += document_length(self.at)
        self.stamp += 1
        return out.close(mark)


cdef bytes plain_row(bytes row, uint64_t stamp):
    """Return a row as a plain sequence of entries.

    Arguments:
        stamp: the timestamp of its first entry, as a 64-bit number.
    """
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(row)
    cdef Unpacking unpacking
    cdef uint32_t i
    if not is_packed(data):
        return row
    unpacking = Unpacking.__new__(Unpacking)
    unpacking.begin(data, stamp)
    if read_int32(data) == TOGETHER:
        unpacking.put_inserts(<uint32_t>read_int32(data + COUNT_AT))
    else:
        for i in range(packed_count(data)):
            unpacking.put_entry()
    return unpacking.out.finish()


def entries_of(bytes row not None, uint64_t stamp):
    """Return the entries of a row as BSON bytes.

    Arguments:
        stamp: the timestamp of the first, as a 64-bit number; each further entry has the next one.
    """
    cdef bytes plain = plain_row(row, stamp)
    cdef const char* data = PyBytes_AS_STRING(plain)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(plain)
    cdef Py_ssize_t position = 0
    cdef Py_ssize_t length
    cdef list found = []
    while position < size:
        length = document_length(<const uint8_t*>(data + position))
        found.append(PyBytes_FromStringAndSize(data + position, length))
        position += length
    return found


def entry_count(bytes row not None):
    """Return the number of a row's entries."""
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(row)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(row)
    cdef Py_ssize_t position = 0
    cdef Py_ssize_t count = 0
    if is_packed(data):
        return packed_count(data)
    while position < size:
        position += document_length(data + position)
        count += 1
    return count
