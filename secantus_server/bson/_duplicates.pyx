# cython: language_level=3, boundscheck=False, wraparound=False
"""The errors for duplicate field names in commands, and in stored documents that a computation reads."""

from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t

from secantus_server.bson._raw cimport Element, first_element, next_element
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DOCUMENT

from secantus_server.errors import CommandError, not_supported

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


cdef object stored_duplicate():
    """Return the error for a computation that reads a stored document with duplicate field names."""
    return not_supported("a computation with a stored document that has two fields of the same name", "store each name once")
