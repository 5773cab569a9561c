# cython: language_level=3, boundscheck=False, wraparound=False
"""Converts the most common oplog entries to change events. Compiled because it runs once per document that a stream reports.

`events.EventMaker` converts all other entries, and these too for a stream with options. The results are equal; tests compare the two.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcmp, memset

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element, document_length, find_field, first_element, next_element, read_int32, read_int64
from secantus_server.bson._types cimport (
    BSON_BINARY,
    BSON_DATE,
    BSON_DOCUMENT,
    BSON_INT,
    BSON_LONG,
    BSON_OBJECT_ID,
    BSON_STRING,
    BSON_TIMESTAMP,
)
from secantus_server.oplog._entries cimport letter_of

from secantus_server.oplog.resume_tokens import identity_head

cdef enum:
    INSERT = 105  # "i"
    DELETE = 100  # "d"
    UPDATE = 117  # "u"
    # The type bytes of key strings, see `oplog.resume_tokens`.
    NUMBER_KEY = 30
    ZERO_KEY = 41
    POSITIVE_KEY = 42
    NEGATIVE_KEY = 40
    STRING_KEY = 60
    OBJECT_KEY = 70
    OBJECT_ID_KEY = 100
    TIME_KEY = 130
    # The positions of the UUID in an identity, and of the identity's first digit in a token.
    UUID_AT = 3
    IDENTITY_AT = 32

cdef const char* DIGITS = b"0123456789ABCDEF"


cdef bytes digits_of_kind(str kind):
    """Return the digits of a token between the collection's UUID and the document key's value, for events of one kind."""
    head = identity_head(bytes(16), kind)
    return (head[UUID_AT + 16 :] + bytes([OBJECT_KEY]) + b"documentKey\0" + bytes([OBJECT_KEY])).hex().upper().encode()


cdef bytes INSERT_DIGITS = digits_of_kind("insert")
cdef bytes REPLACE_DIGITS = digits_of_kind("replace")
cdef bytes DELETE_DIGITS = digits_of_kind("delete")


# The fields of an oplog entry that an event contains. An element whose type is 0 is absent.
cdef struct Fields:
    Element op
    Element ns
    Element ui
    Element o
    Element o2
    Element wall


cdef class LastEvent:
    """The last event that a change stream has returned; the base of `stream.ChangeStreamReader`.

    Attributes:
        token_text: the digits of its token; empty before the first event.
        parsed_token: the same token, or None if it was not parsed yet.
        resume_text: the resume token after the last batch, which need not be the event's; None means the reader's high-water mark, which
            is only computed when a reply needs it.
    """


def simple_event(bytes entry not None, uint64_t stamp):
    """Return the event for the insert, replacement or deletion of a document, for a stream without options.

    Arguments:
        entry: an oplog entry.
        stamp: the entry's timestamp as a 64-bit number.

    Returns:
        the event as BSON bytes, its resume token as hexadecimal digits, and the identity in the token; or None for any other entry, or
        for an `_id` of a less common type.
    """
    cdef Fields fields
    cdef Element id
    cdef const uint8_t* key
    cdef Writer out
    cdef Writer token
    read_fields(<const uint8_t*>PyBytes_AS_STRING(entry), &fields)
    if fields.op.type != BSON_STRING or fields.o.type != BSON_DOCUMENT or fields.wall.type != BSON_DATE:
        return None
    key = fields.o.value if fields.op.value[4] == DELETE else fields.o2.value
    if key == NULL or not read_only_id(key, &id):
        return None
    out, token = Writer.__new__(Writer), Writer.__new__(Writer)
    if not put_fields(out, token, &fields, fields.op.value[4], fields.o.value, &id, stamp, read_int64(fields.wall.value)):
        return None
    return out.finish(), token.finish().decode("ascii"), identity_of(token)


cdef bint put_event(Writer out, Writer token, bytes identity, tuple change, uint64_t stamp, int64_t wall_ms) except -1:
    cdef Fields fields
    cdef Element id
    cdef uint8_t letter = letter_of(change[0])
    cdef bytes document = change[1]
    cdef bytes o = change[2] if letter == UPDATE and len(change) > 2 else document
    read_fields(<const uint8_t*>PyBytes_AS_STRING(identity), &fields)
    if not find_field(<const uint8_t*>PyBytes_AS_STRING(document), b"_id", 3, &id):
        return False
    return put_fields(out, token, &fields, letter, <const uint8_t*>PyBytes_AS_STRING(o), &id, stamp, wall_ms)


cdef bint put_fields(
    Writer out, Writer token, const Fields* fields, uint8_t letter, const uint8_t* o, const Element* id, uint64_t stamp, int64_t wall_ms
) except -1:
    """Append the event of a change, and write its token; see `put_event`.

    Arguments:
        fields: `ns` and `ui`.
        letter: the letter of the `op`.
        o: the inserted document, or the document or the diff of an update; unused for a deletion.
        id: the field of the document key.
    """
    if fields.ns.type != BSON_STRING or fields.ui.type != BSON_BINARY or read_int32(fields.ui.value) != 16 or fields.ui.value[4] != 4:
        return False
    if letter == INSERT:
        return put_token(out, token, stamp, fields, INSERT_DIGITS, id) and put_kind(out, token, fields, b"insert", 6, o, id, stamp, wall_ms)
    if letter == DELETE:
        return put_token(out, token, stamp, fields, DELETE_DIGITS, id) and put_kind(out, token, fields, b"delete", 6, NULL, id, stamp, wall_ms)
    if letter != UPDATE or memcmp(o + 5, b"$v", 3) == 0:
        return False
    return put_token(out, token, stamp, fields, REPLACE_DIGITS, id) and put_kind(out, token, fields, b"replace", 7, o, id, stamp, wall_ms)


cdef int read_fields(const uint8_t* entry, Fields* fields) except -1:
    cdef Element element
    cdef const uint8_t* cursor = first_element(entry)
    memset(fields, 0, sizeof(Fields))
    while next_element(&cursor, &element):
        if element.name_len == 2 and memcmp(element.name, b"op", 2) == 0:
            fields.op = element
        elif element.name_len == 2 and memcmp(element.name, b"ns", 2) == 0:
            fields.ns = element
        elif element.name_len == 2 and memcmp(element.name, b"ui", 2) == 0:
            fields.ui = element
        elif element.name_len == 1 and element.name[0] == b"o":
            fields.o = element
        elif element.name_len == 2 and memcmp(element.name, b"o2", 2) == 0:
            fields.o2 = element
        elif element.name_len == 4 and memcmp(element.name, b"wall", 4) == 0:
            fields.wall = element
    return 0


cdef bint read_only_id(const uint8_t* key, Element* id) except -1:
    """Read the `_id` of a document key; return 0 if the key has other fields."""
    cdef Element more
    cdef const uint8_t* cursor = first_element(key)
    if not next_element(&cursor, id) or next_element(&cursor, &more):
        return False
    return id.name_len == 3 and memcmp(id.name, b"_id", 3) == 0


cdef bint put_id_key(Writer out, const Element* element) except -1:
    """Append the field `_id` of a document key as a key string; return 0 for an uncommon type."""
    cdef int64_t number
    cdef size_t length
    if element.type == BSON_INT or element.type == BSON_LONG:
        number = read_int32(element.value) if element.type == BSON_INT else read_int64(element.value)
        out.put_byte(NUMBER_KEY)
        out.put_bytes(b"_id", 4)
        return put_number(out, number)
    if element.type == BSON_OBJECT_ID:
        out.put_byte(OBJECT_ID_KEY)
        out.put_bytes(b"_id", 4)
        out.put_byte(OBJECT_ID_KEY)
        out.put_bytes(element.value, 12)
        return True
    if element.type != BSON_STRING:
        return False
    length = <size_t>read_int32(element.value)
    if <const uint8_t*>memchr(element.value + 4, 0, length) != element.value + 4 + length - 1:
        return False
    out.put_byte(STRING_KEY)
    out.put_bytes(b"_id", 4)
    out.put_byte(STRING_KEY)
    out.put_bytes(element.value + 4, length)
    return True


cdef bint put_number(Writer out, int64_t number) except -1:
    """Append an integer as a key string, like `resume_tokens.number`; return 0 for an integer that needs more than 62 bits."""
    cdef uint64_t magnitude
    cdef int size = 0
    cdef int i
    if number == 0:
        out.put_byte(ZERO_KEY)
        return True
    if not -(<int64_t>1 << 62) < number < <int64_t>1 << 62:
        return False
    magnitude = <uint64_t>(number if number > 0 else -number) << 1
    while size < 8 and magnitude >> (8 * size):
        size += 1
    out.put_byte(<uint8_t>(POSITIVE_KEY + size if number > 0 else NEGATIVE_KEY - size))
    for i in range(size - 1, -1, -1):
        out.put_byte(<uint8_t>(magnitude >> (8 * i)) if number > 0 else <uint8_t>(0xFF - ((magnitude >> (8 * i)) & 0xFF)))
    return True


cdef bint put_token(Writer out, Writer token, uint64_t stamp, const Fields* fields, bytes kind, const Element* id) except -1:
    """Write the resume token of an event, like `resume_tokens.Token.text`; return 0 for an `_id` of a less common type.

    Arguments:
        out: its free space contains the key string meanwhile.
        kind: the result of `digits_of_kind`.
    """
    cdef size_t start = out.size
    cdef bint is_common = put_id_key(out, id)
    cdef size_t size = out.size - start
    cdef uint8_t[9] time
    cdef int i
    out.size = start
    if not is_common:
        return False
    time[0] = TIME_KEY
    for i in range(8):
        time[i + 1] = <uint8_t>(stamp >> (56 - 8 * i))
    token.clear()
    put_digits(token, time, 9)
    # The version 2, the kind of an event, the position 0 in a transaction, that the event does not invalidate the stream, and the type,
    # the length and the subtype of the UUID.
    token.put_bytes(b"2B042C0100296E" b"5A1004", 20)
    put_digits(token, fields.ui.value + 5, 16)
    token.put_bytes(PyBytes_AS_STRING(kind), PyBytes_GET_SIZE(kind))
    put_digits(token, out.buffer + start, size)
    # The ends of the document key, of the identity and of the token.
    token.put_bytes(b"000004", 6)
    return True


cdef bytes identity_of(Writer token):
    """Return the identity in a token that `put_token` has written."""
    return bytes.fromhex(token.buffer[IDENTITY_AT : token.size - 2].decode("ascii"))


cdef int put_digits(Writer out, const uint8_t* data, size_t size) except -1:
    """Append bytes as hexadecimal digits."""
    cdef size_t i
    cdef uint8_t* end
    out.reserve(2 * size)
    end = out.buffer + out.size
    for i in range(size):
        end[2 * i] = <uint8_t>DIGITS[data[i] >> 4]
        end[2 * i + 1] = <uint8_t>DIGITS[data[i] & 15]
    out.size += 2 * size
    return 0


cdef bint put_kind(
    Writer out, Writer token, const Fields* fields, const char* kind, size_t kind_len, const uint8_t* o, const Element* id, uint64_t stamp,
    int64_t wall_ms,
) except -1:
    """Append an event with a token, and return 1. An `o` of NULL means an event without `fullDocument`."""
    cdef size_t mark = out.open()
    cdef size_t inner
    cdef const char* namespace = <const char*>fields.ns.value + 4
    cdef size_t length = <size_t>read_int32(fields.ns.value) - 1
    cdef const char* dot = <const char*>memchr(namespace, c".", length)
    out.put_name(BSON_DOCUMENT, b"_id", 3)
    inner = out.open()
    out.put_string(b"_data", 5, <const char*>token.buffer, token.size)
    out.close(inner)
    out.put_string(b"operationType", 13, kind, kind_len)
    out.put_name(BSON_TIMESTAMP, b"clusterTime", 11)
    out.put_int64(<int64_t>stamp)
    out.put_name(BSON_DATE, b"wallTime", 8)
    out.put_int64(wall_ms)
    if o != NULL:
        out.put_name(BSON_DOCUMENT, b"fullDocument", 12)
        out.put_bytes(o, document_length(o))
    out.put_name(BSON_DOCUMENT, b"ns", 2)
    inner = out.open()
    out.put_string(b"db", 2, namespace, <size_t>(dot - namespace))
    out.put_string(b"coll", 4, dot + 1, length - <size_t>(dot - namespace) - 1)
    out.close(inner)
    out.put_name(BSON_DOCUMENT, b"documentKey", 11)
    inner = out.open()
    out.put_raw_element(id)
    out.close(inner)
    out.close(mark)
    return True
