# cython: language_level=3, boundscheck=False, wraparound=False
"""Setting one field of a document without decoding the others."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element, document_length, find_field, first_element
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DOCUMENT

# Sentinel for the document that `set_found` points to.
cdef object FOUND = object()


cdef class FieldSetter:
    """A setter of the field at a path. It replaces or appends the field; values on the path that are not documents become documents.

    Arguments:
        path: a dotted path; arrays along it are replaced, as in `$lookup` and `$unwind`.
    """

    def __init__(self, str path not None):
        self.names = tuple([name.encode("utf-8", "surrogateescape") for name in path.split(".")])
        self.last = len(self.names) - 1
        self.out = Writer()

    cpdef bytes set(self, bytes doc, object value):
        """Return the document with the value at the path. MISSING removes the field.

        Arguments:
            doc: the document, which is not modified.
            value: any value, or a RawDocument or RawArray.
        """
        self.out.clear()
        self.put(<const uint8_t*>PyBytes_AS_STRING(doc), 0, value)
        return self.out.finish()

    cdef bytes set_found(self, bytes doc, const uint8_t* found, size_t size):
        """Return the document with an array at the path. The array contains the found document, or nothing if `found` is NULL."""
        self.found = found
        self.found_size = size
        return self.set(doc, FOUND)

    cdef int put_found(self, const char* name, size_t length) except -1:
        cdef size_t mark
        self.out.put_name(BSON_ARRAY, name, length)
        mark = self.out.open()
        if self.found != NULL:
            self.out.put_name(BSON_DOCUMENT, "0", 1)
            self.out.put_bytes(<const char*>self.found, self.found_size)
        return self.out.close(mark)

    cdef int put(self, const uint8_t* doc, Py_ssize_t index, object value) except -1:
        cdef bytes name = <bytes>self.names[index]
        cdef const char* text = PyBytes_AS_STRING(name)
        cdef size_t length = <size_t>PyBytes_GET_SIZE(name)
        cdef Element element
        cdef const uint8_t* start
        cdef const uint8_t* end
        cdef size_t mark = self.out.open()
        if doc == NULL:
            self.put_field(text, length, NULL, index, value)
            return self.out.close(mark)
        # The other fields are copied at once: those before the field, and those after it.
        start, end = first_element(doc), doc + document_length(doc) - 1
        if find_field(doc, text, <uint32_t>length, &element):
            self.out.put_bytes(start, element.start - start)
            self.put_field(text, length, &element, index, value)
            start = element.value + element.value_len
            self.out.put_bytes(start, end - start)
        else:
            self.out.put_bytes(start, end - start)
            self.put_field(text, length, NULL, index, value)
        return self.out.close(mark)

    cdef int put_field(self, const char* name, size_t length, const Element* old, Py_ssize_t index, object value) except -1:
        if index == self.last:
            return self.put_found(name, length) if value is FOUND else self.out.put_value(name, length, value, 1)
        self.out.put_name(BSON_DOCUMENT, name, length)
        return self.put(old.value if old != NULL and old.type == BSON_DOCUMENT else NULL, index + 1, value)
