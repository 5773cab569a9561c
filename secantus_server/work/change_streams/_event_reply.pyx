# cython: language_level=3, boundscheck=False, wraparound=False
"""The reply of a getMore with the event of one inserted document, made from an earlier reply of the same cursor.

Two such replies only differ in a few values, such as the token and the document. So the reply is copied around these values, and the
lengths that contain them are corrected. That takes a fifth of the instructions of building the reply, while its client waits.
`_stream_wait` builds the first reply, and all replies with other events. The results are equal; tests compare the two.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element, find_field, read_int32
from secantus_server.oplog._entries cimport letter_of
from secantus_server.oplog._newest cimport NewestTimes
from secantus_server.oplog._write_signal cimport Claims
from secantus_server.work.change_streams._simple_events cimport put_digits, put_id_key

cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maximum)
    void* PyUnicode_DATA(object text)

cdef enum:
    BODY_AT = 21  # header 16, flags 4, kind 1
    INSERT = 105  # "i"
    # A longer reply is not kept: a client that has left its stream open must not hold much memory.
    MOST_KEPT = 65536
    # The position of the digits of the time in a token, and the number of digits after those of the document key.
    TIME_DIGITS = 2
    END_DIGITS = 6
    # The distances from a token document, and from the length of its text, to the text.
    DATA_AT = 15
    LENGTH_AT = 4


cdef const uint8_t* value_of(const uint8_t* document, const char* name, size_t length, Element* found) except NULL:
    cdef bint is_found = find_field(document, name, length, found)
    assert is_found, "a reply has all fields"
    return found.value


cdef EventReply draft_of(Claims claims, bytes data, Writer scratch):
    cdef const uint8_t* start = <const uint8_t*>PyBytes_AS_STRING(data)
    cdef const uint8_t* body = start + BODY_AT
    cdef const uint8_t* cursor
    cdef const uint8_t* batch
    cdef const uint8_t* event
    cdef EventReply one = EventReply.__new__(EventReply)
    cdef Element found
    if letter_of(claims.change[0]) != INSERT or PyBytes_GET_SIZE(data) > MOST_KEPT:
        return None
    one.identity, one.data = claims.identity, data
    cursor = value_of(body, b"cursor", 6, &found)
    batch = value_of(cursor, b"nextBatch", 9, &found)
    event = value_of(batch, b"0", 1, &found)
    one.cursor, one.batch, one.event = cursor - start, batch - start, event - start
    one.token = text_at(start, value_of(event, b"_id", 3, &found), &found)
    one.token_end = one.token + found.value_len - 5
    one.time = value_of(event, b"clusterTime", 11, &found) - start
    one.wall = value_of(event, b"wallTime", 8, &found) - start
    one.document = value_of(event, b"fullDocument", 12, &found) - start
    one.document_end = one.document + found.value_len
    one.key = value_of(event, b"documentKey", 11, &found) - start + 4
    one.key_end = one.key + found.value_len - 5
    one.last = text_at(start, value_of(cursor, b"postBatchResumeToken", 20, &found), &found)
    one.last_end = one.last + found.value_len - 5
    one.cluster_time = value_of(value_of(body, b"$clusterTime", 12, &found), b"clusterTime", 11, &found) - start
    one.operation_time = value_of(body, b"operationTime", 13, &found) - start
    value_of(start + one.key - 4, b"_id", 3, &found)
    scratch.clear()
    if not put_id_key(scratch, &found):
        return None
    one.key_digits = one.token_end - one.token - END_DIGITS - 2 * scratch.size
    return one


cdef size_t text_at(const uint8_t* start, const uint8_t* token, Element* found) except 0:
    """Return the position of the digits of a token, a document."""
    return value_of(token, b"_data", 5, found) + 4 - start


cdef inline char* copied(char* out, const char* start, size_t length) noexcept:
    """Copy bytes, and return the end of the copy."""
    memcpy(out, start, length)
    return out + length


cdef inline void lengthen(char* at, Py_ssize_t growth) noexcept:
    """Add to a length."""
    cdef int32_t length = read_int32(<const uint8_t*>at) + <int32_t>growth
    memcpy(at, &length, 4)


cdef int put_header(char* out, int32_t size, bytes raw, reply_id) except -1:
    """Replace the first fields of a message's header, like `ReplyWriter.framed`."""
    cdef int32_t number = <int32_t>(<int64_t>reply_id & 0x7FFFFFFF)
    memcpy(out, &size, 4)
    memcpy(out + 4, &number, 4)
    memcpy(out + 8, PyBytes_AS_STRING(raw) + 4, 4)
    return 0


cdef class EventReply:
    """A reply with one event.

    Attributes:
        identity: the BSON document of the `ns` and `ui` of the event's collection.
        data: the message.
    """

    cdef bytes message(self, Claims claims, NewestTimes times, Writer scratch, bytes raw, request_ids):
        cdef bytes document, data
        cdef Element id
        cdef Py_ssize_t token_at
        cdef Lengths growth
        if claims.identity != self.identity or letter_of(claims.change[0]) != INSERT:
            return None
        document = claims.change[1]
        if not find_field(<const uint8_t*>PyBytes_AS_STRING(document), b"_id", 3, &id):
            return None
        token_at = self.put_token(scratch, claims.stamp, &id)
        if token_at == 0:
            return None
        growth.token = <Py_ssize_t>(scratch.size - token_at) - <Py_ssize_t>(self.token_end - self.token)
        growth.document = PyBytes_GET_SIZE(document) - <Py_ssize_t>(self.document_end - self.document)
        growth.key = id.value + id.value_len - id.start - <Py_ssize_t>(self.key_end - self.key)
        data = self.spliced(document, &id, <const char*>scratch.buffer + token_at, scratch.size - token_at, &growth)
        put_header(PyBytes_AS_STRING(data), <int32_t>PyBytes_GET_SIZE(data), raw, next(request_ids))
        self.put_values(PyBytes_AS_STRING(data), claims, times, &growth)
        if growth.token != 0 or growth.document != 0 or growth.key != 0:
            self.correct_lengths(PyBytes_AS_STRING(data), &growth)
        return data

    cdef Py_ssize_t put_token(self, Writer scratch, uint64_t stamp, const Element* id) except -1:
        """Write the key string of the `_id`, then the event's token; return the position of the token, or 0 for an uncommon `_id`."""
        cdef size_t size
        cdef uint8_t[8] time
        cdef int i
        scratch.clear()
        if not put_id_key(scratch, id):
            return 0
        size = scratch.size
        for i in range(8):
            time[i] = <uint8_t>(stamp >> (56 - 8 * i))
        # Once there is room, the buffer is not moved while its own start is read.
        scratch.reserve(self.key_digits + 2 * size + END_DIGITS)
        scratch.put_bytes(PyBytes_AS_STRING(self.data) + self.token, TIME_DIGITS)
        put_digits(scratch, time, 8)
        scratch.put_bytes(PyBytes_AS_STRING(self.data) + self.token + TIME_DIGITS + 16, self.key_digits - TIME_DIGITS - 16)
        put_digits(scratch, scratch.buffer, size)
        scratch.put_bytes(PyBytes_AS_STRING(self.data) + self.token_end - END_DIGITS, END_DIGITS)
        return size

    cdef bytes spliced(self, bytes document, const Element* id, const char* token, size_t token_size, const Lengths* growth):
        """Return the message with another token, document and document key."""
        cdef const char* old = PyBytes_AS_STRING(self.data)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(self.data)
        cdef bytes data = PyBytes_FromStringAndSize(NULL, size + 2 * growth.token + growth.document + growth.key)
        cdef char* out = copied(PyBytes_AS_STRING(data), old, self.token)
        out = copied(out, token, token_size)
        out = copied(out, old + self.token_end, self.document - self.token_end)
        out = copied(out, PyBytes_AS_STRING(document), PyBytes_GET_SIZE(document))
        out = copied(out, old + self.document_end, self.key - self.document_end)
        out = copied(out, <const char*>id.start, id.value + id.value_len - id.start)
        out = copied(out, old + self.key_end, self.last - self.key_end)
        out = copied(out, token, token_size)
        copied(out, old + self.last_end, size - self.last_end)
        return data

    cdef void put_values(self, char* out, Claims claims, NewestTimes times, const Lengths* growth) noexcept:
        """Replace the values of fixed size."""
        cdef Py_ssize_t whole = 2 * growth.token + growth.document + growth.key
        memcpy(out + self.time + growth.token, &claims.stamp, 8)
        memcpy(out + self.wall + growth.token, &claims.wall_ms, 8)
        memcpy(out + self.cluster_time + whole, &times.cluster_stamp, 8)
        memcpy(out + self.operation_time + whole, &times.newest_stamp, 8)

    cdef void correct_lengths(self, char* out, const Lengths* growth) noexcept:
        """Correct the lengths of the documents and texts that contain replaced values."""
        cdef Py_ssize_t event = growth.token + growth.document + growth.key
        lengthen(out + BODY_AT, event + growth.token)
        lengthen(out + self.cursor, event + growth.token)
        lengthen(out + self.batch, event)
        lengthen(out + self.event, event)
        lengthen(out + self.token - DATA_AT, growth.token)
        lengthen(out + self.token - LENGTH_AT, growth.token)
        lengthen(out + self.key - LENGTH_AT + growth.token + growth.document, growth.key)
        lengthen(out + self.last - DATA_AT + event, growth.token)
        lengthen(out + self.last - LENGTH_AT + event, growth.token)

    cdef str token_text(self, bytes data):
        cdef const char* token = PyBytes_AS_STRING(data) + self.token
        cdef Py_ssize_t size = read_int32(<const uint8_t*>token - LENGTH_AT) - 1
        cdef object text = PyUnicode_New(size, 127)
        memcpy(PyUnicode_DATA(text), token, size)
        return text
