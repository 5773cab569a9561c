# cython: language_level=3
"""Key strings, which are bytes whose memcmp order is MongoDB's comparison order."""

from libc.stdint cimport uint8_t
from libc.stddef cimport size_t

from secantus_server.bson._codec cimport Writer


cdef inline uint8_t* extend(Writer out, size_t count) except NULL:
    """Make the buffer `count` bytes longer, and return the address of these bytes, which the caller must write."""
    cdef size_t start = out.size
    if start + count > out.capacity:
        out.reserve(count)
    out.size = start + count
    return out.buffer + start


cdef int put_key(Writer out, uint8_t type, const uint8_t* value, object collation) except -1
cdef int put_missing_key(Writer out) except -1
cdef int put_null_key(Writer out) except -1
cdef int put_empty_array_key(Writer out) except -1
cdef void invert(Writer out, size_t start) noexcept
