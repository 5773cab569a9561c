# cython: language_level=3
"""`$concat`, `$toUpper`, `$toLower` and `$substrCP`, which are the most frequent string operators and compiled for speed.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/concat/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/toUpper/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/toLower/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/substrCP/
"""

import string

from libc.stdint cimport uint8_t
from libc.string cimport memmove

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._types cimport BSON_INT, BSON_NULL, BSON_STRING
from secantus_server.bson._utf8 cimport skip_code_points
from secantus_server.mql.expressions._nodes cimport Computed, Expression, Operation, all_can_compute, is_nothing

from secantus_server.bson import is_number, type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.numbers.integers import to_int32
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import fold, parse_arguments
from secantus_server.mql.expressions.registry import operator_parser
from secantus_server.mql.expressions.string_limit import checked_string
from secantus_server.mql.expressions.strings.coercion import to_text
from secantus_server.mql.expressions.value_text import value_text

# `$toUpper` and `$toLower` change the case of ASCII letters only.
UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

cdef enum:
    # A shorter string is not too long, whatever its characters are.
    ALWAYS_ALLOWED = 4194304


cdef int compute_text(Expression operand, const uint8_t* doc, Writer text, Computed* out) except -1:
    """Compute an operand that must be a string. Null is the empty string. Return 0 if another operand must be converted."""
    if not operand.compute(doc, text, out):
        return 0
    if is_nothing(out):
        out.type, out.start, out.length = BSON_STRING, text.size, 0
    return out.type == BSON_STRING


cdef class Concat(Operation):
    """`$concat`: the concatenated strings."""

    cpdef object evaluate(self, bytes doc):
        cdef list values = []
        for operand in self.operands:
            values.append((<Expression>operand).evaluate(doc))
        return concatenated(values)

    cdef bint can_compute(self):
        return all_can_compute(self.operands)

    cdef int compute(self, const uint8_t* doc, Writer text, Computed* out) except -1:
        cdef size_t start = text.size
        cdef bint is_null = False
        for operand in self.operands:
            if not (<Expression>operand).compute(doc, text, out):
                return 0
            if is_nothing(out):
                is_null = True
            elif out.type != BSON_STRING and not is_null:
                return 0
        if is_null:
            out.type = BSON_NULL
            text.size = start
            return 1
        out.type, out.start, out.length = BSON_STRING, start, text.size - start
        return out.length < ALWAYS_ALLOWED


@operator_parser("$concat")
def parse_concat(argument, ctx):
    """Parse `$concat`."""
    return fold(Concat(parse_arguments("$concat", argument, ctx, 0, None)))


cdef object concatenated(list values):
    """Return the concatenated strings, or null if one of the values is null. The values after a null are not checked.

    Raises:
        CommandError: 16702 for a value that is not a string, 16493 for a result of 16 megabytes.
    """
    for value in values:
        if type(value) is str:
            continue
        if is_nullish(value):
            return None
        raise CommandError(16702, f"$concat only supports strings, not {type_name(value)}")
    cdef str text = "".join(values)
    # checked_string() is called only for long strings, because the call costs more than the comparison.
    return text if len(text) < ALWAYS_ALLOWED else checked_string(text)


cdef str text_of(object value):
    return value if type(value) is str else to_text(value)


cdef class Case(Expression):
    """`$toUpper` and `$toLower`."""

    cdef Expression operand
    cdef bint is_upper

    def __init__(self, Expression operand not None, bint is_upper):
        self.operand = operand
        self.is_upper = is_upper

    cpdef object evaluate(self, bytes doc):
        value = self.operand.evaluate(doc)
        return to_upper(value) if self.is_upper else to_lower(value)

    cpdef tuple children(self):
        return (self.operand,)

    cdef bint can_compute(self):
        return self.operand.can_compute()

    cdef int compute(self, const uint8_t* doc, Writer text, Computed* out) except -1:
        cdef uint8_t* data
        cdef size_t i
        # The letter a or A, from which the letters of the other case differ in one bit.
        cdef uint8_t first = 97 if self.is_upper else 65
        if not compute_text(self.operand, doc, text, out):
            return 0
        data = text.buffer + out.start
        for i in range(out.length):
            if first <= data[i] < first + 26:
                data[i] ^= 32
        return 1


@operator_parser("$toUpper")
def parse_to_upper(argument, ctx):
    """Parse `$toUpper`."""
    return fold(Case(*parse_arguments("$toUpper", argument, ctx, 1, 1), True))


@operator_parser("$toLower")
def parse_to_lower(argument, ctx):
    """Parse `$toLower`."""
    return fold(Case(*parse_arguments("$toLower", argument, ctx, 1, 1), False))


cpdef to_upper(value):
    """Return the string with ASCII letters in upper case."""
    cdef str text = text_of(value)
    return text.upper() if text.isascii() else text.translate(UPPER)


cdef to_lower(value):
    """Return the string with ASCII letters in lower case."""
    cdef str text = text_of(value)
    return text.lower() if text.isascii() else text.translate(LOWER)


cdef class Substring(Expression):
    """`$substrCP`."""

    cdef Expression operand, start, length

    def __init__(self, Expression operand not None, Expression start not None, Expression length not None):
        self.operand = operand
        self.start = start
        self.length = length

    cpdef object evaluate(self, bytes doc):
        value = self.operand.evaluate(doc)
        start = self.start.evaluate(doc)
        return substring(value, start, self.length.evaluate(doc))

    cpdef tuple children(self):
        return (self.operand, self.start, self.length)

    cdef bint can_compute(self):
        return all_can_compute(self.children())

    cdef int compute(self, const uint8_t* doc, Writer text, Computed* out) except -1:
        cdef Computed start, length
        cdef const uint8_t* data
        cdef size_t skipped
        if not compute_text(self.operand, doc, text, out):
            return 0
        if not self.start.compute(doc, text, &start) or start.type != BSON_INT or start.whole < 0:
            return 0
        if not self.length.compute(doc, text, &length) or length.type != BSON_INT or length.whole < 0:
            return 0
        data = text.buffer + out.start
        skipped = skip_code_points(data, out.length, start.whole)
        out.length = skip_code_points(data + skipped, out.length - skipped, length.whole)
        if skipped:
            memmove(text.buffer + out.start, data + skipped, out.length)
        text.size = out.start + out.length
        return 1


@operator_parser("$substrCP")
def parse_substr_cp(argument, ctx):
    """Parse `$substrCP`."""
    return fold(Substring(*parse_arguments("$substrCP", argument, ctx, 3, 3)))


cdef str substring(value, start, length):
    """Return at most `length` code points from `start` on.

    Raises:
        CommandError: 34450 to 34455 for an invalid start or length.
    """
    cdef str text = text_of(value)
    cdef Py_ssize_t first = index_of("starting index", start, 34450)
    cdef Py_ssize_t count = index_of("length", length, 34452)
    if count < 0:
        raise CommandError(34454, "$substrCP: length must be a nonnegative integer.")
    if first < 0:
        raise CommandError(34455, "$substrCP: the starting index must be nonnegative integer.")
    return text[first : first + count]


cdef Py_ssize_t index_of(str what, object value, int code) except? -1:
    if type(value) is int:
        return value
    if not is_number(value):
        raise CommandError(code, f"$substrCP: {what} must be a numeric type (is BSON type {type_name(value)})")
    number = to_int32(value)
    if number is None:
        raise CommandError(code + 1, f"$substrCP: {what} cannot be represented as a 32-bit integral value: {value_text(value)}")
    return number
