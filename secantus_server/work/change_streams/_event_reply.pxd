# The reply of a getMore with one event, for other compiled modules: see _event_reply.pyx.

from libc.stdint cimport uint64_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element
from secantus_server.oplog._newest cimport NewestTimes
from secantus_server.oplog._write_signal cimport Claims

# By how much a reply's token, document and document key are longer than those of the reply from which it is made.
cdef struct Lengths:
    Py_ssize_t token
    Py_ssize_t document
    Py_ssize_t key

cdef class EventReply:
    cdef bytes identity
    cdef bytes data
    # The positions of the documents that contain the values.
    cdef size_t cursor, batch, event
    # The positions in `data` of the digits of the event's token, of the values of `clusterTime` and `wallTime`, of the document, of the
    # first element of the document key, and of the digits of the reply's token; and the ends of those that have no fixed size.
    cdef size_t token, token_end
    cdef size_t time, wall
    cdef size_t document, document_end
    cdef size_t key, key_end
    cdef size_t last, last_end
    # The positions of the reply's times.
    cdef size_t cluster_time, operation_time
    # The position of the digits of the document key in the token.
    cdef size_t key_digits

    # Return the reply with the event of an inserted document as a message; None if this function cannot make it. `scratch` is a buffer, `raw`
    # the message of the command, and `request_ids` the iterator of ids for the connection's replies.
    cdef bytes message(self, Claims claims, NewestTimes times, Writer scratch, bytes raw, request_ids)
    cdef Py_ssize_t put_token(self, Writer scratch, uint64_t stamp, const Element* id) except -1
    cdef bytes spliced(self, bytes document, const Element* id, const char* token, size_t token_size, const Lengths* growth)
    cdef void put_values(self, char* out, Claims claims, NewestTimes times, const Lengths* growth) noexcept
    cdef void correct_lengths(self, char* out, const Lengths* growth) noexcept
    # Return the digits of the event's token in a message.
    cdef str token_text(self, bytes data)

# Return what the replies with the next events can be made from, or None. `data` is a reply with the event of one change.
cdef EventReply draft_of(Claims claims, bytes data, Writer scratch)
