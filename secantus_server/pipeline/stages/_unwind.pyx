# cython: language_level=3, boundscheck=False, wraparound=False
"""`$unwind`'s kernel, which builds a document for each array element by copying bytes."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memcpy

from secantus_server.bson._raw cimport Element, find_field, first_element, next_element, read_int32
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DOCUMENT, BSON_NULL, BSON_UNDEFINED
from secantus_server.pipeline._fields cimport FieldSetter

from bson.int64 import Int64

cdef class Unwinder:
    """A builder that unwinds one document at a time.

    Arguments:
        path: the array's path without `$`.
        index_path: the field for the element's index, or None.
        preserve: whether to keep documents without elements.
    """

    def __init__(self, str path not None, str index_path, bint preserve):
        self.names = tuple([name.encode("utf-8", "surrogateescape") for name in path.split(".")])
        self.index_field = None if index_path is None else FieldSetter(index_path)
        self.preserve = preserve
        assert len(self.names) < MAX_DEPTH

    def unwind(self, bytes doc not None):
        """Return the documents that one document unwinds to."""
        cdef Element array
        if not self.find(<const uint8_t*>PyBytes_AS_STRING(doc), &array):
            return self.without_elements(doc)
        if array.type == BSON_ARRAY:
            if read_int32(array.value) > 5:
                return self.elements(doc, &array)
            return self.without_elements(self.replaced(doc, &array, NULL)) if self.preserve else ()
        if array.type == BSON_NULL or array.type == BSON_UNDEFINED:
            return self.without_elements(doc)
        return (self.indexed(doc, None),)

    cdef bint find(self, const uint8_t* doc, Element* found):
        """Find the element at the path, traversing documents only."""
        cdef const uint8_t* top = doc
        cdef bytes name
        self.depth = 0
        for name in self.names:
            if self.depth > 0:
                if found.type != BSON_DOCUMENT:
                    return False
                doc = found.value
            self.ancestors[self.depth] = doc - top
            self.depth += 1
            if not find_field(doc, PyBytes_AS_STRING(name), <uint32_t>PyBytes_GET_SIZE(name), found):
                return False
        return True

    cdef tuple without_elements(self, bytes doc):
        return (self.indexed(doc, None),) if self.preserve else ()

    cdef list elements(self, bytes doc, const Element* array):
        cdef Element element
        cdef const uint8_t* cursor = first_element(array.value)
        cdef list out = []
        while next_element(&cursor, &element):
            copy = self.replaced(doc, array, &element)
            out.append(copy if self.index_field is None else self.indexed(copy, Int64(len(out))))
        return out

    cdef bytes indexed(self, bytes doc, object index):
        return doc if self.index_field is None else self.index_field.set(doc, index)

    cdef bytes replaced(self, bytes doc, const Element* array, const Element* element):
        """Return the document with an element in place of the array, or without the array."""
        cdef const uint8_t* source = <const uint8_t*>PyBytes_AS_STRING(doc)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(doc)
        cdef Py_ssize_t head = array.start - source
        cdef Py_ssize_t tail = array.value + array.value_len - source
        cdef Py_ssize_t middle = 0 if element == NULL else 2 + array.name_len + element.value_len
        cdef bytes out = PyBytes_FromStringAndSize(NULL, size - (tail - head) + middle)
        cdef uint8_t* target = <uint8_t*>PyBytes_AS_STRING(out)
        memcpy(target, source, head)
        if element != NULL:
            target[head] = element.type
            memcpy(target + head + 1, array.name, array.name_len + 1)
            memcpy(target + head + 2 + array.name_len, element.value, element.value_len)
        memcpy(target + head + middle, source + tail, size - tail)
        self.mend_lengths(target, middle - (tail - head))
        return out

    cdef void mend_lengths(self, uint8_t* target, Py_ssize_t growth) noexcept:
        cdef Py_ssize_t i
        cdef int32_t length
        for i in range(self.depth):
            length = read_int32(target + self.ancestors[i]) + <int32_t>growth
            memcpy(target + self.ancestors[i], &length, 4)
