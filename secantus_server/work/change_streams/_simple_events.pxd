# The events of simple changes, for other compiled modules: see _simple_events.pyx.

from libc.stdint cimport int64_t, uint64_t

from secantus_server.bson._codec cimport Writer

# Append the event of a change that is not yet encoded as an entry, and write the digits of its resume token, instead of the digits there.
# `identity` is a BSON document of the collection's `ns` and `ui`; for the change see `oplog.Change`. Return 0, having appended nothing, if
# `simple_event` does not convert the change's entry.
cdef bint put_event(Writer out, Writer token, bytes identity, tuple change, uint64_t stamp, int64_t wall_ms) except -1

cdef class LastEvent:
    cdef public str token_text
    cdef public object parsed_token
    cdef public str resume_text
