# cython: language_level=3, boundscheck=False, wraparound=False
"""The keys of documents in a wildcard index.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-wildcard/

The key of a value that is not a document consists of the value's path and the value. An embedded document has the keys of its fields, or
one key with the value `{}` if it has no fields. An array has the keys of its elements, under the array's own path. An array inside an array
is one value, and an empty array is indexed as undefined. In a compound index, the values of the fields before the wildcard precede the
path, and those of the fields after the wildcard follow the value. These values are the same in all keys of a document. A document without
any value for the wildcard has no key in a simple index. In a compound index it has one key, in which MinKey stands for both the path and
the value.

A path that leads to or through an array also has a *mark*, a key that consists of the path only. The planner reads the marks to know which
paths may have several keys in one document.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memchr

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._keystring cimport invert, put_empty_array_key, put_key
from secantus_server.bson._raw cimport Element, first_element, next_element
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DOCUMENT
from secantus_server.mql._keys cimport Generation, KeyGenerator, generate

MARK = b"\xfe"

cdef enum:
    STRING_RANK = 50
    MIN_KEY = 255
    DOT = 46

cdef const uint8_t* EMPTY_DOCUMENT = <const uint8_t*>b"\x05\x00\x00\x00\x00"


cdef class WildcardKeys:
    """A function that takes a document and returns its keys in a wildcard index.

    The function returns a dict that maps each key to the values that are stored with the key for covered queries. These values are empty if
    a query must read the document, and None if the key is a mark.

    Arguments:
        fields: the key pattern as pairs of path and direction; the path is None for the wildcard.
        tree: the included or excluded fields, as a dict that maps a field's name to True, or to a dict of the fields below it; None for all
            fields.
        excludes: whether `tree` lists the excluded fields.
        collation: defines the order of strings.
    """

    cdef list before
    cdef list after
    cdef bint descending
    cdef object tree
    cdef bint excludes
    cdef object collation

    def __init__(self, list fields not None, tree, bint excludes, collation=None):
        position = [path for path, _ in fields].index(None)
        self.before = [KeyGenerator([field], collation) for field in fields[:position]]
        self.after = [KeyGenerator([field], collation) for field in fields[position + 1:]]
        self.descending = fields[position][1] < 0
        self.tree = tree
        self.excludes = excludes
        self.collation = collation

    def __call__(self, bytes document not None):
        cdef Run run = Run.__new__(Run)
        cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(document)
        run.index = self
        run.found = {}
        run.path = Writer.__new__(Writer)
        run.out = Writer.__new__(Writer)
        run.before, run.values_before = keys_of(self.before, data)
        run.after, run.values_after = keys_of(self.after, data)
        if not run.add_fields(data, self.tree, False, True) and (self.before or self.after):
            run.add_absent()
        return run.found


cdef tuple keys_of(list generators, const uint8_t* document):
    """Return the concatenated keys of some fields of a document, and their concatenated values. The fields must not contain arrays."""
    cdef Generation made
    if not generators:
        return b"", b""
    keys, values = [], []
    for generator in generators:
        made = generate(generator, document, [])
        keys.append(made.keys[0])
        values.append(made.covered)
    return b"".join(keys), b"".join(values)


cdef class Run:
    """The state while the keys of one document are generated."""

    cdef WildcardKeys index
    cdef dict found
    cdef bytes before
    cdef bytes values_before
    cdef bytes after
    cdef bytes values_after
    # The path of the current value.
    cdef Writer path
    cdef Writer out
    # The position in `out` at which the key of the value begins.
    cdef size_t mark

    cdef bint add_fields(self, const uint8_t* document, object tree, bint in_array, bint top) except -1:
        """Add the keys of a document's fields. Return whether any key was added."""
        cdef const uint8_t* cursor = first_element(document)
        cdef Element element
        cdef size_t mark = self.path.size
        cdef bint some = False
        while next_element(&cursor, &element):
            below = None
            if tree is not None:
                below = (<dict>tree).get((<const char*>element.name)[:element.name_len])
                if below is True if self.index.excludes else below is None:
                    continue
                if below is True:
                    below = None
            if memchr(element.name, DOT, element.name_len) != NULL:
                # No path can address a field whose name contains a dot.
                continue
            if not top:
                self.path.put_byte(DOT)
            self.path.put_bytes(element.name, element.name_len)
            if self.add_value(&element, below, in_array):
                some = True
            self.path.size = mark
        return some

    cdef bint add_value(self, const Element* element, object tree, bint in_array) except -1:
        """Add the keys of a field's value. Return whether any key was added."""
        cdef const uint8_t* cursor
        cdef Element item
        cdef bint some = False
        if element.type != BSON_ARRAY:
            return self.add_one(element, tree, in_array)
        self.found[self.path_mark()] = None
        cursor = first_element(element.value)
        while next_element(&cursor, &item):
            if self.add_one(&item, tree, True):
                some = True
        if not some and self.is_whole(tree):
            self.start()
            put_empty_array_key(self.out)
            self.finish(b"")
            return True
        return some

    cdef bint add_one(self, const Element* element, object tree, bint in_array) except -1:
        """Add the keys of a value, or of an element of an array. Return whether any key was added."""
        cdef bint is_empty
        if element.type == BSON_DOCUMENT:
            if self.add_fields(element.value, tree, in_array, False):
                return True
            if not self.is_whole(tree):
                return False
            is_empty = element.value_len == 5
            self.start()
            put_key(self.out, BSON_DOCUMENT, EMPTY_DOCUMENT, None)
            self.finish(self.covered(element) if is_empty and not in_array else b"")
            return True
        if not self.is_whole(tree):
            return False
        self.start()
        put_key(self.out, element.type, element.value, self.index.collation)
        self.finish(b"" if in_array else self.covered(element))
        return True

    cdef bint is_whole(self, object tree) noexcept:
        """Return whether the index includes a value at this place of the tree, if the value is not a document."""
        return tree is None or self.index.excludes

    cdef int add_absent(self) except -1:
        """Add the key of a document without any value for the wildcard."""
        self.out.clear()
        self.out.put_bytes(PyBytes_AS_STRING(self.before), PyBytes_GET_SIZE(self.before))
        put_key(self.out, MIN_KEY, NULL, None)
        self.mark = self.out.size
        put_key(self.out, MIN_KEY, NULL, None)
        return self.finish(b"")

    cdef int start(self) except -1:
        """Write the part of a key that precedes the value."""
        self.out.clear()
        self.out.put_bytes(PyBytes_AS_STRING(self.before), PyBytes_GET_SIZE(self.before))
        self.out.put_byte(STRING_RANK)
        self.out.put_bytes(self.path.buffer, self.path.size)
        self.out.put_byte(0)
        self.out.put_byte(1)
        self.mark = self.out.size
        return 0

    cdef int finish(self, bytes covered) except -1:
        """Write the part of a key that follows the value, and add the complete key to the result."""
        if self.index.descending:
            invert(self.out, self.mark)
        self.out.put_bytes(PyBytes_AS_STRING(self.after), PyBytes_GET_SIZE(self.after))
        self.found[self.out.finish()] = covered
        return 0

    cdef bytes covered(self, const Element* element):
        cdef bytes own = (<const char*>element.value)[:element.value_len] if element.value_len else b""
        return self.values_before + bytes((element.type,)) + own + self.values_after

    cdef bytes path_mark(self):
        return MARK + ((<const char*>self.path.buffer)[:self.path.size] if self.path.size else b"") + b"\0"
