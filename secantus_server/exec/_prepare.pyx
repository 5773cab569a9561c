# cython: language_level=3, boundscheck=False, wraparound=False
"""Prepares a client's document for storage: moves `_id` to the front, and fills in empty timestamps."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element, find_field, first_element, next_element, read_int64
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DOCUMENT, BSON_REGEX, BSON_TIMESTAMP, BSON_UNDEFINED

from secantus_server.bson.values import TYPE_NAMES
from secantus_server.errors import CommandError

cdef Py_ssize_t MAX_SIZE = 16 * 1024 * 1024


cdef int check_id(const Element* element) except -1:
    cdef Element inner
    cdef const uint8_t* cursor
    if element.type == BSON_ARRAY or element.type == BSON_REGEX or element.type == BSON_UNDEFINED:
        raise CommandError(53, f"The '_id' value cannot be of type {TYPE_NAMES[element.type]}")
    if element.type == BSON_DOCUMENT:
        cursor = first_element(element.value)
        if next_element(&cursor, &inner) and inner.name_len == 4 and memcmp(inner.name, b"$ref", 4) == 0:
            # A DBRef, the reference to a document of another collection.
            return 0
        cursor = first_element(element.value)
        while next_element(&cursor, &inner):
            if inner.name[0] == 36:
                name = inner.name[:inner.name_len].decode()
                raise CommandError(52, f"_id fields may not contain '$'-prefixed fields: {name} is not valid for storage.")
    return 0


cdef inline bint is_id(const Element* element) noexcept nogil:
    return element.name_len == 3 and memcmp(element.name, b"_id", 3) == 0


cpdef bytes prepare_document(bytes doc, make_id, make_timestamp):
    """Return the document in its stored form, or the same object if it needs no change.

    Arguments:
        doc: valid BSON.
        make_id: returns an `_id` value for a document without one.
        make_timestamp: returns the timestamp, as an unsigned 64-bit number, that replaces an empty one.

    Raises:
        CommandError: 10334 for a document that is too large, 2 for a second `_id`, 52 or 53 for an invalid `_id`.
    """
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(doc)
    cdef const uint8_t* cursor = first_element(data)
    cdef Element element
    cdef bint first = True
    cdef bint rebuild = True
    cdef bint has_id = False
    if PyBytes_GET_SIZE(doc) > MAX_SIZE:
        size = PyBytes_GET_SIZE(doc)
        raise CommandError(10334, f"BSONObj size: {size} (0x{size:X}) is invalid. Size must be between 0 and {MAX_SIZE}({MAX_SIZE // 1048576}MB)")
    while next_element(&cursor, &element):
        if is_id(&element):
            if has_id:
                raise CommandError(2, "can't have multiple _id fields in one document")
            has_id = True
            if first:
                rebuild = False
                check_id(&element)
        elif element.type == BSON_TIMESTAMP and read_int64(element.value) == 0:
            rebuild = True
        first = False
    return rebuilt(data, make_id, make_timestamp) if rebuild else doc


cdef bytes rebuilt(const uint8_t* data, make_id, make_timestamp):
    cdef Writer out = Writer()
    cdef size_t mark = out.open()
    cdef const uint8_t* cursor = first_element(data)
    cdef Element element
    if find_field(data, "_id", 3, &element):
        check_id(&element)
        out.put_raw_element(&element)
    else:
        out.put_value("_id", 3, make_id(), 1)
    while next_element(&cursor, &element):
        if is_id(&element):
            continue
        if element.type == BSON_TIMESTAMP and read_int64(element.value) == 0:
            out.put_name(BSON_TIMESTAMP, element.name, element.name_len)
            # The number is unsigned, because its top bit is set from the year 2038 on.
            out.put_int64(<int64_t><uint64_t>make_timestamp())
        else:
            out.put_raw_element(&element)
    out.close(mark)
    return out.finish()


def id_document(bytes doc not None):
    """Return `{_id: ...}` of a stored document as BSON bytes. The oplog records deletes in this form."""
    cdef Writer out = Writer()
    cdef size_t mark = out.open()
    cdef Element element
    if find_field(<const uint8_t*>PyBytes_AS_STRING(doc), "_id", 3, &element):
        out.put_raw_element(&element)
    out.close(mark)
    return out.finish()
