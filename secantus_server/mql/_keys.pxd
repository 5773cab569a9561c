# cython: language_level=3
"""The keys of a document under a key pattern, for indexes and sorts."""

from libc.stdint cimport int8_t, uint8_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element


cdef enum Kind:
    PENDING      # still to be looked up: `doc` and `rest`
    VALUE        # `value`
    ABSENT
    EMPTY        # an empty array at the path's end
    ARRAY        # `array`; `rest` is what follows it, NULL at the path's end
    AMBIGUOUS    # a number in the path is both an element of an array and a field of its documents


cdef struct Slot:
    Kind kind
    const uint8_t* doc
    const char* rest
    const uint8_t* array
    Element value


cdef class Generation:
    cdef KeyGenerator generator
    cdef list keys          # of all keys, or None
    cdef bytes smallest     # of the smallest key, where `keys` is None
    cdef bytes covered      # the values of the only key, where no array was met
    cdef bint multikey
    cdef bint all_absent
    cdef Writer out

    cdef int expand(self, Slot* slots) except -1
    cdef int expand_array(self, Slot* slots, const uint8_t* array) except -1
    cdef int ambiguous(self, int field) except -1
    cdef int parallel(self, Slot* slots, int second) except -1
    cdef int emit(self, Slot* slots) except -1


cdef int look_up_all(KeyGenerator generator, const uint8_t* doc, Slot* slots) except -1
cdef bint put_slots(KeyGenerator generator, const Slot* slots, Writer out) except -1
cdef int put_values(KeyGenerator generator, const Slot* slots, Writer out) except -1
cdef Generation generate(KeyGenerator generator, const uint8_t* doc, list keys)


cdef class KeyGenerator:
    # A key pattern has at most 32 fields.
    cdef readonly tuple paths
    cdef readonly tuple directions
    cdef readonly object collation
    cdef tuple encoded_paths
    cdef const char* names[32]
    cdef int8_t signs[32]
    cdef int fields

    cdef bytes smallest_key(self, const uint8_t* doc)
