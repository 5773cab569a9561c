# cython: language_level=3, boundscheck=False, wraparound=False
"""The keys by which `$group` finds the group of a document.

Two keys are equal exactly if the values are equal in MongoDB's order, regardless of their types. Strings and numbers are used directly as
keys, because Python compares int, float and Decimal exactly. Other values are used as key strings.
"""

cimport cython
from libc.stdint cimport INT32_MAX, INT32_MIN, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element
from secantus_server.bson._types cimport BSON_DOUBLE, BSON_MISSING, BSON_NULL, BSON_STRING
from secantus_server.mql.expressions._nodes cimport Computed

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson import decode, encode, key_string
from secantus_server.bson.values import MISSING, Symbol

cdef object NO_VALUE = MISSING
cdef object LONG = Int64
cdef object DECIMAL = Decimal128
cdef str NOT_A_NUMBER = "\0NaN"


cdef object key_of(object value, object collation):
    cdef object kind = type(value)
    if value is None:
        return None
    if kind is str and collation is None:
        return (value,) if <str>value == NOT_A_NUMBER else value
    if kind is int or kind is LONG:
        return value
    if kind is float:
        return value if value == value else NOT_A_NUMBER
    if kind is DECIMAL:
        value = value.to_decimal()
        return NOT_A_NUMBER if value.is_nan() else value
    if kind is Symbol:
        return key_of(value.value, collation)
    return key_string(value, collation)


cdef object stored(object value):
    """Return a computed value as a later stage reads it from the document in which it is stored."""
    cdef object kind = type(value)
    if kind is str or kind is float or kind is bool or kind is LONG or value is None or value is NO_VALUE:
        return value
    if kind is int and INT32_MIN <= value <= INT32_MAX:
        return value
    return decode(encode({"": value}))[""]


def group_key(object value, object collation=None):
    """Return a hashable key; two keys are equal if the values are equal in MongoDB's order.

    Arguments:
        value: any value, MISSING included.
        collation: the collation of strings.
    """
    return key_of(value, collation)


cdef bint read_key(RawKey* out, const Element* element) noexcept nogil:
    """Copy the value of an element. Return False if it is too long."""
    if element.value_len > RECENT_BYTES:
        return False
    out.words[0] = out.words[1] = out.words[2] = 0
    memcpy(out.words, element.value, element.value_len)
    out.kind = (<uint32_t>element.type << 8) | element.value_len
    return True


cdef bint compute_key(RawKey* out, const Computed* value, Writer text) noexcept:
    """Copy a computed value, or NULL for a constant. Return False if it is too long."""
    out.words[0] = out.words[1] = out.words[2] = 0
    if value == NULL:
        out.kind = 0
        return True
    out.kind = <uint32_t>value.type << 8
    if value.type == BSON_STRING:
        if value.length > RECENT_BYTES:
            return False
        memcpy(out.words, text.buffer + value.start, value.length)
        out.kind |= <uint32_t>value.length
    elif value.type == BSON_DOUBLE:
        memcpy(out.words, &value.real, 8)
    elif value.type != BSON_NULL and value.type != BSON_MISSING:
        memcpy(out.words, &value.whole, 8)
    return True


cdef inline Py_ssize_t place_of(const RawKey* key) noexcept nogil:
    cdef uint64_t mixed = (key.words[0] ^ key.kind) * <uint64_t>0x9E3779B97F4A7C15
    mixed = (mixed ^ (mixed >> 32) ^ key.words[1]) * <uint64_t>0x9E3779B97F4A7C15
    mixed = (mixed ^ (mixed >> 32) ^ key.words[2]) * <uint64_t>0x9E3779B97F4A7C15
    return <Py_ssize_t>(mixed >> (64 - RECENT_BITS))


@cython.final
cdef class RecentGroups:
    """The states of recent groups by the bytes of their keys, so that the key of most documents is neither decoded nor hashed.

    Equal bytes of equal type are equal values, with any collation. The reverse does not hold, so a group can have several places.

    All keys of one run are of elements or all are of computed values.
    """

    def __init__(self):
        self.states = [None] * RECENT

    cdef list find(self, const RawKey* key):
        """Return the states of the group that has a key, or None if the group is not one of the recent ones."""
        cdef Py_ssize_t place = place_of(key)
        cdef const RawKey* known = &self.keys[place]
        if known.kind != key.kind or known.words[0] != key.words[0]:
            return None
        if known.words[1] != key.words[1] or known.words[2] != key.words[2]:
            return None
        return <list>self.states[place]

    cdef int keep(self, const RawKey* key, list states) except -1:
        """Store the states of the group that has a key."""
        cdef Py_ssize_t place = place_of(key)
        self.keys[place] = key[0]
        self.states[place] = states
        return 0
