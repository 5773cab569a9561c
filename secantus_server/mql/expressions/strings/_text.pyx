# cython: language_level=3
"""`$concat`, `$toUpper`, `$toLower` and `$substrCP`, which are the most frequent string operators and compiled for speed.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/concat/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/toUpper/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/toLower/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/substrCP/
"""

import string

from secantus_server.mql.expressions._nodes cimport Expression, Operation

from secantus_server.bson import is_number, type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.numbers.integers import to_int32
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import fold, parse_arguments
from secantus_server.mql.expressions.registry import operator, operator_parser
from secantus_server.mql.expressions.string_limit import checked_string
from secantus_server.mql.expressions.strings.coercion import to_text
from secantus_server.mql.expressions.value_text import value_text

# `$toUpper` and `$toLower` change the case of ASCII letters only.
UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


cdef class Concat(Operation):
    """`$concat`: the concatenated strings."""

    cpdef object evaluate(self, bytes doc):
        cdef list values = []
        for operand in self.operands:
            values.append((<Expression>operand).evaluate(doc))
        return concatenated(values)


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
    return text if len(text) < 4194304 else checked_string(text)


cdef str text_of(object value):
    return value if type(value) is str else to_text(value)


cdef class Upper(Expression):
    """`$toUpper`."""

    cdef Expression operand

    def __init__(self, Expression operand not None):
        self.operand = operand

    cpdef object evaluate(self, bytes doc):
        return to_upper(self.operand.evaluate(doc))

    cpdef tuple children(self):
        return (self.operand,)


@operator_parser("$toUpper")
def parse_to_upper(argument, ctx):
    """Parse `$toUpper`."""
    return fold(Upper(*parse_arguments("$toUpper", argument, ctx, 1, 1)))


cpdef to_upper(value):
    """Return the string with ASCII letters in upper case."""
    cdef str text = text_of(value)
    return text.upper() if text.isascii() else text.translate(UPPER)


@operator("$toLower", arguments=1)
def to_lower(value):
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
