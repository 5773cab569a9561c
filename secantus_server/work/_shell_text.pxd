# cython: language_level=3
"""The growing text of a command, for other compiled modules: see _shell_text.pyx."""


cdef enum Mode:
    # Values with their constants, values without them, and values whose strings are names, which the shape keeps.
    TYPED
    HIDING
    NAMES

cdef class Output:
    cdef char* buffer
    cdef Py_ssize_t size, room

    cdef int put(self, const char* text, Py_ssize_t length) except -1
    cdef int put_text(self, str text) except -1
    cdef int put_json(self, str text) except -1
    cdef int put_number(self, long long number) except -1
    cdef str text(self)


cdef int put_any(Output output, value, Mode mode) except -1
cdef int put_raw(Output output, bytes document, Mode mode) except -1
