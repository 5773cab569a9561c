# cython: language_level=3
"""Conversion between BSON bytes and values, for other compiled modules."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from secantus_server.bson._raw cimport Element


cdef object decode_element(const Element* element)
cdef object decode_value(uint8_t type, const uint8_t* value, uint32_t length)
cdef object decode_stored_element(const Element* element)
cdef dict decode_stored_document(const uint8_t* doc)
cdef dict decode_document(const uint8_t* doc)
cdef dict decode_command(const uint8_t* doc)
cdef list decode_array(const uint8_t* doc)
cdef int write_decimal(char* out, Py_ssize_t n) noexcept


cdef class Writer:
    """A growing buffer of BSON bytes. A document is written between `open` and `close`."""

    cdef uint8_t* buffer
    cdef size_t size
    cdef size_t capacity
    # The original bytes of the last field name that was not valid UTF-8, kept alive until the writer has copied them.
    cdef bytes escaped_name

    cdef int reserve(self, size_t more) except -1
    cdef int put_bytes(self, const void* data, size_t length) except -1
    cdef int put_byte(self, uint8_t byte) except -1
    cdef int put_int32(self, int32_t n) except -1
    cdef int put_int64(self, int64_t n) except -1
    cdef int put_name(self, uint8_t type, const char* name, size_t name_len) except -1
    cdef int put_string(self, const char* name, size_t name_len, const char* text, size_t text_len) except -1
    cdef int put_raw_element(self, const Element* element) except -1
    cdef int put_value(self, const char* name, size_t name_len, object value, int depth) except -1
    cdef int put_document(self, dict document, int depth) except -1
    cdef int put_array(self, object values, int depth) except -1
    cdef size_t open(self) except? 0
    cdef int close(self, size_t mark) except -1
    cdef bytes finish(self)
    cdef void clear(self) noexcept


cdef class RawArray:
    cdef readonly list documents
