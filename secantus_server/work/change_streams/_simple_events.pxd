# The events of simple changes, for other compiled modules: see _simple_events.pyx.

from libc.stdint cimport int64_t, uint64_t

# Like `simple_event`, for a change that is not yet encoded as an entry. `identity` is a BSON document of the collection's `ns` and `ui`; for
# the change see `oplog.Change`.
cdef tuple change_event(bytes identity, tuple change, uint64_t stamp, int64_t wall_ms)
