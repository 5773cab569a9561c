# cython: language_level=3, boundscheck=False, wraparound=False
"""Validates documents from clients. Code that walks a validated document trusts the lengths in the document.

Text need not be valid UTF-8: like MongoDB, this server stores the bytes of strings and field names unchanged.
"""

from libc.stdint cimport int32_t, uint8_t
from libc.string cimport memchr

from secantus_server.bson._raw cimport read_int32
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

from secantus_server.errors import CommandError

cdef int MAX_DEPTH = 200


cdef int fail(str why) except -1:
    raise CommandError(22, f"Invalid BSON: {why}")


cdef int check_text(const uint8_t* p, const uint8_t* end) except -1:
    """Check that a length-prefixed string, including its NUL, ends before `end`."""
    cdef int32_t length
    if end - p < 5:
        fail("a string is truncated")
    length = read_int32(p)
    if length < 1 or length > end - p - 4 or p[4 + length - 1] != 0:
        fail("a string has an invalid length")
    return 4 + length


cdef Py_ssize_t check_name(const uint8_t* p, const uint8_t* end) except -1:
    """Return the length of a NUL-terminated text, including the NUL. Raise CommandError if no NUL follows before `end`."""
    cdef const void* nul = memchr(p, 0, end - p) if end > p else NULL
    if nul == NULL:
        fail("a field name is not terminated")
    return <const uint8_t*>nul - p + 1


cdef Py_ssize_t check_fixed(const uint8_t* p, const uint8_t* end, Py_ssize_t size) except -1:
    if end - p < size:
        fail("a value is truncated")
    return size


cdef Py_ssize_t check_binary(const uint8_t* p, const uint8_t* end) except -1:
    cdef int32_t length
    check_fixed(p, end, 5)
    length = read_int32(p)
    if length < 0 or length > end - p - 5:
        fail("binary data has an invalid length")
    if p[4] == 2 and (length < 4 or read_int32(p + 5) != length - 4):
        fail("binary data of subtype 2 has an invalid inner length")
    return 5 + length


cdef Py_ssize_t check_code_with_scope(const uint8_t* p, const uint8_t* end, int depth) except -1:
    cdef int32_t length
    cdef Py_ssize_t used
    check_fixed(p, end, 4)
    length = read_int32(p)
    if length < 14 or length > end - p:
        fail("code with scope has an invalid length")
    used = 4 + check_text(p + 4, p + length)
    used += check_document(p + used, p + length, depth + 1)
    if used != length:
        fail("code with scope has an invalid length")
    return used


cdef Py_ssize_t check_value(uint8_t type, const uint8_t* p, const uint8_t* end, int depth) except -1:
    cdef Py_ssize_t used
    if type == BSON_STRING or type == BSON_JAVASCRIPT or type == BSON_SYMBOL:
        return check_text(p, end)
    if type == BSON_INT:
        return check_fixed(p, end, 4)
    if type == BSON_DOUBLE or type == BSON_DATE or type == BSON_TIMESTAMP or type == BSON_LONG:
        return check_fixed(p, end, 8)
    if type == BSON_DOCUMENT or type == BSON_ARRAY:
        return check_document(p, end, depth + 1)
    if type == BSON_OBJECT_ID:
        return check_fixed(p, end, 12)
    if type == BSON_BOOL:
        check_fixed(p, end, 1)
        if p[0] > 1:
            fail("a bool is neither 0 nor 1")
        return 1
    if type == BSON_NULL or type == BSON_UNDEFINED or type == BSON_MIN_KEY or type == BSON_MAX_KEY:
        return 0
    if type == BSON_BINARY:
        return check_binary(p, end)
    if type == BSON_DECIMAL:
        return check_fixed(p, end, 16)
    if type == BSON_REGEX:
        used = check_name(p, end)
        return used + check_name(p + used, end)
    if type == BSON_JAVASCRIPT_WITH_SCOPE:
        return check_code_with_scope(p, end, depth)
    if type == BSON_DB_POINTER:
        used = check_text(p, end)
        return used + check_fixed(p + used, end, 12)
    fail(f"unknown type 0x{type:02x}")


cdef Py_ssize_t check_document(const uint8_t* p, const uint8_t* end, int depth) except -1:
    cdef int32_t length
    cdef const uint8_t* cursor
    cdef const uint8_t* last
    cdef uint8_t type
    if depth > MAX_DEPTH:
        raise CommandError(15, f"BSONObj exceeds maximum nested object depth: {MAX_DEPTH}")
    if end - p < 5:
        fail("a document is truncated")
    length = read_int32(p)
    if length < 5 or length > end - p:
        fail("a document has an invalid length")
    last = p + length - 1
    if last[0] != 0:
        fail("a document does not end with a NUL byte")
    cursor = p + 4
    while cursor < last:
        type = cursor[0]
        cursor += 1
        cursor += check_name(cursor, last)
        cursor += check_value(type, cursor, last, depth)
    if cursor != last:
        fail("a document has an invalid length")
    return length


cdef int check_whole(const uint8_t* data, Py_ssize_t size) except -1:
    """Check that the bytes are exactly one valid document."""
    if size < 5:
        fail("a document is truncated")
    # The depth starts at 0: the outermost document does not count.
    if check_document(data, data + size, 0) != size:
        fail("a document has an invalid length")
    return 0


def validate(const uint8_t[::1] data not None):
    """Check that the bytes are exactly one valid document within MongoDB's nesting limit.

    Raises:
        CommandError: 22 InvalidBSON, or 15 Overflow for a document nested too deeply.
    """
    if data.shape[0] < 5:
        fail("a document is truncated")
    check_whole(&data[0], data.shape[0])
