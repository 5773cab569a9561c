# cython: language_level=3, boundscheck=False, wraparound=False
"""The match node of regular expressions."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int32_t, uint8_t
from libc.string cimport memchr, memcmp, strcmp

from secantus_server.bson._raw cimport Element, read_int32
from secantus_server.mql.match._nodes cimport PathMatch

from secantus_server.bson.values import Regex

cdef enum:
    SEARCH = 0
    PREFIX = 1
    CONTAINS = 2


cdef bint contains(const uint8_t* text, Py_ssize_t length, const uint8_t* wanted, Py_ssize_t wanted_length) noexcept nogil:
    """Return whether a text contains a byte string."""
    cdef const uint8_t* last = text + length - wanted_length
    cdef const uint8_t* found
    if wanted_length == 0:
        return True
    while text <= last:
        found = <const uint8_t*>memchr(text, wanted[0], last - text + 1)
        if found == NULL:
            return False
        if memcmp(found, wanted, wanted_length) == 0:
            return True
        text = found + 1
    return False


cdef class RegexMatch(PathMatch):
    """Matches if a string at the path matches a regular expression, or the value is that regular expression.

    Arguments:
        path: the dotted path.
        pattern, options: as the user wrote them.
        search: a function of a str; its result is truthy if the str matches.
        literal: the bytes to search for if the pattern has no special characters, else None.
        anchored: whether `literal` must be at the start.
    """

    cdef readonly str pattern
    cdef readonly str options
    cdef object search
    cdef bytes literal
    cdef bytes raw_pattern
    cdef bytes raw_options
    cdef int kind

    def __init__(self, str path not None, str pattern not None, str options not None, search, bytes literal=None, bint anchored=False):
        self.set_path(path, True)
        self.pattern = pattern
        self.options = options
        self.search = search
        self.literal = literal
        self.kind = SEARCH if literal is None else PREFIX if anchored else CONTAINS
        self.raw_pattern = pattern.encode("utf-8", "surrogateescape")
        self.raw_options = options.encode("utf-8", "surrogateescape")

    def as_value(self):
        """Return the regular expression as a BSON value."""
        return Regex(self.pattern, self.options)

    def predicate(self):
        found = {"$regex": self.pattern}
        if self.options:
            found["$options"] = self.options
        return found

    cdef bint matches_element(self, const Element* element) except -1:
        if element.type == 2 or element.type == 14:
            return self.matches_text(element.value + 4, read_int32(element.value) - 1)
        return element.type == 11 and self.is_same(<const char*>element.value)

    cdef bint matches_text(self, const uint8_t* text, Py_ssize_t length) except -1:
        cdef Py_ssize_t wanted
        if self.kind == SEARCH:
            return self.search(PyUnicode_DecodeUTF8(<const char*>text, length, "surrogateescape")) is not None
        wanted = PyBytes_GET_SIZE(self.literal)
        if self.kind == PREFIX:
            return length >= wanted and memcmp(text, PyBytes_AS_STRING(self.literal), wanted) == 0
        return contains(text, length, <const uint8_t*>PyBytes_AS_STRING(self.literal), wanted)

    cdef bint is_same(self, const char* pattern) except -1:
        cdef const char* options = pattern + PyBytes_GET_SIZE(self.raw_pattern) + 1
        return strcmp(pattern, PyBytes_AS_STRING(self.raw_pattern)) == 0 and strcmp(options, PyBytes_AS_STRING(self.raw_options)) == 0
