# cython: language_level=3, boundscheck=False, wraparound=False
"""Writes the replies of the express lane as bytes, equal to those of the general path."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport read_int32
from secantus_server.bson._types cimport (
    BSON_ARRAY,
    BSON_BOOL,
    BSON_DOCUMENT,
    BSON_INT,
    BSON_LONG,
    BSON_OBJECT_ID,
    BSON_STRING,
    BSON_TIMESTAMP,
)
from secantus_server.work._plain_message cimport OP_MSG

from bson.int64 import Int64
from bson.timestamp import Timestamp

from secantus_server.bson import encode
from secantus_server.bson.values import stamp_of

cdef enum:
    REPLY_AT = 21  # header 16, flags 4, kind 1
    MOST_KEPT = 65536  # larger buffers are not kept after a reply

# A document of the common fields of all replies, in which only the cluster time and the operation time differ, and the position and the
# size of its fields.
cdef bytes COMMON = encode({
    "ok": 1.0,
    "$clusterTime": {"clusterTime": Timestamp(0, 0), "signature": {"hash": bytes(20), "keyId": Int64(0)}},
    "operationTime": Timestamp(0, 0),
})
cdef size_t COMMON_AT = 4
cdef size_t COMMON_SIZE = len(COMMON) - 5
cdef size_t CLUSTER_TIME_AT = COMMON.index(b"\x11clusterTime\0") + 13 - COMMON_AT
cdef size_t OPERATION_TIME_AT = COMMON_SIZE - 8


cdef class ReplyWriter:
    """A writer of the replies of one connection.

    Arguments:
        oplog: the server's oplog, which has the times that replies contain.
        topology: the server's role.
    """

    def __init__(self, oplog, topology):
        self.oplog = oplog
        self.topology = topology
        self.out = Writer.__new__(Writer)

    cdef int begin(self) except -1:
        """Begin a reply, and leave room for the message header."""
        cdef char[REPLY_AT] header
        memset(header, 0, REPLY_AT)
        self.out.clear()
        self.out.put_bytes(header, REPLY_AT)
        self.out.open()
        return 0

    cdef int put_int32(self, const char* name, size_t length, int32_t value) except -1:
        self.out.put_name(BSON_INT, name, length)
        return self.out.put_int32(value)

    cdef int put_int64(self, const char* name, size_t length, int64_t value) except -1:
        self.out.put_name(BSON_LONG, name, length)
        return self.out.put_int64(value)

    cdef int put_bool(self, const char* name, size_t length, bint value) except -1:
        self.out.put_name(BSON_BOOL, name, length)
        return self.out.put_byte(value)

    cdef int put_timestamp(self, const char* name, size_t length, uint64_t stamp) except -1:
        self.out.put_name(BSON_TIMESTAMP, name, length)
        return self.out.put_int64(<int64_t>stamp)

    cdef int put_namespace(self, str db, str name) except -1:
        cdef bytes namespace = f"{db}.{name}".encode("ascii")
        self.out.put_name(BSON_STRING, b"ns", 2)
        self.out.put_int32(<int32_t>PyBytes_GET_SIZE(namespace) + 1)
        return self.out.put_bytes(PyBytes_AS_STRING(namespace), PyBytes_GET_SIZE(namespace) + 1)

    cdef int begin_batch(self) except -1:
        self.out.put_name(BSON_DOCUMENT, b"cursor", 6)
        self.cursor = self.out.open()
        self.out.put_name(BSON_ARRAY, b"firstBatch", 10)
        self.batch = self.out.open()
        return 0

    cdef int put_position(self, int position) except -1:
        cdef char[2] name
        name[0], name[1] = <char>(48 + position // 10), <char>(48 + position % 10)
        if position < 10:
            return self.out.put_name(BSON_DOCUMENT, name + 1, 1)
        return self.out.put_name(BSON_DOCUMENT, name, 2)

    cdef int put_document(self, int position, const uint8_t* document, size_t size) except -1:
        self.put_position(position)
        return self.out.put_bytes(document, size)

    cdef int put_count(self, int count) except -1:
        cdef size_t mark
        if count == 0:
            return 0
        self.out.put_name(BSON_DOCUMENT, b"0", 1)
        mark = self.out.open()
        self.put_int32(b"_id", 3, 1)
        self.put_int32(b"n", 1, count)
        return self.out.close(mark)

    cdef int end_batch(self, str db, str name) except -1:
        self.out.close(self.batch)
        self.batch_bytes = self.out.size - self.batch
        self.put_int64(b"id", 2, 0)
        self.put_namespace(db, name)
        return self.out.close(self.cursor)

    cdef int put_modified(self, bytes value) except -1:
        cdef Writer out = self.out
        cdef size_t mark
        out.put_name(BSON_DOCUMENT, b"lastErrorObject", 15)
        mark = out.open()
        self.put_int32(b"n", 1, 1)
        self.put_bool(b"updatedExisting", 15, True)
        out.close(mark)
        out.put_name(BSON_DOCUMENT, b"value", 5)
        return out.put_bytes(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))

    cdef int put_created(self) except -1:
        self.put_int32(b"numIndexesBefore", 16, 1)
        self.put_int32(b"numIndexesAfter", 15, 2)
        self.put_bool(b"createdCollectionAutomatically", 30, True)
        self.out.put_name(BSON_STRING, b"commitQuorum", 12)
        self.out.put_int32(14)
        return self.out.put_bytes(b"votingMembers", 14)

    cdef int put_optime(self, time) except -1:
        """Append the common fields of replies to writes, like `work.writing.finish_write`."""
        cdef Writer out = self.out
        cdef size_t mark
        # The time is nearly always the newest one.
        cdef uint64_t stamp = self.oplog.newest_stamp if time is None or time is self.oplog.newest else stamp_of(time)
        election_id = self.topology.election_id
        if election_id is not self.election_id:
            self.election_id, self.election_bytes = election_id, election_id.binary
        out.put_name(BSON_OBJECT_ID, b"electionId", 10)
        out.put_bytes(PyBytes_AS_STRING(self.election_bytes), 12)
        out.put_name(BSON_DOCUMENT, b"opTime", 6)
        mark = out.open()
        self.put_timestamp(b"ts", 2, stamp)
        self.put_int64(b"t", 1, 1)
        return out.close(mark)

    cdef int end(self) except -1:
        """Append the common fields of all replies, like `dispatch.dispatcher.finish_reply`."""
        cdef Writer out = self.out
        cdef size_t start = out.size
        out.put_bytes(PyBytes_AS_STRING(COMMON) + COMMON_AT, COMMON_SIZE)
        memcpy(out.buffer + start + OPERATION_TIME_AT, &self.oplog.newest_stamp, 8)
        memcpy(out.buffer + start + CLUSTER_TIME_AT, &self.oplog.cluster_stamp, 8)
        return out.close(REPLY_AT)

    cdef bytes document(self):
        """Return the reply's document."""
        return PyBytes_FromStringAndSize(<const char*>self.out.buffer + REPLY_AT, self.out.size - REPLY_AT)

    cdef bytes framed(self, bytes raw, reply_id):
        """Return the complete message with the reply to a message."""
        cdef int32_t[4] header
        cdef bytes data
        header[0] = <int32_t>self.out.size
        header[1] = <int32_t>(<int64_t>reply_id & 0x7FFFFFFF)
        header[2] = read_int32(<const uint8_t*>PyBytes_AS_STRING(raw) + 4)
        header[3] = OP_MSG
        memcpy(self.out.buffer, header, 16)
        data = self.out.finish()
        if PyBytes_GET_SIZE(data) > MOST_KEPT:
            self.out = Writer.__new__(Writer)
        return data
