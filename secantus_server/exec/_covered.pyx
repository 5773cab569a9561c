# cython: language_level=3, boundscheck=False, wraparound=False
"""Builds documents from index entries, for covered queries and for filters that are applied before the stored document is fetched.

An entry stores the values of its key, each after a type byte (0 for an absent field). The entries of a document with several keys store no
values.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t

from secantus_server.bson._codec cimport Writer, decode_value
from secantus_server.bson._raw cimport value_length
from secantus_server.bson._types cimport BSON_DOCUMENT

from secantus_server.bson.values import MISSING


def first_value(bytes covered not None):
    """Return the value of an entry's first field, or MISSING.

    Arguments:
        covered: the values stored in the only entry of a document.
    """
    cdef const uint8_t* cursor = <const uint8_t*>PyBytes_AS_STRING(covered)
    assert covered, "the document had several keys"
    if cursor[0] == 0:
        return MISSING
    return decode_value(cursor[0], cursor + 1, value_length(cursor[0], cursor + 1))


cdef class EntryShape:
    """The mapping from the values of an index entry to the fields of the document to build.

    Arguments:
        paths: the index's paths, in index order; none is a prefix of another.
        exact: whether to build only documents that equal the stored one at these paths. If the value of a dotted path is missing, no
            document is built then, because the entry does not tell whether the parents of the path exist.
    """

    def __init__(self, list paths not None, bint exact):
        self.exact = exact
        self.count = len(paths)
        assert self.count <= 32, "no index has more fields"
        self.dotted = [("." in path) for path in paths]
        self.root = []
        for number, path in enumerate(paths):
            self.place(self.root, path.split("."), number)
        self.out = Writer()

    def place(self, list level, list names, int number):
        """Insert a path into a tree whose levels are lists of triples: name, number of the value, next level."""
        name = names[0].encode("utf-8", "surrogateescape")
        if len(names) == 1:
            level.append((name, number, None))
            return
        below = next((inner for other, _, inner in level if other == name and inner is not None), None)
        if below is None:
            below = []
            level.append((name, -1, below))
        self.place(below, names[1:], number)

    cdef bytes document(self, const uint8_t* values, size_t size):
        """Build the document from an entry's values. Return None if the values do not suffice."""
        cdef const uint8_t* cursor = values
        cdef int i
        if size == 0:
            return None
        for i in range(self.count):
            self.values[i] = cursor
            if cursor[0] == 0:
                if self.exact and self.dotted[i]:
                    return None
                cursor += 1
            else:
                cursor += 1 + value_length(cursor[0], cursor + 1)
        self.out.clear()
        self.write(self.root)
        return self.out.finish()

    cdef int write(self, list level) except -1:
        cdef size_t mark = self.out.open()
        cdef const uint8_t* value
        cdef bytes name
        for name, number, below in level:
            if below is not None:
                self.out.put_name(BSON_DOCUMENT, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
                self.write(below)
                continue
            value = self.values[<int>number]
            if value[0] != 0:
                self.out.put_name(value[0], PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
                self.out.put_bytes(value + 1, value_length(value[0], value + 1))
        return self.out.close(mark)
