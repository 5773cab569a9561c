# cython: language_level=3
"""The growing text of a command, for other compiled modules: see _shell_text.pyx."""


cdef class Output:
    cdef char* buffer
    cdef Py_ssize_t size, room

    cdef int put(self, const char* text, Py_ssize_t length) except -1
    cdef int put_text(self, str text) except -1
    cdef int put_json(self, str text) except -1
    cdef int put_number(self, long long number) except -1
    cdef str text(self)
