# cython: language_level=3, boundscheck=False, wraparound=False
"""The errors for duplicate field names in commands, and in stored documents that a computation reads."""

from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t
from libc.string cimport memcmp

from secantus_server.bson._raw cimport Element, first_element, next_element
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DOCUMENT

from secantus_server.errors import CommandError, not_supported

cdef enum:
    # The fields of a document whose names are compared with each other. Further names are kept in a set.
    FEW = 16

# The error codes for a duplicate field in the stages that have a specific code, by stage name.
cdef dict DUPLICATE_CODES = {"$lookup": 40413, "$out": 40413, "$merge": 40413, "$planCacheStats": 9, "$sort": 7472500}


cdef int refuse_duplicate(const uint8_t* doc, int depth, bint in_array, bint is_item=False, str owner="") except -1:
    """Raise CommandError for the first duplicate field of a document or its nested documents, if any.

    `is_item` tells whether the document is an item of an array, such as a stage in a pipeline. `owner` is the name of the field whose value
    is the document, if that field belongs to an item of an array. For example, `owner` is the name of a stage if the document is the
    stage's argument.
    """
    cdef Element element
    cdef const uint8_t* cursor = first_element(doc)
    cdef set names = set()
    while next_element(&cursor, &element):
        name = PyUnicode_DecodeUTF8(element.name, element.name_len, "surrogateescape")
        if name in names and not in_array:
            if depth == 0:
                raise CommandError(40413, f"BSON field '{name}' is a duplicate field")
            if owner in DUPLICATE_CODES:
                raise CommandError(DUPLICATE_CODES[owner], f"BSON field '{owner}.{name}' is a duplicate field")
            raise not_supported(f"a document with two fields named '{name}' in a command", "write each name once")
        names.add(name)
        if element.type == BSON_DOCUMENT or element.type == BSON_ARRAY:
            refuse_duplicate(element.value, depth + 1, element.type == BSON_ARRAY, in_array, name if is_item else "")
    return 0


cdef bint has_duplicate(const uint8_t* doc, bint is_array=False) except -1:
    """Return whether a document, or one that is nested in it, has two fields of the same name."""
    cdef Element element
    cdef const uint8_t* cursor = first_element(doc)
    cdef Py_ssize_t position = 0
    cdef set names = None
    while next_element(&cursor, &element):
        if not is_array:
            if position < FEW and occurs_before(doc, &element):
                return True
            if position >= FEW:
                names = names_before(doc, position) if names is None else names
                name = element.name[:element.name_len]
                if name in names:
                    return True
                names.add(name)
            position += 1
        if (element.type == BSON_DOCUMENT or element.type == BSON_ARRAY) and has_duplicate(element.value, element.type == BSON_ARRAY):
            return True
    return False


cdef bint occurs_before(const uint8_t* doc, const Element* field) noexcept nogil:
    """Return whether a document has another field of the same name before a field."""
    cdef Element element
    cdef const uint8_t* cursor = first_element(doc)
    while next_element(&cursor, &element) and element.name != field.name:
        if element.name_len == field.name_len and memcmp(element.name, field.name, field.name_len) == 0:
            return True
    return False


cdef set names_before(const uint8_t* doc, Py_ssize_t count):
    """Return the names of the first fields of a document."""
    cdef Element element
    cdef const uint8_t* cursor = first_element(doc)
    cdef set names = set()
    while count and next_element(&cursor, &element):
        names.add(element.name[:element.name_len])
        count -= 1
    return names


cdef object stored_duplicate():
    """Return the error for a computation that reads a stored document with duplicate field names."""
    return not_supported("a computation with a stored document that has two fields of the same name", "store each name once")
