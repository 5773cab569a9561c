# cython: language_level=3
"""Checks of the fields that every command accepts, for messages of the express lane. A check fails for every unusual value."""

from libc.stdint cimport int32_t, uint8_t, uint64_t
from libc.string cimport memcmp

from secantus_server.bson._raw cimport Element, find_field, first_element, next_element, read_int32, read_int64
from secantus_server.bson._types cimport BSON_BINARY, BSON_DOCUMENT, BSON_LONG, BSON_STRING, BSON_TIMESTAMP


cdef inline int count_of(const uint8_t* document) noexcept nogil:
    """Return the number of fields in a document."""
    cdef Element element
    cdef const uint8_t* cursor = first_element(document)
    cdef int count = 0
    while next_element(&cursor, &element):
        count += 1
    return count


cdef inline bint is_session(const Element* element) noexcept nogil:
    """Return whether a field is a session document that contains only a UUID."""
    cdef const uint8_t* p = element.value
    if element.type != BSON_DOCUMENT or element.value_len != 30:
        return False
    return p[4] == BSON_BINARY and memcmp(p + 5, b"id\0", 3) == 0 and read_int32(p + 8) == 16 and p[12] == 4


cdef inline bint cluster_stamp(const Element* element, uint64_t* stamp) noexcept nogil:
    """Read the time of a `$clusterTime` in the form that the server sends; return 0 for any other form."""
    cdef Element inner
    cdef Element part
    if element.type != BSON_DOCUMENT or not find_field(element.value, b"clusterTime", 11, &inner) or inner.type != BSON_TIMESTAMP:
        return False
    stamp[0] = <uint64_t>read_int64(inner.value)
    if not find_field(element.value, b"signature", 9, &inner):
        return count_of(element.value) == 1
    if count_of(element.value) != 2 or inner.type != BSON_DOCUMENT or count_of(inner.value) != 2:
        return False
    if not find_field(inner.value, b"hash", 4, &part) or part.type != BSON_BINARY:
        return False
    return find_field(inner.value, b"keyId", 5, &part) and part.type == BSON_LONG


cdef inline bint is_read_preference(const Element* element) noexcept nogil:
    """Return whether a field is a read preference that contains only a valid mode."""
    cdef Element mode
    cdef const uint8_t* cursor
    if element.type != BSON_DOCUMENT:
        return False
    cursor = first_element(element.value)
    if not next_element(&cursor, &mode) or mode.type != BSON_STRING or mode.name_len != 4 or memcmp(mode.name, b"mode", 4):
        return False
    return is_mode(mode.value) and not next_element(&cursor, &mode)


cdef inline bint is_mode(const uint8_t* text) noexcept nogil:
    """Return whether a BSON string is the mode of a read preference."""
    # The length includes the null byte at the end.
    cdef int32_t size = read_int32(text)
    if size == 8:
        return memcmp(text + 4, b"primary", 8) == 0 or memcmp(text + 4, b"nearest", 8) == 0
    if size == 10:
        return memcmp(text + 4, b"secondary", 10) == 0
    if size == 17:
        return memcmp(text + 4, b"primaryPreferred", 17) == 0
    return size == 19 and memcmp(text + 4, b"secondaryPreferred", 19) == 0
