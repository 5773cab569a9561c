# cython: language_level=3
"""The keys of groups, for `$group`'s kernel."""

cimport cython
from libc.stdint cimport uint32_t, uint64_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element
from secantus_server.mql.expressions._nodes cimport Computed


cdef enum:
    # The number of places for recent groups, its logarithm, and the size of the longest key that is stored in one.
    RECENT = 256
    RECENT_BITS = 8
    RECENT_BYTES = 24


cdef struct RawKey:
    # The bytes of a value, with zeros behind them, and its type and size.
    uint64_t words[3]
    uint32_t kind


cdef object key_of(object value, object collation)
cdef object stored(object value)
cdef bint read_key(RawKey* out, const Element* element) noexcept nogil
cdef bint compute_key(RawKey* out, const Computed* value, Writer text) noexcept


@cython.final
cdef class RecentGroups:
    cdef RawKey[RECENT] keys
    cdef list states
    cdef list find(self, const RawKey* key)
    cdef int keep(self, const RawKey* key, list states) except -1
