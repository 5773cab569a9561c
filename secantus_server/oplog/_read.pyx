# cython: language_level=3, boundscheck=False, wraparound=False
"""Reads oplog entries without decoding them fully. Compiled because a change stream scans every entry of the server."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp

from secantus_server.bson._codec cimport Writer, decode_element
from secantus_server.bson._raw cimport Element, document_length, find_field, first_element, next_element, read_int32
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DOCUMENT
from secantus_server.oplog._rows cimport is_packed, packed_count, packed_identity, plain_row

from secantus_server.bson._codec import RawDocument


cdef class Position:
    """The position of a reader of the oplog.

    Attributes:
        position: the timestamp up to which all entries have been read, as a 64-bit number.
    """


def select(bytes row not None, uint64_t first, uint64_t after, tuple names not None, bytes prefix):
    """Return the entries of a row that belong to the selected namespaces, and the timestamp of the row's last entry.

    Arguments:
        row: a row of the table.
        first: the timestamp of the row's first entry, as a 64-bit number. The timestamps of the entries are consecutive.
        after: skip the entries up to this timestamp.
        names: the namespaces to select.
        prefix: also select every namespace with this prefix; None adds no namespace.

        Returns:
            the selected entries, as pairs of timestamp and BSON bytes; and the timestamp of the last entry.
    """
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(row)
    cdef Py_ssize_t size
    cdef Py_ssize_t position = 0
    cdef Py_ssize_t length
    cdef uint64_t stamp = first
    cdef list found = []
    if is_packed(data):
        stamp += packed_count(data)
        if stamp <= after + 1 or not concerns(packed_identity(data), names, prefix):
            return found, stamp - 1
        row = plain_row(row, first)
        data = <const uint8_t*>PyBytes_AS_STRING(row)
        stamp = first
    size = PyBytes_GET_SIZE(row)
    while position < size:
        length = document_length(data + position)
        if stamp > after and concerns(data + position, names, prefix):
            found.append((stamp, PyBytes_FromStringAndSize(<const char*>(data + position), length)))
        position += length
        stamp += 1
    return found, stamp - 1


def is_selected(bytes entry not None, tuple names not None, bytes prefix):
    """Return whether an entry belongs to a selected namespace; see `select`."""
    return concerns(<const uint8_t*>PyBytes_AS_STRING(entry), names, prefix)


cdef bint concerns(const uint8_t* entry, tuple names, bytes prefix) except -1:
    """Return whether an entry's namespace is selected."""
    cdef Element element
    cdef Py_ssize_t length
    cdef const char* text
    cdef bytes name
    if not find_field(entry, "ns", 2, &element):
        return False
    text = <const char*>(element.value + 4)
    length = read_int32(element.value) - 1
    if prefix is not None and length >= PyBytes_GET_SIZE(prefix):
        if memcmp(text, PyBytes_AS_STRING(prefix), PyBytes_GET_SIZE(prefix)) == 0:
            return True
    for name in names:
        if PyBytes_GET_SIZE(name) == length and memcmp(text, PyBytes_AS_STRING(name), length) == 0:
            return True
    return False


def fields_of(bytes document not None):
    """Return a document's decoded fields. Embedded documents are returned as RawDocuments."""
    cdef Element element
    cdef const uint8_t* cursor = first_element(<const uint8_t*>PyBytes_AS_STRING(document))
    cdef dict fields = {}
    while next_element(&cursor, &element):
        name = element.name[: element.name_len].decode("utf-8", "surrogateescape")
        if element.type == BSON_DOCUMENT:
            fields[name] = RawDocument(PyBytes_FromStringAndSize(<const char*>element.value, element.value_len))
        else:
            fields[name] = decode_element(&element)
    return fields


def embedded(bytes document not None, bytes name not None):
    """Return a field's embedded document as BSON bytes, or None if the field is missing or not a document."""
    cdef Element element
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(document)
    if find_field(data, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), &element) and element.type == BSON_DOCUMENT:
        return PyBytes_FromStringAndSize(<const char*>element.value, element.value_len)
    return None


def documents_of(bytes document not None, bytes name not None):
    """Return the documents in an array field as BSON bytes, or None if the field is missing or not an array."""
    cdef Element array
    cdef Element element
    cdef const uint8_t* cursor
    cdef list found = []
    if not find_field(<const uint8_t*>PyBytes_AS_STRING(document), PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), &array):
        return None
    if array.type != BSON_ARRAY:
        return None
    cursor = first_element(array.value)
    while next_element(&cursor, &element):
        if element.type == BSON_DOCUMENT:
            found.append(PyBytes_FromStringAndSize(<const char*>element.value, element.value_len))
    return found


def value_of(bytes document not None, bytes name not None):
    """Return the decoded value of a field, or None if absent."""
    cdef Element element
    if not find_field(<const uint8_t*>PyBytes_AS_STRING(document), PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), &element):
        return None
    return decode_element(&element)


def shown(bytes entry not None):
    """Return an entry as clients see it, without its private fields, whose names begin with `$`."""
    cdef Element element
    cdef const uint8_t* cursor = first_element(<const uint8_t*>PyBytes_AS_STRING(entry))
    cdef Writer out
    cdef size_t mark
    cdef bint has_private = False
    while next_element(&cursor, &element):
        if element.name_len and element.name[0] == b"$":
            has_private = True
            break
    if not has_private:
        return entry
    out = Writer.__new__(Writer)
    mark = out.open()
    cursor = first_element(<const uint8_t*>PyBytes_AS_STRING(entry))
    while next_element(&cursor, &element):
        if not element.name_len or element.name[0] != b"$":
            out.put_raw_element(&element)
    out.close(mark)
    return out.finish()
