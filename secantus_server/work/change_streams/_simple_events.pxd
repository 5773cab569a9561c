# The events of simple changes, for other compiled modules: see _simple_events.pyx.

from libc.stdint cimport int64_t, uint8_t, uint64_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element

# Append the event of a change that is not yet encoded as an entry, and write the digits of its resume token, instead of the digits there.
# `identity` is a BSON document of the collection's `ns` and `ui`; for the change see `oplog.Change`. Return 0, having appended nothing, if
# `simple_event` does not convert the change's entry.
cdef bint put_event(Writer out, Writer token, bytes identity, tuple change, uint64_t stamp, int64_t wall_ms) except -1

# Append the field `_id` of a document key as a key string; return 0 for an uncommon type.
cdef bint put_id_key(Writer out, const Element* element) except -1

# Append bytes as hexadecimal digits.
cdef int put_digits(Writer out, const uint8_t* data, size_t size) except -1

cdef class LastEvent:
    # The `_event_reply.EventReply` of the stream's cursor, or None.
    cdef object draft
    cdef public str token_text
    cdef public object parsed_token
    cdef public str resume_text
