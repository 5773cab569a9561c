# cython: language_level=3
"""Conversion of BSON to mongosh syntax, compiled because a report of a test run converts every command of every test.

The conversion either keeps constants or, for the shapes of commands, writes `?` in place of each constant. It reads the bytes, because
Python objects for all values would take longer than their text.
"""

from json.encoder import encode_basestring, encode_basestring_ascii

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memcpy

from secantus_server.bson._codec cimport decode_element, decode_value
from secantus_server.bson._raw cimport Element, document_length, first_element, next_element, read_int32
from secantus_server.bson._types cimport (
    BSON_ARRAY,
    BSON_BOOL,
    BSON_DOCUMENT,
    BSON_INT,
    BSON_NULL,
    BSON_OBJECT_ID,
    BSON_STRING,
)

from secantus_server.bson import RawArray, RawDocument, decode, encode
from secantus_server.work.shell_values import HIDDEN, MAX_ITEMS, MAX_STRING, NAMING, STRUCTURE, rare_value

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    const uint8_t* PyUnicode_1BYTE_DATA(object text)

cdef frozenset structure = STRUCTURE
cdef frozenset naming = NAMING
cdef str placeholder = HIDDEN
cdef Py_ssize_t longest_string = MAX_STRING
cdef Py_ssize_t most_items = MAX_ITEMS
cdef const char* DIGITS = b"0123456789abcdef"


cdef class Fragment:
    """A document or an array in the bytes of a larger document. It is false if it is empty."""

    cdef bytes owner
    cdef const uint8_t* start
    cdef bint is_array

    def __bool__(self):
        return self.start[4] != 0


cdef class Output:
    """A growing text in UTF-8."""

    def __dealloc__(self):
        PyMem_Free(self.buffer)

    cdef int put(self, const char* text, Py_ssize_t length) except -1:
        cdef Py_ssize_t room
        cdef void* buffer
        if self.size + length > self.room:
            room = max(2 * (self.size + length), 512)
            buffer = PyMem_Realloc(self.buffer, room)
            if buffer == NULL:
                raise MemoryError()
            self.buffer, self.room = <char*>buffer, room
        memcpy(self.buffer + self.size, text, length)
        self.size += length
        return 0

    cdef int put_text(self, str text) except -1:
        cdef bytes encoded = text.encode("utf-8", "surrogateescape")
        return self.put(PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded))

    cdef str text(self):
        # Like the codec, which decodes a text that is not valid UTF-8 in this way.
        return PyUnicode_DecodeUTF8(self.buffer, self.size, "surrogateescape")

    cdef int put_json(self, str text) except -1:
        """Add a text as JSON, like `encode_basestring_ascii`, which converts all but printable ASCII characters."""
        cdef const uint8_t* data
        cdef Py_ssize_t place, start = 0, before = self.size
        if not PyUnicode_IS_ASCII(text):
            return self.put_text(encode_basestring_ascii(text))
        data = PyUnicode_1BYTE_DATA(text)
        self.put('"', 1)
        for place in range(len(text)):
            if not 32 <= data[place] < 127:
                self.size = before
                return self.put_text(encode_basestring_ascii(text))
            if data[place] == c'"' or data[place] == c"\\":
                self.put(<const char*>data + start, place - start)
                self.put("\\", 1)
                start = place
        self.put(<const char*>data + start, len(text) - start)
        return self.put('"', 1)

    cdef int put_number(self, long long number) except -1:
        """Add a whole number in decimal digits."""
        cdef char[20] digits
        cdef int place = 20
        # The smallest number has no positive counterpart of its own type.
        cdef unsigned long long left = <unsigned long long>number if number >= 0 else -<unsigned long long>number
        while True:
            place -= 1
            digits[place] = <char>(c"0" + left % 10)
            left //= 10
            if left == 0:
                break
        if number < 0:
            place -= 1
            digits[place] = c"-"
        return self.put(digits + place, 20 - place)


def plain(value):
    """Return a value after decoding it if it is encoded."""
    cdef Fragment fragment
    kind = type(value)
    if kind is Fragment:
        fragment = value
        return decode_value(BSON_ARRAY if fragment.is_array else BSON_DOCUMENT, fragment.start, document_length(fragment.start))
    if kind is RawDocument:
        return decode(value.data)
    if kind is RawArray:
        return [decode(document) for document in value.documents]
    return value


def fields_of(bytes document not None, tuple left_out not None = ()):
    """Return a document's fields, except those with the given encoded names, as a dict whose documents and arrays are still encoded."""
    cdef const uint8_t* cursor = first_element(<const uint8_t*>PyBytes_AS_STRING(document))
    cdef Element element
    cdef Fragment fragment
    cdef dict fields = {}
    while next_element(&cursor, &element):
        if left_out and is_among(element.name, element.name_len, left_out):
            continue
        name = PyUnicode_DecodeUTF8(element.name, element.name_len, "surrogateescape")
        if element.type == BSON_DOCUMENT or element.type == BSON_ARRAY:
            fragment = Fragment.__new__(Fragment)
            fragment.owner, fragment.start, fragment.is_array = document, element.value, element.type == BSON_ARRAY
            fields[name] = fragment
        else:
            fields[name] = decode_element(&element)
    return fields


cdef bint is_among(const char* name, Py_ssize_t length, tuple names):
    """Return whether an encoded name is one of the given names. Most are told apart by their lengths."""
    for one in names:
        if PyBytes_GET_SIZE(one) == length and memcmp(PyBytes_AS_STRING(one), name, length) == 0:
            return True
    return False


def items_of(value):
    """Return the items of an array, of which documents are still encoded as bytes; None for any other value."""
    cdef const uint8_t* cursor
    cdef Element element
    cdef list items = []
    if type(value) is list:
        return value
    if type(value) is not Fragment or not (<Fragment>value).is_array:
        return None
    cursor = first_element((<Fragment>value).start)
    while next_element(&cursor, &element):
        if element.type == BSON_DOCUMENT:
            items.append(PyBytes_FromStringAndSize(<const char*>element.value, element.value_len))
        else:
            items.append(decode_element(&element))
    return items


def has_operators(value):
    """Return whether an encoded document has a field whose name starts with `$`, like an update with operators; None for another value."""
    cdef const uint8_t* cursor
    cdef Element element
    if type(value) is not Fragment or (<Fragment>value).is_array:
        return None
    cursor = first_element((<Fragment>value).start)
    while next_element(&cursor, &element):
        if element.name[0] == c"$":
            return True
    return False


def typed(value):
    """Return a value in mongosh syntax, with long texts and arrays truncated."""
    return text_of(value, TYPED)


def hidden(value):
    """Return a value in mongosh syntax with `?` in place of each constant. Field names, operators and paths such as `$total` remain
    visible.
    """
    return text_of(value, HIDING)


def field_name(str name not None):
    """Return a field's name in mongosh syntax, with quotes unless it is an identifier."""
    return name if name.removeprefix("$").isidentifier() else encode_basestring(name)


cdef str text_of(value, Mode mode):
    """Return the text of a value, whether it is encoded or not."""
    cdef Output output = Output.__new__(Output)
    put_any(output, value, mode)
    return output.text()


cdef int put_any(Output output, value, Mode mode) except -1:
    """Add the text of a value, whether it is encoded or not."""
    kind = type(value)
    if kind is Fragment:
        return put_value(output, BSON_ARRAY if (<Fragment>value).is_array else BSON_DOCUMENT, (<Fragment>value).start, 0, mode)
    if kind is RawDocument:
        return put_raw(output, value.data, mode)
    if kind is dict or kind is list or kind is RawArray:
        return put_any(output, fields_of(encode({"": value}))[""], mode)
    if kind is str:
        return output.put_text(string_text(value) if mode == TYPED else hidden_string(value))
    if mode != TYPED:
        return output.put("?", 1)
    if kind is bool:
        return output.put("true", 4) if value else output.put("false", 5)
    if value is None:
        return output.put("null", 4)
    return output.put_text(str(value) if kind is int else rare_value(value, typed))


cdef int put_raw(Output output, bytes document, Mode mode) except -1:
    """Add the text of an encoded document."""
    return put_document(output, <const uint8_t*>PyBytes_AS_STRING(document), mode)


cdef str string_text(str value):
    return encode_basestring(value if len(value) <= longest_string else f"{value[:longest_string]}...")


cdef str hidden_string(str value):
    return encode_basestring_ascii(value) if value.startswith("$") else placeholder


cdef int put_value(Output output, uint8_t type, const uint8_t* value, uint32_t length, Mode mode) except -1:
    """Add the text of an encoded value."""
    if type == BSON_DOCUMENT:
        return put_document(output, value, mode)
    if type == BSON_ARRAY:
        return put_array(output, value) if mode == TYPED else put_distinct(output, value)
    if mode != TYPED:
        if type == BSON_STRING and value[4] == c"$":
            return output.put_text(hidden_string(decode_value(type, value, length)))
        return output.put("?", 1)
    if type == BSON_STRING:
        return put_string(output, value)
    if type == BSON_INT:
        return output.put_number(read_int32(value))
    if type == BSON_BOOL:
        return output.put("true", 4) if value[0] else output.put("false", 5)
    if type == BSON_NULL:
        return output.put("null", 4)
    if type == BSON_OBJECT_ID:
        return put_object_id(output, value)
    return output.put_text(rare_value(decode_value(type, value, length), typed))


cdef int put_document(Output output, const uint8_t* document, Mode mode) except -1:
    cdef const uint8_t* cursor = first_element(document)
    cdef Element element
    cdef Mode inner
    cdef bint is_first = True
    while next_element(&cursor, &element):
        output.put("{ " if is_first else ", ", 2)
        is_first = False
        put_name(output, element.name, element.name_len)
        output.put(": ", 2)
        inner = mode if mode == TYPED or element.name[0] != c"$" else mode_within(element.name, element.name_len, mode)
        if inner == NAMES and element.type == BSON_STRING:
            inner = TYPED
        elif inner == NAMES and element.type != BSON_DOCUMENT:
            inner = HIDING
        put_value(output, element.type, element.value, element.value_len, inner)
    return output.put("{}", 2) if is_first else output.put(" }", 2)


cdef Mode mode_within(const char* name, Py_ssize_t length, Mode mode) except *:
    """Return the mode for the value of an operator."""
    known = PyUnicode_DecodeUTF8(name, length, "surrogateescape")
    return TYPED if known in structure else NAMES if known in naming else mode


cdef int put_array(Output output, const uint8_t* array) except -1:
    """Add an array with its constants. A long one is truncated."""
    cdef const uint8_t* cursor = first_element(array)
    cdef Element element
    cdef Py_ssize_t count = 0
    output.put("[", 1)
    while next_element(&cursor, &element):
        if count < most_items:
            if count:
                output.put(", ", 2)
            put_value(output, element.type, element.value, element.value_len, TYPED)
        count += 1
    if count > most_items:
        output.put_text(f", /* {count - most_items} more */")
    return output.put("]", 1)


cdef int put_distinct(Output output, const uint8_t* array) except -1:
    """Add an array without constants, with each different item once."""
    cdef const uint8_t* cursor = first_element(array)
    cdef Element element
    cdef Py_ssize_t before, start
    cdef set seen = set()
    output.put("[", 1)
    while next_element(&cursor, &element):
        before = output.size
        if seen:
            output.put(", ", 2)
        start = output.size
        put_value(output, element.type, element.value, element.value_len, HIDING)
        item = output.buffer[start : output.size]
        if item in seen:
            output.size = before
        seen.add(item)
    return output.put("]", 1)


cdef int put_name(Output output, const char* name, Py_ssize_t length) except -1:
    """Add a field's name like `field_name`, which decides on names other than ASCII identifiers."""
    cdef Py_ssize_t first = 1 if name[0] == c"$" else 0, place
    cdef bint is_plain = length > first and not c"0" <= name[first] <= c"9"
    for place in range(first, length):
        if not (c"a" <= name[place] <= c"z" or c"A" <= name[place] <= c"Z" or c"0" <= name[place] <= c"9" or name[place] == c"_"):
            is_plain = False
    if is_plain:
        return output.put(name, length)
    return output.put_text(field_name(PyUnicode_DecodeUTF8(name, length, "surrogateescape")))


cdef int put_string(Output output, const uint8_t* value) except -1:
    """Add a text like `string_text`, which converts long texts and characters that are escaped."""
    cdef const char* text = <const char*>(value + 4)
    cdef Py_ssize_t length = read_int32(value) - 1, place
    cdef bint is_plain = length <= longest_string
    if is_plain:
        for place in range(length):
            if not 32 <= text[place] < 127 or text[place] == c'"' or text[place] == c"\\":
                is_plain = False
                break
    if not is_plain:
        return output.put_text(string_text(decode_value(BSON_STRING, value, length + 5)))
    output.put('"', 1)
    output.put(text, length)
    return output.put('"', 1)


cdef int put_object_id(Output output, const uint8_t* value) except -1:
    cdef char[24] digits
    cdef int place
    for place in range(12):
        digits[2 * place], digits[2 * place + 1] = DIGITS[value[place] >> 4], DIGITS[value[place] & 15]
    output.put("ObjectId('", 10)
    output.put(digits, 24)
    return output.put("')", 2)
