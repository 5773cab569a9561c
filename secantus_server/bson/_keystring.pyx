# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Key strings, which are bytes whose memcmp order is MongoDB's comparison order. Equal numbers of different types have equal keys.

The key of a value consists of a rank byte (the canonical type) and a self-terminating payload, so the keys of several fields are simply
concatenated. For a descending field, all bits are inverted.

The payload of a number consists of a class byte (NaN, negative, zero, positive), the bits of the largest double not above the magnitude,
and a byte that tells whether a remainder follows. Only longs beyond 2^53 and decimals that no double represents have a remainder. The
remainder is written as a decimal exponent and digits, so that a long and a decimal of equal value have equal keys. The bits of negative
magnitudes are inverted.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.math cimport INFINITY, fabs, nextafter
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy, strlen

from secantus_server.bson._codec cimport Writer, decode_value
from secantus_server.bson._raw cimport Element, canonical_rank, first_element, next_element, read_double, read_int32, read_int64
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
    BSON_OBJECT_ID,
    BSON_REGEX,
    BSON_STRING,
    BSON_SYMBOL,
    BSON_TIMESTAMP,
)

import decimal

from bson.decimal128 import Decimal128

from secantus_server.bson.values import MISSING

cdef enum:
    NAN_CLASS = 1
    NEGATIVE = 2
    ZERO = 3
    POSITIVE = 4
    MISSING_RANK = 25
    EXPONENT_BIAS = 20000

cdef double LARGEST = 1.7976931348623157e308

# Enough precision for the exact difference of any decimal128 and any double.
cdef object EXACT = decimal.Context(prec=8000, Emax=999999, Emin=-999999)


cdef inline int put_big_endian(Writer out, uint64_t n) except -1:
    cdef uint8_t* data = extend(out, 8)
    # Without a loop, the compiler makes one store of it.
    data[0], data[1], data[2], data[3] = <uint8_t>(n >> 56), <uint8_t>(n >> 48), <uint8_t>(n >> 40), <uint8_t>(n >> 32)
    data[4], data[5], data[6], data[7] = <uint8_t>(n >> 24), <uint8_t>(n >> 16), <uint8_t>(n >> 8), <uint8_t>n
    return 0


cdef void invert(Writer out, size_t start) noexcept:
    """Invert all bits written since `start`, which reverses their order."""
    cdef size_t i
    for i in range(start, out.size):
        out.buffer[i] = ~out.buffer[i]


cdef int put_magnitude(Writer out, double magnitude, object remainder) except -1:
    cdef uint64_t bits
    memcpy(&bits, &magnitude, 8)
    put_big_endian(out, bits)
    if remainder is None:
        extend(out, 1)[0] = 0
        return 0
    out.put_byte(1)
    return put_remainder(out, remainder)


cdef int put_remainder(Writer out, object remainder) except -1:
    """Write the remainder: the positive decimal by which a magnitude exceeds the largest double that is not above it."""
    cdef int biased = remainder.adjusted() + EXPONENT_BIAS
    out.put_byte(<uint8_t>(biased >> 8))
    out.put_byte(<uint8_t>(biased & 255))
    digits = remainder.as_tuple().digits
    last = len(digits)
    while last > 1 and digits[last - 1] == 0:
        last -= 1
    for digit in digits[:last]:
        out.put_byte(<uint8_t>(digit + 1))
    return out.put_byte(0)


cdef int put_double(Writer out, double number) except -1:
    cdef size_t start
    if number != number:
        return out.put_byte(NAN_CLASS)
    if number == 0:
        return out.put_byte(ZERO)
    extend(out, 1)[0] = POSITIVE if number > 0 else NEGATIVE
    start = out.size
    put_magnitude(out, fabs(number), None)
    if number < 0:
        invert(out, start)
    return 0


cdef int put_long(Writer out, int64_t number) except -1:
    cdef uint64_t magnitude
    cdef double nearest
    cdef size_t start
    if -(<int64_t>1 << 53) <= number <= (<int64_t>1 << 53):
        return put_double(out, <double>number)
    magnitude = <uint64_t>number if number > 0 else <uint64_t>0 - <uint64_t>number
    nearest = <double>magnitude
    # Round down to the largest double not above the magnitude. The cast is safe: no int64 magnitude rounds up to 2^64.
    if <uint64_t>nearest > magnitude:
        nearest = nextafter(nearest, 0)
    out.put_byte(POSITIVE if number > 0 else NEGATIVE)
    start = out.size
    put_magnitude(out, nearest, None if <uint64_t>nearest == magnitude else decimal.Decimal(magnitude - <uint64_t>nearest))
    if number < 0:
        invert(out, start)
    return 0


cdef int put_decimal(Writer out, const uint8_t* value) except -1:
    cdef double nearest
    cdef size_t start
    number = Decimal128.from_bid(PyBytes_FromStringAndSize(<const char*>value, 16)).to_decimal()
    if number.is_nan():
        return out.put_byte(NAN_CLASS)
    if number.is_zero():
        return out.put_byte(ZERO)
    out.put_byte(NEGATIVE if number.is_signed() else POSITIVE)
    start = out.size
    magnitude = number.copy_abs()
    if magnitude.is_infinite():
        put_magnitude(out, INFINITY, None)
    else:
        nearest = min(float(magnitude), LARGEST)
        if decimal.Decimal(nearest) > magnitude:
            nearest = nextafter(nearest, 0)
        remainder = EXACT.subtract(magnitude, decimal.Decimal(nearest))
        put_magnitude(out, nearest, None if remainder.is_zero() else remainder)
    if number.is_signed():
        invert(out, start)
    return 0


cdef int put_text(Writer out, const uint8_t* text, size_t length) except -1:
    """Write bytes that may contain NULs. A NUL is escaped as 00 FF, and 00 01 marks the end."""
    cdef size_t i
    cdef uint8_t* data
    if memchr(text, 0, length) == NULL:
        data = extend(out, length + 2)
        memcpy(data, text, length)
        data += length
    else:
        for i in range(length):
            out.put_byte(text[i])
            if text[i] == 0:
                out.put_byte(255)
        data = extend(out, 2)
    data[0], data[1] = 0, 1
    return 0


cdef int put_string(Writer out, const uint8_t* value, object collation) except -1:
    cdef bytes key
    cdef size_t length = read_int32(value) - 1
    if collation is None:
        return put_text(out, value + 4, length)
    key = collation.sort_key((<const char*>value)[4:4 + length].decode("utf-8", "surrogateescape"))
    return put_text(out, <const uint8_t*>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))


cdef int put_object(Writer out, const uint8_t* doc, object collation) except -1:
    """Write the type, name and value of each field. A document that is a prefix of another document sorts first."""
    cdef Element element
    cdef const uint8_t* cursor = first_element(doc)
    while next_element(&cursor, &element):
        out.put_byte(<uint8_t>canonical_rank(element.type))
        out.put_bytes(element.name, element.name_len + 1)
        put_payload(out, element.type, element.value, collation)
    return out.put_byte(0)


cdef int put_array(Writer out, const uint8_t* doc, object collation) except -1:
    cdef Element element
    cdef const uint8_t* cursor = first_element(doc)
    while next_element(&cursor, &element):
        put_key(out, element.type, element.value, collation)
    return out.put_byte(0)


cdef int put_binary(Writer out, const uint8_t* value) except -1:
    """Write a binary value as its length, subtype and bytes, the order in which MongoDB compares them."""
    cdef uint32_t length = <uint32_t>read_int32(value)
    cdef int shift
    for shift in (24, 16, 8, 0):
        out.put_byte(<uint8_t>(length >> shift))
    return out.put_bytes(value + 4, length + 1)


cdef int put_payload(Writer out, uint8_t type, const uint8_t* value, object collation) except -1:
    if type == BSON_INT:
        return put_double(out, <double>read_int32(value))
    if type == BSON_LONG:
        return put_long(out, read_int64(value))
    if type == BSON_DOUBLE:
        return put_double(out, read_double(value))
    if type == BSON_STRING or type == BSON_SYMBOL:
        return put_string(out, value, collation)
    if type == BSON_OBJECT_ID:
        return out.put_bytes(value, 12)
    if type == BSON_BOOL:
        return out.put_byte(value[0])
    if type == BSON_DATE:
        return put_big_endian(out, <uint64_t>read_int64(value) ^ (<uint64_t>1 << 63))
    if type == BSON_DOCUMENT:
        return put_object(out, value, collation)
    if type == BSON_ARRAY:
        return put_array(out, value, collation)
    if type == BSON_DECIMAL:
        return put_decimal(out, value)
    if type == BSON_BINARY:
        return put_binary(out, value)
    if type == BSON_TIMESTAMP:
        return put_big_endian(out, <uint64_t>read_int64(value))
    return put_rare_payload(out, type, value, collation)


cdef int put_rare_payload(Writer out, uint8_t type, const uint8_t* value, object collation) except -1:
    cdef size_t length
    if type == BSON_REGEX:
        length = strlen(<const char*>value) + 1
        return out.put_bytes(value, length + strlen(<const char*>(value + length)) + 1)
    if type == BSON_JAVASCRIPT:
        return put_text(out, value + 4, read_int32(value) - 1)
    if type == BSON_JAVASCRIPT_WITH_SCOPE:
        length = read_int32(value + 4)
        put_text(out, value + 8, length - 1)
        return put_object(out, value + 8 + length, collation)
    if type == BSON_DB_POINTER:
        length = read_int32(value)
        put_big_endian(out, length)
        return out.put_bytes(value + 4, length + 12)
    return 0   # The keys of minKey, undefined, null and maxKey consist of the rank only.


cdef int put_key(Writer out, uint8_t type, const uint8_t* value, object collation) except -1:
    """Append the key of one raw value."""
    extend(out, 1)[0] = <uint8_t>canonical_rank(type)
    return put_payload(out, type, value, collation)


cdef int put_missing_key(Writer out) except -1:
    """Write the key that a missing value has in an expression, which is less than the key of null."""
    return out.put_byte(MISSING_RANK)


cdef int put_null_key(Writer out) except -1:
    """Write the key that a missing field has in an index or a sort: the key of null."""
    return out.put_byte(<uint8_t>canonical_rank(10))


cdef int put_empty_array_key(Writer out) except -1:
    """Write the key that an empty array has in an index or a sort: the key of undefined, which is less than the key of null."""
    return out.put_byte(<uint8_t>canonical_rank(6))


def key_string(value, collation=None):
    """Return the key string of one value.

    Arguments:
        value: any value, including MISSING.
        collation: defines the order of strings; with None, strings are compared by their UTF-8 bytes.
    """
    cdef Writer raw
    cdef Writer out = Writer()
    if value is MISSING:
        put_missing_key(out)
        return out.finish()
    raw = Writer()
    raw.put_value("", 0, value, 1)
    put_key(out, raw.buffer[0], raw.buffer + 2, collation)
    return out.finish()
