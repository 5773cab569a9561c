# cython: language_level=3, boundscheck=False, wraparound=False
"""The rows of the oplog's table that contain changes of documents. Compiled because it runs once per written document.

A row contains the changes of one commit. A large commit writes several rows. Each change has its own timestamp, and the timestamps are
consecutive. Usually each change has its own entry, and the key of the row is the timestamp of the first change. Consecutive inserts share
one entry, an `applyOps`, and the key of their row is the timestamp of the last insert.

Because most entries are never read, a row is *packed*: data that its changes share is stored once, and a reader encodes the entries. All
numbers are little-endian:

    int32   0 if each change has an entry, -1 for inserts that share one. No BSON document begins with these numbers: a row that begins
            otherwise is a plain sequence of entries, such as those of commands
    int32   the number of changes
    int64   the wall clock time in milliseconds since the epoch
    document  the collection's `ns` and `ui`
    document  the `lsid` of a retryable write, or int32 0. After a document:
      int64   its `txnNumber`
      int32   the statement id of the first change
      int32   the id of the last statement, to which all further changes belong
      uint64  the timestamp of the write's previous entry, or 0
    and for each change:
      uint8   the letter of its `op`
      uint8   1 if an image follows
      document  its `o`
      document  its `o2`, for an update; the `o2` of an insert is derived from its `o`
      document  the document before its change, if it is recorded
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport document_length, read_int32, read_int64
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DOCUMENT, BSON_INT, BSON_LONG
from secantus_server.oplog._entries cimport letter_of, put_id, put_op, put_previous, put_row, put_times
from secantus_server.storage._pauses cimport BREATH, pause_when_due
from secantus_server.storage._unit cimport RecoveryUnit

cdef enum:
    # A row of at least this size receives no further entry.
    ROW_BYTES = 32768
    # The maximum number of inserts that share an entry, and the size at which an entry receives no further insert; as in MongoDB.
    MOST_INSERTS = 500
    INSERTS_BYTES = 262144
    # The maximum bytes of the inserts in an entry, which must stay below the size limit of a document.
    LARGEST_SHARED = 15728640
    EACH_HAS_ENTRY = 0
    SHARED_ENTRY = -1
    COUNT_AT = 4
    WALL_AT = 8
    IDENTITY_AT = 16
    INSERT = 105  # "i"
    COMMAND = 99  # "c"
    UPDATE = 117  # "u"


cdef class Chain:
    """The additional fields of a retryable write's entries: session, number, statement id and the optime of the previous entry.

    Arguments:
        lsid: the session's id, an encoded document of `id` and `uid`.
        number: the `txnNumber`.
        statement: the id of the first statement.
        last: the id of the last statement, to which all further changes belong.
        previous: the timestamp of the write's previous entry, or None.
    """

    def __init__(self, bytes lsid not None, int64_t number, int statement, int last, previous):
        self.lsid = lsid
        self.number = number
        self.statement = statement
        self.last = last
        self.previous = 0 if previous is None else <uint64_t>previous.time << 32 | <uint64_t>previous.inc

    cdef int put(self, Writer out) except -1:
        """Append the part of a packed row that describes the retryable write."""
        out.put_bytes(PyBytes_AS_STRING(self.lsid), PyBytes_GET_SIZE(self.lsid))
        out.put_int64(self.number)
        out.put_int32(self.statement)
        out.put_int32(self.last)
        return out.put_int64(<int64_t>self.previous)

    cdef int advance(self, Py_ssize_t changes, uint64_t stamp) noexcept:
        """Advance past a number of changes. `stamp` is the timestamp of the last of them."""
        self.previous = stamp
        self.statement = <int>min(<Py_ssize_t>self.statement + changes, <Py_ssize_t>self.last)
        return 0


cdef Py_ssize_t append_changes(
    RecoveryUnit unit, Writer out, bytes identity, list changes, uint64_t stamp, int64_t wall_ms, Chain chain
) except -1:
    """Write the entries for changes of one collection's documents; return the number of bytes written.

    Each change has its own timestamp. Consecutive inserts share one entry, which has the timestamp of the last insert.

    Arguments:
        unit: the recovery unit, with an open transaction.
        out: a buffer, which is overwritten.
        identity: a BSON document of the collection's `ns` and `ui`.
        changes: see `oplog.Change`.
        stamp: the first change's timestamp as a 64-bit number.
        wall_ms: the wall clock time in milliseconds since the epoch.
        chain: the retryable write, or None.
    """
    cdef Py_ssize_t total = 0
    cdef Py_ssize_t position = 0
    cdef Py_ssize_t end = len(changes)
    cdef Py_ssize_t inserts
    cdef int64_t last_pause = 0
    out.clear()
    while position < end:
        inserts = count_inserts(changes, position)
        if inserts > 1:
            put_header(out, SHARED_ENTRY, identity, wall_ms, chain)
            last_pause = put_run(out, changes, position, position + inserts, last_pause)
            stamp += inserts
            position += inserts
            if chain is not None:
                chain.advance(inserts, stamp - 1)
            total += end_row(unit, out, stamp - 1, inserts)
        else:
            inserts = position
            put_header(out, EACH_HAS_ENTRY, identity, wall_ms, chain)
            # Append this change and the following ones, up to the next inserts that share an entry.
            while True:
                put_packed(out, changes[position])
                position += 1
                if position % BREATH == 0:
                    last_pause = pause_when_due(last_pause)
                if position == end or out.size >= ROW_BYTES or count_inserts(changes, position) > 1:
                    break
            if chain is not None:
                chain.advance(position - inserts, stamp + <uint64_t>(position - inserts) - 1)
            total += end_row(unit, out, stamp, position - inserts)
            stamp += position - inserts
    return total


cdef Py_ssize_t count_inserts(list changes, Py_ssize_t start) except -1:
    """Return the number of inserts that share an entry, beginning at `start`; 0 if the change at `start` is not an insert.

    An insert with an `o` has an entry of its own.
    """
    cdef Py_ssize_t position = start
    cdef Py_ssize_t end = min(<Py_ssize_t>len(changes), start + <Py_ssize_t>MOST_INSERTS)
    cdef Py_ssize_t size = 0
    cdef tuple change
    while position < end:
        change = changes[position]
        if letter_of(change[0]) != INSERT:
            break
        if len(change) > 2:
            return max(position - start, 1)
        if position > start and (size >= INSERTS_BYTES or size + PyBytes_GET_SIZE(<bytes>change[1]) > LARGEST_SHARED):
            break
        size += PyBytes_GET_SIZE(<bytes>change[1])
        position += 1
    return position - start


cdef int64_t put_run(Writer out, list changes, Py_ssize_t start, Py_ssize_t end, int64_t last_pause) except -1:
    """Append the changes at [start, end) to a packed row; return the time of the thread's last pause (see `pause_when_due`)."""
    cdef Py_ssize_t position
    for position in range(start, end):
        put_packed(out, changes[position])
        if position % BREATH == 0:
            last_pause = pause_when_due(last_pause)
    return last_pause


cdef int put_header(Writer out, int kind, bytes identity, int64_t wall_ms, Chain chain) except -1:
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


cdef Py_ssize_t end_row(RecoveryUnit unit, Writer out, uint64_t stamp, Py_ssize_t changes) except -1:
    """Write a packed row, clear the buffer, and return the row's size in bytes."""
    cdef Py_ssize_t size = out.size
    cdef uint32_t count = <uint32_t>changes
    memcpy(out.buffer + COUNT_AT, &count, 4)
    put_row(unit, out, stamp)
    return size


cdef bint is_packed(const uint8_t* row) noexcept:
    """Return whether a row is packed."""
    return read_int32(row) <= 0


cdef uint32_t packed_count(const uint8_t* row) noexcept:
    """Return the number of entries of a packed row."""
    return 1 if read_int32(row) == SHARED_ENTRY else <uint32_t>read_int32(row + COUNT_AT)


cdef const uint8_t* packed_identity(const uint8_t* row) noexcept:
    """Return the document with the `ns` and `ui` of a packed row's changes."""
    return row + IDENTITY_AT


cdef class Unpacking:
    """The decoder of a packed row, which encodes its entries one after the other."""

    cdef const uint8_t* at
    cdef const uint8_t* identity
    cdef const uint8_t* lsid
    cdef int64_t wall_ms
    cdef int64_t number
    cdef int statement
    cdef int last
    cdef uint64_t previous
    cdef uint64_t stamp
    cdef bint has_image
    cdef Writer out

    cdef int begin(self, const uint8_t* row, uint64_t stamp) except -1:
        """Read the header of the row."""
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
        self.out.put_name(BSON_DOCUMENT, name, name_len)
        return self.out.put_bytes(document, document_length(document))

    cdef int put_session(self) except -1:
        """Append the first fields of an entry of a retryable write."""
        if self.lsid is not NULL:
            self.put_document("lsid", 4, self.lsid)
            self.out.put_name(BSON_LONG, "txnNumber", 9)
            self.out.put_int64(self.number)
        return 0

    cdef int put_change(self) except -1:
        """Append the fields of the next change, up to the image."""
        cdef Writer out = self.out
        cdef uint8_t letter = self.at[0]
        self.has_image = self.at[1]
        self.at += 2
        put_op(out, letter)
        out.put_bytes(self.identity + 4, document_length(self.identity) - 5)
        self.put_document("o", 1, self.at)
        if letter == INSERT:
            out.put_name(BSON_DOCUMENT, "o2", 2)
            put_id(out, self.at)
        elif letter == UPDATE:
            self.at += document_length(self.at)
            self.put_document("o2", 2, self.at)
        self.at += document_length(self.at)
        if self.lsid is not NULL:
            out.put_name(BSON_INT, "stmtId", 6)
            out.put_int32(self.statement)
            if self.statement < self.last:
                self.statement += 1
        return 0

    cdef int put_end(self) except -1:
        """Append the time fields of an entry."""
        put_times(self.out, self.stamp, self.wall_ms)
        if self.lsid is not NULL:
            put_previous(self.out, self.previous)
            self.previous = self.stamp
        self.stamp += 1
        return 0

    cdef int put_entry(self) except -1:
        """Encode the next change as an entry."""
        cdef size_t mark = self.out.open()
        self.put_session()
        self.put_change()
        self.put_end()
        if self.has_image:
            self.put_document("$pre", 4, self.at)
            self.at += document_length(self.at)
        return self.out.close(mark)

    cdef int put_shared(self, uint32_t count) except -1:
        """Encode several inserts as one entry, like MongoDB's entry for an insert command."""
        cdef Writer out = self.out
        cdef size_t mark = out.open()
        cdef size_t command
        cdef size_t array
        cdef size_t one
        cdef uint32_t i
        cdef bytes name
        self.put_session()
        put_op(out, COMMAND)
        out.put_value("ns", 2, "admin.$cmd", 1)
        out.put_name(BSON_DOCUMENT, "o", 1)
        command = out.open()
        out.put_name(BSON_ARRAY, "applyOps", 8)
        array = out.open()
        for i in range(count):
            name = b"%d" % i
            out.put_name(BSON_DOCUMENT, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
            one = out.open()
            self.put_change()
            out.close(one)
        out.close(array)
        out.close(command)
        self.put_end()
        out.put_name(BSON_INT, "multiOpType", 11)
        out.put_int32(1)
        return out.close(mark)


cdef bytes plain_row(bytes row, uint64_t stamp):
    """Return a row as a plain sequence of entries.

    Arguments:
        stamp: the timestamp in the row's key, as a 64-bit number.
    """
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(row)
    cdef Unpacking unpacking
    cdef uint32_t i
    if not is_packed(data):
        return row
    unpacking = Unpacking.__new__(Unpacking)
    unpacking.begin(data, stamp)
    if read_int32(data) == SHARED_ENTRY:
        unpacking.put_shared(<uint32_t>read_int32(data + COUNT_AT))
    else:
        for i in range(packed_count(data)):
            unpacking.put_entry()
    return unpacking.out.finish()


def entries_of(bytes row not None, uint64_t stamp):
    """Return the entries of a row as BSON bytes.

    Arguments:
        stamp: the timestamp of the first entry, as a 64-bit number. The timestamps of the entries are consecutive.
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
