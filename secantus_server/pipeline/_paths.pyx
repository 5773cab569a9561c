# cython: language_level=3, boundscheck=False, wraparound=False
"""The keys by which a join finds a document: key strings of all values at a path, with arrays traversed as in a filter."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._keystring cimport put_key
from secantus_server.bson._raw cimport Element, find_field, first_element, next_element
from secantus_server.bson._types cimport (
    BSON_ARRAY,
    BSON_BINARY,
    BSON_BOOL,
    BSON_DATE,
    BSON_DOCUMENT,
    BSON_DOUBLE,
    BSON_INT,
    BSON_LONG,
    BSON_OBJECT_ID,
    BSON_STRING,
)


cdef class JoinPath:
    """A path of a join.

    Arguments:
        path: a dotted path; a number is both an array index and a field name.
        whole_arrays: whether an array at the end of the path is a value in addition to its elements.
        collation: the collation of strings, or None.
    """

    def __init__(self, str path not None, bint whole_arrays, object collation):
        parts = path.split(".")
        self.names = tuple([name.encode("utf-8", "surrogateescape") for name in parts])
        self.indexes = tuple([int(name) if name.isascii() and name.isdigit() and (name == "0" or name[0] != "0") else -1 for name in parts])
        self.last = len(parts) - 1
        self.whole_arrays = whole_arrays
        self.collation = collation
        self.out = Writer()

    def keys(self, bytes doc not None):
        """Return the document's distinct keys; empty if the path does not exist."""
        self.found = {}
        self.walk(<const uint8_t*>PyBytes_AS_STRING(doc), 0)
        return list(self.found)

    cdef bint plain_key(self, bytes doc, bytes prefix) except -1:
        """Write a prefix and the key of the document's only value into the buffer.

        Return 0 if the path is dotted, or if the value could also equal other values.
        """
        cdef Element element
        cdef bytes name = <bytes>self.names[0]
        if self.last > 0:
            return False
        if not find_field(<const uint8_t*>PyBytes_AS_STRING(doc), PyBytes_AS_STRING(name), <uint32_t>PyBytes_GET_SIZE(name), &element):
            return False
        if element.type not in (BSON_DOUBLE, BSON_STRING, BSON_BINARY, BSON_OBJECT_ID, BSON_BOOL, BSON_DATE, BSON_INT, BSON_LONG):
            return False
        self.out.clear()
        self.out.put_bytes(PyBytes_AS_STRING(prefix), PyBytes_GET_SIZE(prefix))
        put_key(self.out, element.type, element.value, self.collation)
        return True

    cdef int walk(self, const uint8_t* doc, Py_ssize_t index) except -1:
        cdef Element element
        cdef bytes name = <bytes>self.names[index]
        if not find_field(doc, PyBytes_AS_STRING(name), <uint32_t>PyBytes_GET_SIZE(name), &element):
            return 0
        if index == self.last:
            return self.leaf(&element)
        return self.descend(&element, index + 1)

    cdef int descend(self, const Element* element, Py_ssize_t index) except -1:
        if element.type == BSON_DOCUMENT:
            return self.walk(element.value, index)
        if element.type == BSON_ARRAY:
            return self.through(element.value, index)
        return 0

    cdef int through(self, const uint8_t* array, Py_ssize_t index) except -1:
        """Traverse an array along the path: its documents and, if the path names an index, the element at that index."""
        cdef Element element
        cdef const uint8_t* cursor = first_element(array)
        cdef Py_ssize_t wanted = self.indexes[index]
        cdef Py_ssize_t position = 0
        while next_element(&cursor, &element):
            if element.type == BSON_DOCUMENT:
                self.walk(element.value, index)
            if position == wanted:
                if index == self.last:
                    self.leaf(&element)
                else:
                    self.descend(&element, index + 1)
            position += 1
        return 0

    cdef int leaf(self, const Element* element) except -1:
        cdef Element item
        cdef const uint8_t* cursor
        if element.type != BSON_ARRAY:
            return self.add(element)
        cursor = first_element(element.value)
        while next_element(&cursor, &item):
            self.add(&item)
        return self.add(element) if self.whole_arrays else 0

    cdef int add(self, const Element* element) except -1:
        self.out.clear()
        put_key(self.out, element.type, element.value, self.collation)
        self.found[self.out.finish()] = None
        return 0
