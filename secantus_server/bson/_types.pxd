# cython: language_level=3
"""The BSON types, by the byte that begins an element (https://bsonspec.org/spec.html)."""

cdef enum:
    # The type of a value that does not exist. In BSON, this byte ends a document.
    BSON_MISSING = 0
    BSON_DOUBLE = 1
    BSON_STRING = 2
    BSON_DOCUMENT = 3
    BSON_ARRAY = 4
    BSON_BINARY = 5
    BSON_UNDEFINED = 6
    BSON_OBJECT_ID = 7
    BSON_BOOL = 8
    BSON_DATE = 9
    BSON_NULL = 10
    BSON_REGEX = 11
    BSON_DB_POINTER = 12
    BSON_JAVASCRIPT = 13
    BSON_SYMBOL = 14
    BSON_JAVASCRIPT_WITH_SCOPE = 15
    BSON_INT = 16
    BSON_TIMESTAMP = 17
    BSON_LONG = 18
    BSON_DECIMAL = 19
    BSON_MAX_KEY = 127
    BSON_MIN_KEY = 255
