# cython: language_level=3, boundscheck=False, wraparound=False
"""MongoDB's comparison order, on raw elements and on Python values.

https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, strcmp, strlen

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._keystring cimport put_key
from secantus_server.bson._raw cimport Element, canonical_rank, first_element, next_element, read_double, read_int32, read_int64
from secantus_server.bson._types cimport BSON_DECIMAL, BSON_DOUBLE, BSON_INT

from bson.int64 import Int64

from secantus_server.bson.values import MISSING, MISSING_CANONICAL_TYPE


cdef inline int order(int64_t difference) noexcept nogil:
    return (difference > 0) - (difference < 0)


cdef inline int compare_longs(int64_t a, int64_t b) noexcept nogil:
    return (a > b) - (a < b)


cdef inline int compare_doubles(double a, double b) noexcept nogil:
    """Compare two doubles. NaN equals NaN and is less than every number."""
    if a == b:
        return 0
    if a != a:
        return 0 if b != b else -1
    if b != b:
        return 1
    return 1 if a > b else -1


cdef int compare_long_double(int64_t a, double b) noexcept nogil:
    """Compare a long and a double exactly, even if the long cannot be represented as a double."""
    cdef int64_t whole
    if b != b:
        return 1
    if b >= 9223372036854775808.0:
        return -1
    if b < -9223372036854775808.0:
        return 1
    whole = <int64_t>b
    if a != whole:
        return 1 if a > whole else -1
    return compare_doubles(<double>whole, b) if b != <double>whole else 0


cdef int compare_numbers(uint8_t a_type, const uint8_t* a, uint8_t b_type, const uint8_t* b) except -2:
    cdef int64_t x
    cdef int64_t y
    if a_type == BSON_DECIMAL or b_type == BSON_DECIMAL:
        return compare_keys(a_type, a, b_type, b)
    if a_type == BSON_DOUBLE:
        if b_type == BSON_DOUBLE:
            return compare_doubles(read_double(a), read_double(b))
        y = read_int32(b) if b_type == BSON_INT else read_int64(b)
        return -compare_long_double(y, read_double(a))
    x = read_int32(a) if a_type == BSON_INT else read_int64(a)
    if b_type == BSON_DOUBLE:
        return compare_long_double(x, read_double(b))
    y = read_int32(b) if b_type == BSON_INT else read_int64(b)
    return compare_longs(x, y)


cdef int compare_keys(uint8_t a_type, const uint8_t* a, uint8_t b_type, const uint8_t* b) except -2:
    """Compare two values by their key strings. This is slow, but correct for every type."""
    cdef Writer left = Writer()
    cdef Writer right = Writer()
    put_key(left, a_type, a, None)
    put_key(right, b_type, b, None)
    return compare_bytes(left.buffer, left.size, right.buffer, right.size)


cdef int compare_bytes(const uint8_t* a, size_t a_len, const uint8_t* b, size_t b_len) noexcept nogil:
    cdef int found = memcmp(a, b, a_len if a_len < b_len else b_len)
    if found != 0:
        return 1 if found > 0 else -1
    return (a_len > b_len) - (a_len < b_len)


cdef int compare_objects(const uint8_t* a, const uint8_t* b, bint named) except -2:
    """Compare two documents, or two arrays if not `named`.

    The elements are compared pairwise: by type, then by name (if `named`), then by value. If one document is a prefix of the other, it is
    less.
    """
    cdef Element x
    cdef Element y
    cdef const uint8_t* a_cursor = first_element(a)
    cdef const uint8_t* b_cursor = first_element(b)
    cdef int found
    while next_element(&a_cursor, &x):
        if not next_element(&b_cursor, &y):
            return 1
        found = canonical_rank(x.type) - canonical_rank(y.type)
        if found == 0 and named:
            found = strcmp(x.name, y.name)
        if found == 0:
            found = compare_raw(x.type, x.value, y.type, y.value)
        if found != 0:
            return 1 if found > 0 else -1
    return -1 if next_element(&b_cursor, &y) else 0


cdef int compare_binaries(const uint8_t* a, const uint8_t* b) noexcept nogil:
    cdef int32_t a_len = read_int32(a)
    cdef int32_t b_len = read_int32(b)
    cdef int found
    if a_len != b_len:
        return 1 if a_len > b_len else -1
    found = memcmp(a + 4, b + 4, a_len + 1)
    return (found > 0) - (found < 0)


cdef int compare_raw(uint8_t a_type, const uint8_t* a, uint8_t b_type, const uint8_t* b) except -2:
    """Return how two values compare in MongoDB's order: -1, 0 or 1."""
    cdef int found = canonical_rank(a_type) - canonical_rank(b_type)
    if found != 0:
        return 1 if found > 0 else -1
    found = canonical_rank(a_type)
    if found == 40:
        return compare_numbers(a_type, a, b_type, b)
    if found == 50:
        return compare_bytes(a + 4, read_int32(a) - 1, b + 4, read_int32(b) - 1)
    if found == 60:
        return compare_objects(a, b, True)
    if found == 70:
        return compare_objects(a, b, False)
    if found == 80:
        return compare_binaries(a, b)
    if found == 90:
        return compare_bytes(a, 12, b, 12)
    if found == 100:
        return a[0] - b[0]
    if found == 110:
        return compare_longs(read_int64(a), read_int64(b))
    if found == 30 or found == 20 or found == 10 or found == 240:
        return 0
    return compare_keys(a_type, a, b_type, b)


cdef int compare_elements(const Element* a, const Element* b) except -2:
    """Return how the values of two elements compare in MongoDB's order (-1, 0 or 1). The names are ignored."""
    return compare_raw(a.type, a.value, b.type, b.value)


def compare_values(a, b):
    """Return how two values compare in MongoDB's order (-1, 0 or 1). MISSING is less than null.

    Arguments:
        a, b: any values.
    """
    cdef Writer left
    cdef Writer right
    cdef object kind = type(a)
    if kind is type(b) and (kind is int or kind is str and a.isascii() and b.isascii()):
        return (a > b) - (a < b)
    if a is MISSING or b is MISSING:
        return compare_missing(a, b)
    left = Writer()
    right = Writer()
    left.put_value("", 0, a, 1)
    right.put_value("", 0, b, 1)
    return compare_raw(left.buffer[0], left.buffer + 2, right.buffer[0], right.buffer + 2)


cdef int compare_missing(a, b) except -2:
    cdef Writer other
    if a is b:
        return 0
    other = Writer()
    other.put_value("", 0, b if a is MISSING else a, 1)
    found = <int>MISSING_CANONICAL_TYPE - canonical_rank(other.buffer[0])
    found = (found > 0) - (found < 0)
    return found if a is MISSING else -found


def values_equal(a, b):
    """Return whether two values are equal in MongoDB's order. Numbers are compared by value, and the order of fields matters."""
    return compare_values(a, b) == 0
