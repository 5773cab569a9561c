# cython: language_level=3
"""Functions that walk BSON bytes without creating Python objects.

Every document that compiled code reads was validated on receipt (`validate`), so these functions trust the lengths in a document. The
functions are read-only and stateless, and may run without the GIL.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcmp, memcpy, strlen


cdef struct Element:
    const uint8_t* start      # the type byte
    uint8_t type              # the BSON type; 255 is minKey
    const char* name          # the field name, NUL-terminated
    uint32_t name_len
    const uint8_t* value
    uint32_t value_len


cdef inline int32_t read_int32(const uint8_t* p) noexcept nogil:
    cdef int32_t n
    memcpy(&n, p, 4)
    return n


cdef inline int64_t read_int64(const uint8_t* p) noexcept nogil:
    cdef int64_t n
    memcpy(&n, p, 8)
    return n


cdef inline double read_double(const uint8_t* p) noexcept nogil:
    cdef double n
    memcpy(&n, p, 8)
    return n


cdef inline uint32_t document_length(const uint8_t* doc) noexcept nogil:
    """Return the length of a document, including its four length bytes and final NUL."""
    return <uint32_t>read_int32(doc)


cdef inline uint32_t value_length(uint8_t type, const uint8_t* value) noexcept nogil:
    """Return the length of an element's value in bytes."""
    cdef uint32_t n
    if type == 16:
        return 4
    if type == 2 or type == 13 or type == 14:
        return 4 + <uint32_t>read_int32(value)
    if type == 1 or type == 9 or type == 17 or type == 18:
        return 8
    if type == 3 or type == 4 or type == 15:
        return <uint32_t>read_int32(value)
    if type == 7:
        return 12
    if type == 8:
        return 1
    if type == 10 or type == 6 or type == 255 or type == 127:
        return 0
    if type == 5:
        return 5 + <uint32_t>read_int32(value)
    if type == 19:
        return 16
    if type == 11:
        n = <uint32_t>strlen(<const char*>value) + 1
        return n + <uint32_t>strlen(<const char*>(value + n)) + 1
    return 4 + <uint32_t>read_int32(value) + 12   # dbPointer


cdef inline int canonical_rank(uint8_t type) noexcept nogil:
    """Return the rank of a BSON type in MongoDB's comparison order, as in `values.CANONICAL_TYPES`. Return 0 for an invalid type byte."""
    if type == 1 or type == 16 or type == 18 or type == 19:
        return 40
    if type == 2 or type == 14:
        return 50
    if type == 3:
        return 60
    if type == 4:
        return 70
    if type == 5:
        return 80
    if type == 6:
        return 20
    if type == 7:
        return 90
    if type == 8:
        return 100
    if type == 9:
        return 110
    if type == 10:
        return 30
    if type == 11:
        return 130
    if type == 12:
        return 140
    if type == 13:
        return 150
    if type == 15:
        return 160
    if type == 17:
        return 120
    if type == 127:
        return 240
    return 10 if type == 255 else 0


cdef inline const uint8_t* first_element(const uint8_t* doc) noexcept nogil:
    """Return the start of a document's first element."""
    return doc + 4


cdef inline bint next_element(const uint8_t** cursor, Element* out) noexcept nogil:
    """Read the element at the cursor and advance the cursor. Return false at the end of the document."""
    cdef const uint8_t* p = cursor[0]
    if p[0] == 0:
        return False
    out.start = p
    out.type = p[0]
    out.name = <const char*>(p + 1)
    out.name_len = <uint32_t>strlen(out.name)
    out.value = p + 2 + out.name_len
    out.value_len = value_length(out.type, out.value)
    cursor[0] = out.value + out.value_len
    return True


cdef inline bint find_field(const uint8_t* doc, const char* name, uint32_t name_len, Element* out) noexcept nogil:
    """Read the document's first element with this name. Return false if there is no such element."""
    cdef const uint8_t* cursor = doc + 4
    while next_element(&cursor, out):
        if out.name_len == name_len and memcmp(out.name, name, name_len) == 0:
            return True
    return False
