# cython: language_level=3
"""Functions that walk BSON bytes without creating Python objects.

Every document that compiled code reads was validated on receipt (`validate`), so these functions trust the lengths in a document. The
functions are read-only and stateless, and may run without the GIL.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, strlen

from secantus_server.bson._types cimport (
    BSON_ARRAY,
    BSON_BINARY,
    BSON_BOOL,
    BSON_DATE,
    BSON_DB_POINTER,
    BSON_DECIMAL,
    BSON_DOCUMENT,
    BSON_DOUBLE,
    BSON_INT,
    BSON_JAVASCRIPT,
    BSON_JAVASCRIPT_WITH_SCOPE,
    BSON_LONG,
    BSON_MAX_KEY,
    BSON_MIN_KEY,
    BSON_NULL,
    BSON_OBJECT_ID,
    BSON_REGEX,
    BSON_STRING,
    BSON_SYMBOL,
    BSON_TIMESTAMP,
    BSON_UNDEFINED,
)


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


cdef extern from *:
    """
    /* The length of each BSON type's value: the number of bytes if it is fixed; else 0x80 plus the number of bytes that the int32 at the
       start of the value does not count. A regex (11) consists of two NUL-terminated strings. Types without an entry are dbPointers.
       A lookup is faster than a chain of comparisons, whose branches are hard to predict in documents with many types. */
    static const uint8_t secantus_value_lengths[256] = {
        [0 ... 255] = 0x90,
        [1] = 8, [9] = 8, [17] = 8, [18] = 8, [16] = 4, [7] = 12, [8] = 1, [19] = 16, [6] = 0, [10] = 0, [127] = 0, [255] = 0,
        [2] = 0x84, [13] = 0x84, [14] = 0x84, [3] = 0x80, [4] = 0x80, [15] = 0x80, [5] = 0x85, [11] = 0xff
    };
    """
    const uint8_t* secantus_value_lengths
    int __builtin_ctzll(unsigned long long) nogil


cdef inline uint32_t value_length(uint8_t type, const uint8_t* value) noexcept nogil:
    """Return the length of an element's value in bytes."""
    cdef uint8_t length = secantus_value_lengths[type]
    cdef uint32_t n
    if length < 0x80:
        return length
    if length != 0xff:
        return (length & 0x7f) + <uint32_t>read_int32(value)
    n = <uint32_t>strlen(<const char*>value) + 1
    return n + <uint32_t>strlen(<const char*>(value + n)) + 1


cdef inline int canonical_rank(uint8_t type) noexcept nogil:
    """Return the rank of a BSON type in MongoDB's comparison order, as in `values.CANONICAL_TYPES`. Return 0 for an invalid type byte."""
    if type == BSON_DOUBLE or type == BSON_INT or type == BSON_LONG or type == BSON_DECIMAL:
        return 40
    if type == BSON_STRING or type == BSON_SYMBOL:
        return 50
    if type == BSON_DOCUMENT:
        return 60
    if type == BSON_ARRAY:
        return 70
    if type == BSON_BINARY:
        return 80
    if type == BSON_UNDEFINED:
        return 20
    if type == BSON_OBJECT_ID:
        return 90
    if type == BSON_BOOL:
        return 100
    if type == BSON_DATE:
        return 110
    if type == BSON_NULL:
        return 30
    if type == BSON_REGEX:
        return 130
    if type == BSON_DB_POINTER:
        return 140
    if type == BSON_JAVASCRIPT:
        return 150
    if type == BSON_JAVASCRIPT_WITH_SCOPE:
        return 160
    if type == BSON_TIMESTAMP:
        return 120
    if type == BSON_MAX_KEY:
        return 240
    return 10 if type == BSON_MIN_KEY else 0


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


cdef inline const uint8_t* name_end(const uint8_t* name, const uint8_t* end) noexcept nogil:
    """Return the NUL that ends an element's name.

    Most names are shorter than eight bytes, so that one load finds the NUL. This is faster than the call of strlen, and a loop over the
    bytes would have branches that are hard to predict.

    Arguments:
        end: the end of the document, after which nothing is read.
    """
    cdef uint64_t word
    while end - name >= 8:
        memcpy(&word, name, 8)
        # The lowest bit that remains is in the first zero byte (numbers are little-endian).
        word = (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL
        if word:
            return name + (__builtin_ctzll(word) >> 3)
        name += 8
    while name[0] != 0:
        name += 1
    return name


cdef inline bint find_field(const uint8_t* doc, const char* name, uint32_t name_len, Element* out) noexcept nogil:
    """Read the document's first element with this name. Return false if there is no such element."""
    cdef const uint8_t* cursor = doc + 4
    cdef const uint8_t* end = doc + document_length(doc)
    cdef const uint8_t* value
    while cursor[0] != 0:
        value = name_end(cursor + 1, end) + 1
        if <uint32_t>(value - cursor) == name_len + 2 and memcmp(cursor + 1, name, name_len) == 0:
            out.start = cursor
            out.type = cursor[0]
            out.name = <const char*>(cursor + 1)
            out.name_len = name_len
            out.value = value
            out.value_len = value_length(out.type, value)
            return True
        cursor = value + value_length(cursor[0], value)
    return False
