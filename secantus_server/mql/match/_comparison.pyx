# cython: language_level=3, boundscheck=False, wraparound=False
"""The match nodes of `$eq`, `$lt`, `$lte`, `$gt`, `$gte` and `$in`, which compare stored bytes.

Type bracketing: a value is compared only with operands in the same type bracket (all numeric types share one bracket). minKey and maxKey
compare with every type, null equals a missing field, and NaN equals only itself.
https://www.mongodb.com/docs/manual/reference/operator/query-comparison/
"""

from functools import cmp_to_key

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcmp

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._compare cimport compare_elements
from secantus_server.bson._keystring cimport put_key
from secantus_server.bson._raw cimport Element, canonical_rank, first_element, next_element, read_double, read_int32, read_int64
from secantus_server.bson._types cimport (
    BSON_DECIMAL,
    BSON_DOUBLE,
    BSON_INT,
    BSON_LONG,
    BSON_MAX_KEY,
    BSON_MIN_KEY,
    BSON_MISSING,
    BSON_NULL,
    BSON_STRING,
)
from secantus_server.mql.match._nodes cimport MatchExpression, PathMatch, as_nodes

from secantus_server.bson import compare_values, encode, key_string
from secantus_server.bson.values import MISSING

cdef enum:
    OTHER = 0
    LONG = 1
    DOUBLE = 2
    TEXT = 3

cdef int LESS = 1
cdef int EQUAL = 2
cdef int GREATER = 4

ACCEPTED = {"$eq": EQUAL, "$lt": LESS, "$lte": LESS | EQUAL, "$gt": GREATER, "$gte": GREATER | EQUAL}

# Integers up to this magnitude convert to double without loss.
cdef int64_t EXACT = 9007199254740992


def holds_text(value):
    """Return whether a value is or contains a string, so that a collation affects it."""
    if type(value) is dict:
        return any(holds_text(item) for item in value.values())
    if type(value) is list:
        return any(holds_text(item) for item in value)
    return type(value) is str


cdef bytes collated(const Element* element, object collation):
    """Return the key string that an element has with a collation."""
    cdef Writer out = Writer()
    put_key(out, element.type, element.value, collation)
    return out.finish()


cdef inline bint is_nan(const Element* element) noexcept nogil:
    cdef double number
    if element.type == BSON_DOUBLE:
        number = read_double(element.value)
        return number != number
    return element.type == BSON_DECIMAL and (element.value[15] & 0x7C) == 0x7C


cdef inline int order_of_texts(const uint8_t* a, const uint8_t* b) noexcept nogil:
    cdef int32_t a_len = read_int32(a)
    cdef int32_t b_len = read_int32(b)
    cdef int found = memcmp(a + 4, b + 4, (a_len if a_len < b_len else b_len) - 1)
    return found if found != 0 else a_len - b_len


cdef inline bint accepts(int accepted, bint less, bint equal) noexcept nogil:
    return (accepted & (LESS if less else EQUAL if equal else GREATER)) != 0


cdef class Comparison(PathMatch):
    """A node that compares the values at a path with an operand.

    It matches if one of the values is equal to, less than or greater than the operand, depending on the operator.

    Arguments:
        path: the dotted path.
        operator: `$eq`, `$lt`, `$lte`, `$gt` or `$gte`.
        operand: any value but undefined.
        collation: the collation, or None for the simple one.
        null_through_arrays: whether an array through which the path cannot continue counts as null.
    """

    def __init__(self, str path not None, str operator not None, operand, collation=None, bint null_through_arrays=False):
        cdef const uint8_t* cursor
        self.set_path(path, True)
        self.null_through_arrays = null_through_arrays and operand is None
        self.operator = operator
        self.operand = operand
        self.collation = collation
        self.accepted = ACCEPTED[operator]
        self.encoded = encode({"": operand})
        cursor = first_element(<const uint8_t*>PyBytes_AS_STRING(self.encoded))
        next_element(&cursor, &self.right)
        if collation is not None and holds_text(operand):
            self.collation_key = key_string(operand, collation)
        self.choose_kind()

    cdef int choose_kind(self) except -1:
        """Select a fast path for operands that do not need the general comparison."""
        self.kind = OTHER
        if self.right.type == BSON_INT or self.right.type == BSON_LONG:
            self.whole = read_int32(self.right.value) if self.right.type == BSON_INT else read_int64(self.right.value)
            self.real = <double>self.whole
            self.kind = LONG if -EXACT <= self.whole <= EXACT else OTHER
        elif self.right.type == BSON_DOUBLE:
            self.real = read_double(self.right.value)
            self.kind = OTHER if is_nan(&self.right) else DOUBLE
        elif self.right.type == BSON_STRING and self.collation_key is None:
            self.kind = TEXT
        return 0

    def predicate(self):
        return {self.operator: self.operand}

    cdef bint matches_element(self, const Element* element) except -1:
        cdef int64_t whole
        cdef double real
        cdef int found
        if self.kind == LONG and (element.type == BSON_INT or element.type == BSON_LONG):
            whole = read_int32(element.value) if element.type == BSON_INT else read_int64(element.value)
            return accepts(self.accepted, whole < self.whole, whole == self.whole)
        if (self.kind == LONG or self.kind == DOUBLE) and element.type == BSON_DOUBLE:
            real = read_double(element.value)
            return real == real and accepts(self.accepted, real < self.real, real == self.real)
        if self.kind == DOUBLE and element.type == BSON_INT:
            real = <double>read_int32(element.value)
            return accepts(self.accepted, real < self.real, real == self.real)
        if self.kind == TEXT and element.type == BSON_STRING:
            if self.accepted == EQUAL and self.right.value_len != element.value_len:
                return False
            found = order_of_texts(element.value, self.right.value)
            return accepts(self.accepted, found < 0, found == 0)
        return self.matches_other(element)

    cdef bint matches_other(self, const Element* element) except -1:
        cdef int rank = canonical_rank(self.right.type)
        cdef int found
        if element.type == BSON_MISSING and self.right.type == BSON_NULL:
            return (self.accepted & EQUAL) != 0
        if element.type == BSON_MISSING or canonical_rank(element.type) != rank:
            # minKey is less than, and maxKey greater than, values of every other type.
            if self.right.type == BSON_MIN_KEY:
                return self.accepted & GREATER != 0
            return self.right.type == BSON_MAX_KEY and self.accepted & LESS != 0
        if rank == 40 and (is_nan(element) or is_nan(&self.right)):
            return self.accepted & EQUAL != 0 and is_nan(element) and is_nan(&self.right)
        if self.collation_key is not None:
            return self.matches_collated(element)
        found = compare_elements(element, &self.right)
        return accepts(self.accepted, found < 0, found == 0)

    cdef bint matches_collated(self, const Element* element) except -1:
        cdef bytes key = collated(element, self.collation)
        return accepts(self.accepted, key < self.collation_key, key == self.collation_key)


cdef class In(PathMatch):
    """A node that matches if a value at the path equals one of the operands or matches one of the regular expressions.

    Arguments:
        path: the dotted path.
        operands: the values in any order. The node stores them sorted and without duplicates.
        regexes: the regular expressions, as `RegexMatch` nodes of the same path.
        collation: the collation, or None for the simple one.
        null_through_arrays: see `Comparison`; it matters only if an operand is null.
    """

    def __cinit__(self, *args, **kwargs):
        self.elements = NULL

    def __dealloc__(self):
        PyMem_Free(self.elements)

    def __init__(self, str path not None, operands, regexes=(), collation=None, bint null_through_arrays=False):
        self.set_path(path, True)
        self.operands = sorted_operands(operands)
        self.regexes = as_nodes(regexes)
        self.collation = collation
        self.has_null = None in self.operands
        self.null_through_arrays = null_through_arrays and self.has_null
        if collation is not None and any(holds_text(value) for value in self.operands):
            self.collation_keys = {key_string(value, collation) for value in self.operands}
        self.set_elements()

    cdef int set_elements(self) except -1:
        """Encode the sorted operands for the binary search."""
        cdef const uint8_t* cursor
        cdef Py_ssize_t i
        self.count = len(self.operands)
        self.encoded = encode({"": self.operands})
        self.elements = <Element*>PyMem_Malloc((self.count + 1) * sizeof(Element))
        if self.elements == NULL:
            raise MemoryError
        cursor = first_element(<const uint8_t*>PyBytes_AS_STRING(self.encoded))
        next_element(&cursor, &self.elements[0])
        cursor = first_element(self.elements[0].value)
        for i in range(self.count):
            next_element(&cursor, &self.elements[i])
        return 0

    def predicate(self):
        return {"$in": self.operands + [regex.as_value() for regex in self.regexes]}

    cdef bint matches_element(self, const Element* element) except -1:
        if element.type == BSON_MISSING:
            return self.has_null
        if self.contains(element):
            return True
        for regex in self.regexes:
            if (<MatchExpression>regex).matches_element(element):
                return True
        return False

    cdef bint contains(self, const Element* element) except -1:
        cdef Py_ssize_t low = 0
        cdef Py_ssize_t high = self.count
        cdef Py_ssize_t middle
        cdef int found
        if self.collation_keys is not None:
            return collated(element, self.collation) in self.collation_keys
        while low < high:
            middle = (low + high) // 2
            found = compare_elements(element, &self.elements[middle])
            if found == 0:
                return True
            if found < 0:
                high = middle
            else:
                low = middle + 1
        return False


def sorted_operands(operands):
    """Return the operands in MongoDB's order, without duplicates."""
    cdef list found = []
    cdef object last = MISSING
    for value in sorted(operands, key=cmp_to_key(compare_values)):
        if compare_values(last, value) != 0:
            found.append(value)
            last = value
    return found
