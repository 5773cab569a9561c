# cython: language_level=3, boundscheck=False, wraparound=False
"""The match nodes that test a value without comparing it: `$exists`, `$type`, `$size`, `$mod` and the `$bits` family."""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from secantus_server.bson._codec cimport decode_element
from secantus_server.bson._raw cimport Element, first_element, next_element, read_double, read_int32, read_int64
from secantus_server.bson._types cimport BSON_ARRAY, BSON_BINARY, BSON_DECIMAL, BSON_DOUBLE, BSON_INT, BSON_LONG, BSON_MISSING
from secantus_server.mql.match._nodes cimport PathMatch

from secantus_server.bson.numbers import INT64_MAX, INT64_MIN, int_value


cdef bint read_whole(const Element* element, bint truncate, int64_t* out) except -1:
    """Read a number as a 64-bit integer. Return false if it is not a number, is too large, or has a fraction and `truncate` is false."""
    cdef double real
    if element.type == BSON_INT:
        out[0] = read_int32(element.value)
        return True
    if element.type == BSON_LONG:
        out[0] = read_int64(element.value)
        return True
    if element.type == BSON_DOUBLE:
        real = read_double(element.value)
        if not (-9223372036854775808.0 <= real < 9223372036854775808.0):
            return False
        out[0] = <int64_t>real
        return truncate or <double>out[0] == real
    return element.type == BSON_DECIMAL and read_whole_decimal(element, truncate, out)


cdef bint read_whole_decimal(const Element* element, bint truncate, int64_t* out) except -1:
    decimal = decode_element(element).to_decimal()
    if not decimal.is_finite() or decimal.adjusted() > 18:
        return False
    whole = int(decimal)
    if not INT64_MIN <= whole <= INT64_MAX:
        return False
    out[0] = whole
    return truncate or decimal == whole


cdef class Exists(PathMatch):
    """A node that matches if the path exists, with any value."""

    def __init__(self, str path not None):
        self.set_path(path, False)

    def predicate(self):
        return {"$exists": True}

    cdef bint matches_element(self, const Element* element) except -1:
        return element.type != BSON_MISSING


cdef class TypeMatch(PathMatch):
    """A node that matches if a value at the path has one of several BSON types.

    Arguments:
        path: the dotted path.
        codes: the BSON type bytes; 255 is minKey.
    """

    cdef readonly list codes
    cdef uint8_t[256] wanted

    def __init__(self, str path not None, codes):
        self.set_path(path, True)
        self.codes = sorted(codes)
        memset(self.wanted, 0, 256)
        for code in self.codes:
            self.wanted[<uint8_t>code] = 1

    def predicate(self):
        return {"$type": [-1 if code == 255 else code for code in self.codes]}

    cdef bint matches_element(self, const Element* element) except -1:
        return self.wanted[element.type]


cdef class Size(PathMatch):
    """A node that matches if the value at the path is an array of the given length."""

    cdef readonly int64_t size

    def __init__(self, str path not None, int64_t size):
        self.set_path(path, False)
        self.size = size

    def predicate(self):
        return {"$size": int_value(self.size)}

    cdef bint matches_element(self, const Element* element) except -1:
        cdef Element item
        cdef const uint8_t* cursor
        cdef int64_t count = 0
        if element.type != BSON_ARRAY:
            return False
        cursor = first_element(element.value)
        while count <= self.size and next_element(&cursor, &item):
            count += 1
        return count == self.size


cdef class Mod(PathMatch):
    """A node that matches if a number at the path, truncated to an integer, has the given remainder.

    The remainder has the sign of the number.
    """

    cdef readonly int64_t divisor
    cdef readonly int64_t remainder

    def __init__(self, str path not None, int64_t divisor, int64_t remainder):
        self.set_path(path, True)
        self.divisor = divisor
        self.remainder = remainder

    def predicate(self):
        return {"$mod": [int_value(self.divisor), int_value(self.remainder)]}

    cdef bint matches_element(self, const Element* element) except -1:
        cdef int64_t number
        if not read_whole(element, True, &number):
            return False
        return remainder_of(number, self.divisor) == self.remainder


cdef inline int64_t remainder_of(int64_t number, int64_t divisor) noexcept:
    # The remainder has the number's sign, as in C and in MongoDB. It is computed with unsigned operands, because INT64_MIN % -1 would trap.
    cdef uint64_t size = -<uint64_t>number if number < 0 else <uint64_t>number
    cdef uint64_t by = -<uint64_t>divisor if divisor < 0 else <uint64_t>divisor
    cdef int64_t found = <int64_t>(size % by)
    return -found if number < 0 else found


cdef class Bits(PathMatch):
    """A node that matches if an integer or binary value at the path has its bits set or clear at some positions.

    A negative number is sign-extended, so that all bits beyond the 64th are set. Bits beyond the end of binary data are clear.

    Arguments:
        path: the dotted path.
        operator: `$bitsAllSet`, `$bitsAllClear`, `$bitsAnySet` or `$bitsAnyClear`.
        positions: the positions of the bits; 0 is the least significant bit.
    """

    cdef readonly str operator
    cdef readonly list positions
    cdef uint32_t* bits
    cdef int count
    cdef bint wants_set
    cdef bint wants_all

    def __cinit__(self, *args):
        self.bits = NULL

    def __dealloc__(self):
        PyMem_Free(self.bits)

    def __init__(self, str path not None, str operator not None, positions):
        cdef int i
        self.set_path(path, True)
        self.operator = operator
        self.positions = sorted(set(positions))
        self.wants_set = operator.endswith("Set")
        self.wants_all = operator.startswith("$bitsAll")
        self.count = len(self.positions)
        self.bits = <uint32_t*>PyMem_Malloc((self.count + 1) * sizeof(uint32_t))
        if self.bits == NULL:
            raise MemoryError
        for i in range(self.count):
            self.bits[i] = self.positions[i]

    def predicate(self):
        return {self.operator: self.positions}

    cdef bint matches_element(self, const Element* element) except -1:
        cdef int64_t number
        cdef int i
        if element.type == BSON_BINARY:
            for i in range(self.count):
                if (binary_bit(element.value, self.bits[i]) == self.wants_set) != self.wants_all:
                    return not self.wants_all
            return self.wants_all
        if not read_whole(element, False, &number):
            return False
        for i in range(self.count):
            if (number_bit(number, self.bits[i]) == self.wants_set) != self.wants_all:
                return not self.wants_all
        return self.wants_all


cdef inline bint number_bit(int64_t number, uint32_t position) noexcept nogil:
    return (number >> (position if position < 63 else 63)) & 1


cdef inline bint binary_bit(const uint8_t* value, uint32_t position) noexcept nogil:
    cdef uint32_t byte = position // 8
    return byte < <uint32_t>read_int32(value) and (value[5 + byte] >> (position % 8)) & 1
