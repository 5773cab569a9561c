# cython: language_level=3
"""The keys that a document has for a key pattern, for indexes and sorts."""

from libc.stdint cimport int8_t, uint8_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element


cdef enum Kind:
    PENDING      # the value was not looked up yet; uses the fields `doc` and `rest`
    VALUE        # a value was found; uses the field `value`
    ABSENT
    EMPTY        # an empty array at the end of the path
    ARRAY        # the path meets an array; uses the field `array`, and `rest` for the rest of the path, or NULL at its end
    AMBIGUOUS    # a number in the path is both an array index and a field of the array's documents


cdef struct Slot:
    Kind kind
    const uint8_t* doc
    const char* rest
    const uint8_t* array
    Element value


cdef class Generation:
    cdef KeyGenerator generator
    cdef list keys          # all keys, or None if only the smallest one is needed
    cdef bytes smallest     # the smallest key if `keys` is None
    cdef bytes covered      # the values of the single key, if no path meets an array
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
cdef int generate_into(Generation run, KeyGenerator generator, const uint8_t* doc) except -1


cdef class KeyGenerator:
    # A key pattern has at most 32 fields.
    cdef readonly tuple paths
    cdef readonly tuple directions
    cdef readonly object collation
    cdef tuple encoded_paths
    cdef const char* names[32]
    cdef int8_t signs[32]
    cdef int fields

    # Return the document's smallest key. `out` is a buffer for the call's own use.
    cdef bytes smallest_key(self, const uint8_t* doc, Writer out)
