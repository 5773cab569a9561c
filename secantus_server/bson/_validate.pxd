# cython: language_level=3
"""The validation of documents, for other compiled modules."""

from libc.stdint cimport uint8_t


cdef int check_whole(const uint8_t* data, Py_ssize_t size) except -1
