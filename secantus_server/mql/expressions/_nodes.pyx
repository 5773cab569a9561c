# cython: language_level=3, boundscheck=False, wraparound=False
"""The basic nodes of expression trees: constants, paths, variables, objects, arrays and calls of plain functions.

A path reads the stored bytes and decodes only the value at its end. Nodes must not modify the values that they receive, because values are
shared.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
from libc.stdint cimport INT32_MAX, INT32_MIN, int64_t, uint8_t, uint32_t

from secantus_server.bson._codec cimport Writer, decode_stored_document, decode_stored_element
from secantus_server.bson._raw cimport (
    Element,
    find_field,
    first_element,
    next_element,
    read_double,
    read_int32,
    read_int64,
)
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DOCUMENT, BSON_DOUBLE, BSON_INT, BSON_LONG, BSON_MISSING, BSON_NULL, BSON_STRING
from secantus_server.bson._utf8 cimport is_utf8

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson.values import MISSING, UNDEFINED

cdef object NO_VALUE = MISSING
cdef object UNDEFINED_VALUE = UNDEFINED
cdef object LONG = Int64
cdef object DECIMAL = Decimal128


cdef bint is_true(object value):
    """Return whether a value counts as true. All values do except false, zero, null, undefined and missing."""
    if value is True:
        return True
    if value is False or value is None or value is NO_VALUE or value is UNDEFINED_VALUE:
        return False
    kind = type(value)
    if kind is int or kind is float or kind is LONG:
        return value != 0
    if kind is DECIMAL:
        return not value.to_decimal().is_zero()
    return True


cdef bint is_plain_number(object value):
    """Return whether a value is a number that Python compares as MongoDB does. Decimals and NaN are not."""
    kind = type(value)
    return kind is int or kind is LONG or (kind is float and value == value)


def truthy(object value):
    """Return whether a value counts as true. All values do except false, zero, null, undefined and missing."""
    return is_true(value)


cdef object value_at(object value, tuple names, Py_ssize_t index):
    """Return the value at the path that consists of the names from `index` on. Traverse arrays on the path."""
    cdef list found
    while index < len(names):
        if type(value) is dict:
            value = (<dict>value).get(names[index], NO_VALUE)
            index += 1
        elif type(value) is list:
            found = []
            for item in <list>value:
                if type(item) is dict:
                    item = value_at(item, names, index)
                    if item is not NO_VALUE:
                        found.append(item)
            return found
        else:
            return NO_VALUE
    return value


def get_path(object value, tuple names):
    """Return the value at a path. If an array is on the path, return the list of the values in its documents."""
    return value_at(value, names, 0)


cdef bint all_can_compute(tuple expressions):
    """Return whether `can_compute` is true for all expressions."""
    for expression in expressions:
        if not (<Expression>expression).can_compute():
            return False
    return True


cdef object value_of(const Computed* computed, Writer text):
    """Return a computed value as a Python object. The value of the type BSON_MISSING is MISSING."""
    if computed.type == BSON_STRING:
        return PyUnicode_DecodeUTF8(<const char*>text.buffer + computed.start, computed.length, NULL) if computed.length else ""
    if computed.type == BSON_INT:
        return computed.whole
    if computed.type == BSON_LONG:
        return LONG(computed.whole)
    if computed.type == BSON_DOUBLE:
        return computed.real
    return None if computed.type == BSON_NULL else NO_VALUE


cdef int compute_element(const Element* element, Writer text, Computed* out) except -1:
    """Read the value of an element. Return 0 if the type is none that `compute` can return, or if a string is not valid UTF-8."""
    out.type = element.type
    if element.type == BSON_INT:
        out.whole = read_int32(element.value)
    elif element.type == BSON_DOUBLE:
        out.real = read_double(element.value)
    elif element.type == BSON_LONG:
        out.whole = read_int64(element.value)
    elif element.type == BSON_STRING:
        out.start = text.size
        out.length = element.value_len - 5
        if not is_utf8(element.value + 4, out.length):
            return 0
        text.put_bytes(element.value + 4, out.length)
    elif element.type != BSON_NULL:
        return 0
    return 1


cdef class Expression:
    """A node of an expression tree.

    If `is_constant` is true, the result of `evaluate` does not depend on a document, a variable or a random number.

    A Python subclass defines `evaluate` and, if it contains other expressions, `children`.
    """

    cpdef object evaluate(self, bytes doc):
        """Evaluate the expression for a document. The result may be MISSING."""
        raise NotImplementedError

    cpdef tuple children(self):
        """Return the expressions that this node evaluates."""
        return ()

    cdef bint can_compute(self):
        """Return whether `compute` returns the values of this expression for most documents."""
        return False

    cdef int compute(self, const uint8_t* doc, Writer text, Computed* out) except -1:
        """Compute the value for a document without creating Python objects.

        Return 0 if that is impossible, because of the type of a value or because of an error. `evaluate` then returns the value or raises
        the error. Otherwise the value equals that of `evaluate`.

        Arguments:
            text: a string is appended to this buffer. Nothing else is left in it unless the result is 0.
        """
        return 0


cdef class Operation(Expression):
    """Base class of operators with any number of operands."""

    def __init__(self, operands):
        self.operands = tuple(operands)

    cpdef tuple children(self):
        return self.operands


cdef class BinaryOperation(Expression):
    """Base class of operators with two operands."""

    def __init__(self, Expression first not None, Expression second not None):
        self.first = first
        self.second = second

    cpdef tuple children(self):
        return (self.first, self.second)


cdef class Constant(Expression):
    """A constant value."""

    def __init__(self, object value):
        self.value = value
        self.is_constant = True

    cpdef object evaluate(self, bytes doc):
        return self.value

    cdef bint can_compute(self):
        cdef object kind = type(self.value)
        cdef Py_UCS4 character
        if kind is int:
            return INT32_MIN <= self.value <= INT32_MAX
        if kind is str:
            # A string that was not valid UTF-8 contains surrogates.
            for character in <str>self.value:
                if 0xD800 <= character <= 0xDFFF:
                    return False
            return True
        return kind is float or kind is LONG or self.value is None

    cdef int compute(self, const uint8_t* doc, Writer text, Computed* out) except -1:
        cdef object kind = type(self.value)
        cdef Py_ssize_t length
        cdef const char* data
        if kind is str:
            data = PyUnicode_AsUTF8AndSize(self.value, &length)
            out.type, out.start, out.length = BSON_STRING, text.size, length
            text.put_bytes(data, length)
        elif kind is float:
            out.type, out.real = BSON_DOUBLE, self.value
        elif self.value is None:
            out.type = BSON_NULL
        else:
            out.type, out.whole = BSON_INT if kind is int else BSON_LONG, self.value
        return 1


cdef class Root(Expression):
    """`$$ROOT`: the whole document."""

    cpdef object evaluate(self, bytes doc):
        return decode_stored_document(<const uint8_t*>PyBytes_AS_STRING(doc))


cdef class FieldPath(Expression):
    """`$a.b`: a path into the document."""

    cdef readonly str path
    cdef tuple names
    cdef Py_ssize_t last

    def __init__(self, str path):
        self.path = path
        self.names = tuple([name.encode("utf-8", "surrogateescape") for name in path.split(".")])
        self.last = len(self.names) - 1

    cpdef object evaluate(self, bytes doc):
        return self.walk(<const uint8_t*>PyBytes_AS_STRING(doc), 0)

    cdef object walk(self, const uint8_t* doc, Py_ssize_t index):
        cdef Element element
        cdef bytes name
        while True:
            name = <bytes>self.names[index]
            if not find_field(doc, PyBytes_AS_STRING(name), <uint32_t>PyBytes_GET_SIZE(name), &element):
                return NO_VALUE
            if index == self.last:
                return decode_stored_element(&element)
            index += 1
            if element.type == BSON_ARRAY:
                return self.collect(element.value, index)
            if element.type != BSON_DOCUMENT:
                return NO_VALUE
            doc = element.value

    cdef bint can_compute(self):
        return True

    cdef int compute(self, const uint8_t* doc, Writer text, Computed* out) except -1:
        cdef Element element
        cdef bytes name
        cdef Py_ssize_t index = 0
        while True:
            name = <bytes>self.names[index]
            if not find_field(doc, PyBytes_AS_STRING(name), <uint32_t>PyBytes_GET_SIZE(name), &element):
                out.type = BSON_MISSING
                return 1
            if index == self.last:
                return compute_element(&element, text, out)
            if element.type == BSON_ARRAY:
                return 0
            if element.type != BSON_DOCUMENT:
                out.type = BSON_MISSING
                return 1
            index += 1
            doc = element.value

    cdef list collect(self, const uint8_t* array, Py_ssize_t index):
        """Return the values that the documents of an array have at the rest of the path."""
        cdef Element element
        cdef const uint8_t* cursor = first_element(array)
        cdef list found = []
        while next_element(&cursor, &element):
            if element.type == BSON_DOCUMENT:
                value = self.walk(element.value, index)
                if value is not NO_VALUE:
                    found.append(value)
        return found


cdef class Variable(Expression):
    """`$$name`: the value of a variable. It reads the cell that the operator that binds the variable sets."""

    cdef readonly object cell

    def __init__(self, object cell):
        self.cell = cell

    cpdef object evaluate(self, bytes doc):
        return self.cell.value


cdef class VariablePath(Expression):
    """`$$name.a.b`: a path into a variable's value."""

    cdef readonly object cell
    cdef readonly tuple names

    def __init__(self, object cell, tuple names):
        self.cell = cell
        self.names = names

    cpdef object evaluate(self, bytes doc):
        return value_at(self.cell.value, self.names, 0)


cdef class ObjectNode(Expression):
    """`{a: expression, ...}`: a document of evaluated fields. Fields whose value is missing are omitted."""

    cdef readonly tuple names
    cdef tuple values

    def __init__(self, names, values):
        self.names = tuple(names)
        self.values = tuple(values)

    cpdef object evaluate(self, bytes doc):
        cdef dict out = {}
        cdef Py_ssize_t i
        for i in range(len(self.names)):
            value = (<Expression>self.values[i]).evaluate(doc)
            if value is not NO_VALUE:
                out[self.names[i]] = value
        return out

    cpdef tuple children(self):
        return self.values


cdef class ArrayNode(Expression):
    """`[expression, ...]`: an array of evaluated items. A missing item becomes null."""

    cdef tuple items

    def __init__(self, items):
        self.items = tuple(items)

    cpdef object evaluate(self, bytes doc):
        cdef list out = []
        for item in self.items:
            value = (<Expression>item).evaluate(doc)
            out.append(None if value is NO_VALUE else value)
        return out

    cpdef tuple children(self):
        return self.items


cdef class Let(Expression):
    """`$let`: evaluates the values of all variables, sets their cells, and then evaluates the body."""

    cdef tuple cells, values
    cdef Expression body

    def __init__(self, cells, values, Expression body not None):
        self.cells = tuple(cells)
        self.values = tuple(values)
        self.body = body

    cpdef object evaluate(self, bytes doc):
        cdef list found = [(<Expression>value).evaluate(doc) for value in self.values]
        cdef Py_ssize_t i
        for i in range(len(found)):
            self.cells[i].value = found[i]
        return self.body.evaluate(doc)

    cpdef tuple children(self):
        return self.values + (self.body,)


cdef class Function0(Expression):
    """A call of a plain Python function without arguments."""

    cdef object function

    def __init__(self, object function):
        self.function = function

    cpdef object evaluate(self, bytes doc):
        return self.function()


cdef class Function1(Expression):
    """A call of a plain Python function with one evaluated argument."""

    cdef object function
    cdef Expression first

    def __init__(self, object function, Expression first not None):
        self.function = function
        self.first = first

    cpdef object evaluate(self, bytes doc):
        return self.function(self.first.evaluate(doc))

    cpdef tuple children(self):
        return (self.first,)


cdef class Function2(Expression):
    """A call of a plain Python function with two evaluated arguments."""

    cdef object function
    cdef Expression first, second

    def __init__(self, object function, Expression first not None, Expression second not None):
        self.function = function
        self.first = first
        self.second = second

    cpdef object evaluate(self, bytes doc):
        return self.function(self.first.evaluate(doc), self.second.evaluate(doc))

    cpdef tuple children(self):
        return (self.first, self.second)


cdef class Function3(Expression):
    """A call of a plain Python function with three evaluated arguments."""

    cdef object function
    cdef Expression first, second, third

    def __init__(self, object function, Expression first not None, Expression second not None, Expression third not None):
        self.function = function
        self.first = first
        self.second = second
        self.third = third

    cpdef object evaluate(self, bytes doc):
        return self.function(self.first.evaluate(doc), self.second.evaluate(doc), self.third.evaluate(doc))

    cpdef tuple children(self):
        return (self.first, self.second, self.third)


cdef class FunctionN(Expression):
    """A call of a plain Python function with any number of evaluated arguments."""

    cdef object function
    cdef tuple arguments

    def __init__(self, object function, arguments):
        self.function = function
        self.arguments = tuple(arguments)

    cpdef object evaluate(self, bytes doc):
        cdef list values = []
        for argument in self.arguments:
            values.append((<Expression>argument).evaluate(doc))
        return self.function(*values)

    cpdef tuple children(self):
        return self.arguments
