# cython: language_level=3, boundscheck=False, wraparound=False
"""The match node of regular expressions."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport strcmp

from secantus_server.bson._raw cimport Element, read_int32
from secantus_server.bson._types cimport BSON_REGEX, BSON_STRING, BSON_SYMBOL
from secantus_server.mql.match._nodes cimport PathMatch
from secantus_server.mql.regex._pattern cimport Pattern

from secantus_server.bson.values import Regex


cdef class RegexMatch(PathMatch):
    """A node that matches if a string at the path matches the regular expression, or if the value is the same regular expression.

    Arguments:
        path: the dotted path.
        pattern, options: the regular expression as the user wrote it.
        compiled: the compiled pattern.
    """

    cdef readonly str pattern
    cdef readonly str options
    cdef Pattern compiled
    cdef bytes raw_pattern
    cdef bytes raw_options

    def __init__(self, str path not None, str pattern not None, str options not None, Pattern compiled not None):
        self.set_path(path, True)
        self.pattern = pattern
        self.options = options
        self.compiled = compiled
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
        if element.type == BSON_STRING or element.type == BSON_SYMBOL:
            return self.compiled.matches_bytes(element.value + 4, read_int32(element.value) - 1)
        return element.type == BSON_REGEX and self.is_same(<const char*>element.value)

    cdef bint is_same(self, const char* pattern) except -1:
        cdef const char* options = pattern + PyBytes_GET_SIZE(self.raw_pattern) + 1
        return strcmp(pattern, PyBytes_AS_STRING(self.raw_pattern)) == 0 and strcmp(options, PyBytes_AS_STRING(self.raw_options)) == 0
