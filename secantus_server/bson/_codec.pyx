# cython: language_level=3, boundscheck=False, wraparound=False
"""Lossless conversion between BSON bytes and values: decode and encode.

Both are in one file because they handle the same types. A new type must be added to both.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.float cimport PyFloat_AS_DOUBLE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DATA, PyUnicode_DecodeUTF8, PyUnicode_GET_LENGTH
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memcmp, memcpy, strlen

from secantus_server.bson._duplicates cimport refuse_duplicate, stored_duplicate
from secantus_server.bson._raw cimport Element, first_element, next_element, read_double, read_int32, read_int64
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
    BSON_MIN_KEY,
    BSON_NULL,
    BSON_OBJECT_ID,
    BSON_REGEX,
    BSON_STRING,
    BSON_SYMBOL,
    BSON_TIMESTAMP,
    BSON_UNDEFINED,
)

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson.shortcuts import object_id_setter, takes_binary_subtype, timestamp_getters, timestamp_setters
from secantus_server.bson.values import MISSING, UNDEFINED, Date, DBPointer, JavaScript, Regex, Symbol, Undefined
from secantus_server.errors import CommandError

cdef int MAX_DEPTH = 200
cdef object MIN_KEY = MinKey()
cdef object MAX_KEY = MaxKey()
cdef object new_object_id = ObjectId.__new__
cdef object set_object_id = object_id_setter()  # None if pymongo has no such slot
cdef object new_date = Date.__new__
cdef object set_date = Date.ms.__set__
cdef object new_bytes = bytes.__new__
cdef object new_timestamp = Timestamp.__new__
cdef object set_time, set_increment, get_time, get_increment
set_time, set_increment = timestamp_setters() or (None, None)  # None if pymongo has no such slots
get_time, get_increment = timestamp_getters()
cdef bint sets_subtype = takes_binary_subtype()


# ---------------------------------------------------------------- decode


cdef inline str decode_text(const char* text, Py_ssize_t length):
    return PyUnicode_DecodeUTF8(text, length, "surrogateescape")


cdef object decode_object_id(const uint8_t* value):
    # Bypasses the constructor's checks, which a 12-byte id does not need.
    cdef bytes data = PyBytes_FromStringAndSize(<const char*>value, 12)
    if set_object_id is None:
        return ObjectId(data)
    oid = new_object_id(ObjectId)
    set_object_id(oid, data)
    return oid


cdef object decode_date(int64_t ms):
    date = new_date(Date)
    set_date(date, ms)
    return date


cdef object decode_binary(const uint8_t* value):
    # Bypasses the constructor's checks, which take longer than the rest of the decoding.
    cdef bytes data = PyBytes_FromStringAndSize(<const char*>(value + 5), read_int32(value))
    if not sets_subtype:
        return Binary(data, value[4])
    binary = new_bytes(Binary, data)
    binary._Binary__subtype = value[4]
    return binary


cdef object decode_timestamp(const uint8_t* value):
    return make_timestamp(<uint32_t>read_int32(value + 4), <uint32_t>read_int32(value))


def make_timestamp(uint32_t seconds, uint32_t increment):
    """Return a Timestamp of two valid numbers. Bypass the constructor's checks, which take longer than the rest of the work."""
    if set_time is None:
        return Timestamp(seconds, increment)
    timestamp = new_timestamp(Timestamp)
    set_time(timestamp, seconds)
    set_increment(timestamp, increment)
    return timestamp


cdef object decode_regex(const uint8_t* value):
    cdef Py_ssize_t length = strlen(<const char*>value)
    cdef const char* options = <const char*>(value + length + 1)
    return Regex(decode_text(<const char*>value, length), decode_text(options, strlen(options)))


cdef object decode_code_with_scope(const uint8_t* value):
    cdef int32_t length = read_int32(value + 4)
    return JavaScript(decode_text(<const char*>(value + 8), length - 1), decode_document(value + 8 + length))


cdef object decode_pointer(const uint8_t* value):
    cdef int32_t length = read_int32(value)
    return DBPointer(decode_text(<const char*>(value + 4), length - 1), decode_object_id(value + 4 + length))


cdef object decode_value(uint8_t type, const uint8_t* value, uint32_t length):
    """Decode a value of the given type."""
    if type == BSON_INT:
        return read_int32(value)
    if type == BSON_STRING:
        return decode_text(<const char*>(value + 4), read_int32(value) - 1)
    if type == BSON_LONG:
        return Int64(read_int64(value))
    if type == BSON_DOUBLE:
        return read_double(value)
    if type == BSON_DOCUMENT:
        return decode_document(value)
    if type == BSON_ARRAY:
        return decode_array(value)
    if type == BSON_BOOL:
        return value[0] != 0
    if type == BSON_OBJECT_ID:
        return decode_object_id(value)
    if type == BSON_DATE:
        return decode_date(read_int64(value))
    if type == BSON_NULL:
        return None
    return decode_rare_value(type, value)


cdef object decode_rare_value(uint8_t type, const uint8_t* value):
    if type == BSON_BINARY:
        return decode_binary(value)
    if type == BSON_DECIMAL:
        return Decimal128.from_bid(PyBytes_FromStringAndSize(<const char*>value, 16))
    if type == BSON_TIMESTAMP:
        return decode_timestamp(value)
    if type == BSON_REGEX:
        return decode_regex(value)
    if type == BSON_JAVASCRIPT:
        return JavaScript(decode_text(<const char*>(value + 4), read_int32(value) - 1), None)
    if type == BSON_JAVASCRIPT_WITH_SCOPE:
        return decode_code_with_scope(value)
    if type == BSON_SYMBOL:
        return Symbol(decode_text(<const char*>(value + 4), read_int32(value) - 1))
    if type == BSON_DB_POINTER:
        return decode_pointer(value)
    if type == BSON_UNDEFINED:
        return UNDEFINED
    return MIN_KEY if type == BSON_MIN_KEY else MAX_KEY


cdef object decode_element(const Element* element):
    """Decode the value of an element."""
    return decode_value(element.type, element.value, element.value_len)


cdef enum:
    MEMO_SIZE = 512
    MEMO_LONGEST = 32

# A cache of recently decoded field names, indexed by a hash of their bytes. It pays because commands repeat the same few names. Guarded by
# the GIL.
cdef list remembered_names = [""] * MEMO_SIZE


cdef str decode_name(const char* name, Py_ssize_t length):
    """Return a field name as a str. Short names are cached."""
    cdef uint32_t place = <uint32_t>length
    cdef Py_ssize_t i
    cdef str known
    if length == 0 or length > MEMO_LONGEST:
        return decode_text(name, length)
    for i in range(length):
        place = place * 31 + <uint8_t>name[i]
    place = (place ^ (place >> 9)) % MEMO_SIZE
    known = <str>remembered_names[place]
    if PyUnicode_GET_LENGTH(known) == length and memcmp(PyUnicode_DATA(known), name, length) == 0:
        return known
    known = decode_text(name, length)
    if known.isascii():
        remembered_names[place] = known
    return known


# Set when a decoded document has duplicate field names. The functions that refuse such
# documents reset and check it. Guarded by the GIL.
cdef bint met_duplicate = False


cdef dict decode_document(const uint8_t* doc):
    """Return a document's fields as a dict. If a field name occurs several times, the last value wins."""
    global met_duplicate
    cdef Element element
    cdef const uint8_t* cursor = first_element(doc)
    cdef dict out = {}
    cdef Py_ssize_t count = 0
    while next_element(&cursor, &element):
        out[decode_name(element.name, element.name_len)] = decode_value(element.type, element.value, element.value_len)
        count += 1
    if len(out) != count:
        met_duplicate = True
    return out


cdef list decode_array(const uint8_t* doc):
    cdef Element element
    cdef const uint8_t* cursor = first_element(doc)
    cdef list out = []
    while next_element(&cursor, &element):
        out.append(decode_value(element.type, element.value, element.value_len))
    return out


def decode(bytes data not None):
    """Decode a valid document.

    Arguments:
        data: BSON that `validate` accepted or that the server wrote.
    """
    return decode_document(<const uint8_t*>PyBytes_AS_STRING(data))


cdef object decode_stored_element(const Element* element):
    """Return the value of a stored field for a computation. Raise CommandError 238 if a document in it has duplicate field names.

    MongoDB keeps both fields. A dict would silently lose one of them.
    """
    global met_duplicate
    met_duplicate = False
    value = decode_value(element.type, element.value, element.value_len)
    if met_duplicate:
        raise stored_duplicate()
    return value


cdef dict decode_stored_document(const uint8_t* doc):
    """Return the fields of a stored document for a computation. Raise CommandError 238 as `decode_stored_element` does."""
    global met_duplicate
    met_duplicate = False
    cdef dict out = decode_document(doc)
    if met_duplicate:
        raise stored_duplicate()
    return out


cdef dict decode_unique_document(const uint8_t* doc):
    """Return a document's fields as a dict. Raise CommandError if the document or a nested document has duplicate field names."""
    global met_duplicate
    met_duplicate = False
    cdef dict out = decode_document(doc)
    if met_duplicate:
        refuse_duplicate(doc, 0, False)
    return out


cdef dict decode_command(const uint8_t* doc):
    """Decode a command, and raise CommandError if it has duplicate field names.

    `$clusterTime` and `lsid` are returned as RawDocuments, because drivers send them with every command but few commands read them.
    """
    global met_duplicate
    met_duplicate = False
    cdef Element element
    cdef const uint8_t* cursor = first_element(doc)
    cdef dict out = {}
    cdef Py_ssize_t count = 0
    while next_element(&cursor, &element):
        if element.type == BSON_DOCUMENT and (
            (element.name_len == 12 and memcmp(element.name, b"$clusterTime", 12) == 0)
            or (element.name_len == 4 and memcmp(element.name, b"lsid", 4) == 0)
        ):
            value = RawDocument(PyBytes_FromStringAndSize(<const char*>element.value, element.value_len))
        else:
            value = decode_value(element.type, element.value, element.value_len)
        out[decode_name(element.name, element.name_len)] = value
        count += 1
    if met_duplicate or len(out) != count:
        refuse_duplicate(doc, 0, False)
    return out


def decode_unique(bytes data not None):
    """Decode a document from a client, and refuse duplicate field names. (`decode` would silently keep only the last value of a name.)

    Arguments:
        data: BSON that `validate` accepted.

    Raises:
        CommandError: 40413 for a duplicate field at the top level; a stage-specific code in some stages; 238 elsewhere.
    """
    return decode_unique_document(<const uint8_t*>PyBytes_AS_STRING(data))


def decode_stored(bytes data not None):
    """Decode a stored document for a computation.

    Arguments:
        data: BSON that `validate` accepted or that the server wrote.

    Raises:
        CommandError: 238 if the document or a nested document has duplicate field names.
    """
    return decode_stored_document(<const uint8_t*>PyBytes_AS_STRING(data))


# ---------------------------------------------------------------- encode


cdef class Writer:
    def __cinit__(self):
        self.buffer = NULL
        self.size = 0
        self.capacity = 0

    def __dealloc__(self):
        PyMem_Free(self.buffer)

    cdef int reserve(self, size_t more) except -1:
        """Grow the buffer if necessary, so that `more` bytes can be appended."""
        cdef size_t wanted = self.size + more
        cdef void* grown
        if wanted <= self.capacity:
            return 0
        wanted = wanted * 2 if wanted > 128 else 256
        grown = PyMem_Realloc(self.buffer, wanted)
        if grown == NULL:
            raise MemoryError
        self.buffer = <uint8_t*>grown
        self.capacity = wanted
        return 0

    cdef int put_bytes(self, const void* data, size_t length) except -1:
        if length == 0:
            return 0  # A new writer has no buffer, and memcpy must not be called with a null pointer even for 0 bytes.
        self.reserve(length)
        memcpy(self.buffer + self.size, data, length)
        self.size += length
        return 0

    cdef int put_byte(self, uint8_t byte) except -1:
        self.reserve(1)
        self.buffer[self.size] = byte
        self.size += 1
        return 0

    cdef int put_int32(self, int32_t n) except -1:
        return self.put_bytes(&n, 4)

    cdef int put_int64(self, int64_t n) except -1:
        return self.put_bytes(&n, 8)

    cdef int put_name(self, uint8_t type, const char* name, size_t name_len) except -1:
        """Write an element's type and name, which precede its value."""
        self.reserve(name_len + 2)
        self.buffer[self.size] = type
        memcpy(self.buffer + self.size + 1, name, name_len)
        self.buffer[self.size + 1 + name_len] = 0
        self.size += name_len + 2
        return 0

    cdef int put_string(self, const char* name, size_t name_len, const char* text, size_t text_len) except -1:
        """Write a string element of UTF-8 text."""
        self.put_name(BSON_STRING, name, name_len)
        self.put_int32(<int32_t>text_len + 1)
        self.put_bytes(text, text_len)
        return self.put_byte(0)

    cdef int put_raw_element(self, const Element* element) except -1:
        """Append an unchanged copy of an element of another document."""
        return self.put_bytes(element.start, element.value + element.value_len - element.start)

    cdef size_t open(self) except? 0:
        """Begin a document, and return its start position, which must be passed to `close`."""
        cdef size_t mark = self.size
        self.put_int32(0)
        return mark

    cdef int close(self, size_t mark) except -1:
        """End the document whose `open` returned `mark`."""
        cdef int32_t length
        self.put_byte(0)
        length = <int32_t>(self.size - mark)
        memcpy(self.buffer + mark, &length, 4)
        return 0

    cdef bytes finish(self):
        """Return the bytes written so far."""
        return PyBytes_FromStringAndSize(<const char*>self.buffer, self.size)

    cdef void clear(self) noexcept:
        self.size = 0

    cdef int put_document(self, dict document, int depth) except -1:
        cdef size_t mark = self.open()
        cdef Py_ssize_t name_len
        cdef const char* name
        if depth > MAX_DEPTH:
            raise CommandError(15, f"BSONObj exceeds maximum nested object depth: {MAX_DEPTH}")
        for key, value in document.items():
            name = field_name(self, key, &name_len)
            self.put_value(name, name_len, value, depth)
        return self.close(mark)

    cdef int put_array(self, object values, int depth) except -1:
        cdef size_t mark = self.open()
        cdef char[24] digits
        cdef int length
        cdef Py_ssize_t index = 0
        if depth > MAX_DEPTH:
            raise CommandError(15, f"BSONObj exceeds maximum nested object depth: {MAX_DEPTH}")
        for value in values:
            length = write_decimal(digits, index)
            self.put_value(digits, length, value, depth)
            index += 1
        return self.close(mark)

    cdef int put_value(self, const char* name, size_t name_len, object value, int depth) except -1:
        """Write an element with the given name and value. Write nothing if the value is MISSING."""
        cdef object kind = type(value)
        cdef double number
        if kind is str:
            self.put_name(BSON_STRING, name, name_len)
            return put_text(self, value)
        if kind is int:
            return put_int(self, name, name_len, value)
        if kind is float:
            number = PyFloat_AS_DOUBLE(value)
            self.put_name(BSON_DOUBLE, name, name_len)
            return self.put_bytes(&number, 8)
        if kind is dict:
            self.put_name(BSON_DOCUMENT, name, name_len)
            return self.put_document(value, depth + 1)
        if kind is list or kind is tuple:
            self.put_name(BSON_ARRAY, name, name_len)
            return self.put_array(value, depth + 1)
        if kind is bool:
            self.put_name(BSON_BOOL, name, name_len)
            return self.put_byte(1 if value else 0)
        if value is None:
            return self.put_name(BSON_NULL, name, name_len)
        if kind is Int64:
            self.put_name(BSON_LONG, name, name_len)
            return self.put_int64(value)
        if kind is ObjectId:
            self.put_name(BSON_OBJECT_ID, name, name_len)
            return self.put_bytes(PyBytes_AS_STRING(value.binary), 12)
        if kind is Date:
            self.put_name(BSON_DATE, name, name_len)
            return self.put_int64(value.ms)
        if value is MISSING:
            return 0
        return put_rare_value(self, name, name_len, value, depth)


cdef int write_decimal(char* out, Py_ssize_t n) noexcept:
    """Write the decimal digits of a small number and a terminating NUL. Return the number of digits."""
    cdef char[24] reversed_digits
    cdef int length = 0
    cdef int i
    while True:
        reversed_digits[length] = <char>(48 + n % 10)
        length += 1
        n = n // 10
        if n == 0:
            break
    for i in range(length):
        out[i] = reversed_digits[length - 1 - i]
    out[length] = 0
    return length


cdef const char* field_name(Writer writer, object key, Py_ssize_t* length) except NULL:
    """Return the bytes of a field name. A name that was decoded from invalid UTF-8 is encoded to the original bytes."""
    cdef const char* name
    try:
        name = PyUnicode_AsUTF8AndSize(key, length)
    except UnicodeEncodeError:
        writer.escaped_name = key.encode("utf-8", "surrogateescape")
        name = PyBytes_AS_STRING(writer.escaped_name)
        length[0] = PyBytes_GET_SIZE(writer.escaped_name)
    if memchr(name, 0, length[0]) != NULL:
        raise CommandError(2, "BSON field names must not contain null bytes")
    return name


cdef int put_text(Writer writer, str text) except -1:
    cdef Py_ssize_t length
    cdef const char* data
    cdef bytes escaped
    try:
        data = PyUnicode_AsUTF8AndSize(text, &length)
    except UnicodeEncodeError:
        # The text was decoded from invalid UTF-8. Encode it to the original bytes.
        escaped = text.encode("utf-8", "surrogateescape")
        data = PyBytes_AS_STRING(escaped)
        length = PyBytes_GET_SIZE(escaped)
    writer.put_int32(<int32_t>(length + 1))
    return writer.put_bytes(data, length + 1)


cdef int put_int(Writer writer, const char* name, size_t name_len, object value) except -1:
    if -0x80000000 <= value <= 0x7FFFFFFF:
        writer.put_name(BSON_INT, name, name_len)
        return writer.put_int32(value)
    # Only the server's own counters reach this branch, because the query language represents values beyond int32 as Int64.
    writer.put_name(BSON_LONG, name, name_len)
    return writer.put_int64(value)


cdef int put_code(Writer writer, const char* name, size_t name_len, object value, int depth) except -1:
    cdef size_t mark
    cdef int32_t length
    if value.scope is None:
        writer.put_name(BSON_JAVASCRIPT, name, name_len)
        return put_text(writer, value.code)
    writer.put_name(BSON_JAVASCRIPT_WITH_SCOPE, name, name_len)
    mark = writer.open()
    put_text(writer, value.code)
    writer.put_document(value.scope, depth + 1)
    length = <int32_t>(writer.size - mark)
    memcpy(writer.buffer + mark, &length, 4)
    return 0


cdef int put_c_text(Writer writer, str text) except -1:
    cdef bytes data = text.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise CommandError(2, "a regular expression must not contain a null byte")
    return writer.put_bytes(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data) + 1)


cdef int put_binary(Writer writer, object data, uint8_t subtype) except -1:
    cdef bytes content = bytes(data)
    writer.put_int32(<int32_t>PyBytes_GET_SIZE(content))
    writer.put_byte(subtype)
    return writer.put_bytes(PyBytes_AS_STRING(content), PyBytes_GET_SIZE(content))


cdef int put_rare_value(Writer writer, const char* name, size_t name_len, object value, int depth) except -1:
    cdef object kind = type(value)
    if kind is Binary or kind is bytes:
        writer.put_name(BSON_BINARY, name, name_len)
        return put_binary(writer, value, value.subtype if kind is Binary else 0)
    if kind is Decimal128:
        writer.put_name(BSON_DECIMAL, name, name_len)
        return writer.put_bytes(PyBytes_AS_STRING(value.bid), 16)
    if kind is Timestamp:
        writer.put_name(BSON_TIMESTAMP, name, name_len)
        writer.put_int32(<int32_t><uint32_t>get_increment(value))
        return writer.put_int32(<int32_t><uint32_t>get_time(value))
    if kind is Regex:
        writer.put_name(BSON_REGEX, name, name_len)
        put_c_text(writer, value.pattern)
        return put_c_text(writer, value.options)
    if kind is JavaScript:
        return put_code(writer, name, name_len, value, depth)
    if kind is Symbol:
        writer.put_name(BSON_SYMBOL, name, name_len)
        return put_text(writer, value.value)
    if kind is DBPointer:
        writer.put_name(BSON_DB_POINTER, name, name_len)
        put_text(writer, value.namespace)
        return writer.put_bytes(PyBytes_AS_STRING(value.id.binary), 12)
    if kind is Undefined:
        return writer.put_name(BSON_UNDEFINED, name, name_len)
    if kind is MinKey or kind is MaxKey:
        return writer.put_name(255 if kind is MinKey else 127, name, name_len)
    if kind is RawDocument:
        writer.put_name(BSON_DOCUMENT, name, name_len)
        return writer.put_bytes(PyBytes_AS_STRING((<RawDocument>value).data), PyBytes_GET_SIZE((<RawDocument>value).data))
    if kind is RawArray:
        writer.put_name(BSON_ARRAY, name, name_len)
        put_raw_array(writer, (<RawArray>value).documents)
        return 0
    raise TypeError(f"a {kind.__name__} is not a BSON value")


cdef int put_raw_array(Writer writer, list documents) except -1:
    cdef size_t mark = writer.open()
    cdef char[24] digits
    cdef int length
    cdef Py_ssize_t index = 0
    cdef size_t total = 0
    cdef bytes document
    for document in documents:
        total += PyBytes_GET_SIZE(document) + 8
    writer.reserve(total)
    for document in documents:
        length = write_decimal(digits, index)
        writer.put_name(BSON_DOCUMENT, digits, length)
        writer.put_bytes(PyBytes_AS_STRING(document), PyBytes_GET_SIZE(document))
        index += 1
    return writer.close(mark)


cdef class RawDocument:
    """An encoded document that `encode` accepts as a value."""

    cdef readonly bytes data

    def __init__(self, bytes data not None):
        self.data = data


cdef class RawArray:
    """An array of encoded documents, such as a cursor's batch, that `encode` accepts as a value."""

    def __init__(self, list documents not None):
        self.documents = documents


def encode(dict document not None):
    """Encode a document. Fields whose value is MISSING are omitted.

    Raises:
        CommandError: if a field name contains a NUL or the document is nested too deeply.
        TypeError: if the document contains a Python object that is not a BSON value.
    """
    cdef Writer writer = Writer()
    writer.put_document(document, 1)
    return writer.finish()
