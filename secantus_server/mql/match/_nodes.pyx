# cython: language_level=3, boundscheck=False, wraparound=False
"""The logical match nodes, and the base class of the nodes that have a path. All nodes read the stored bytes.

A node has three operations:

- `matches_raw` tests a document.
- `matches_element` tests a single value, for a node inside `$elemMatch`. An element of type 0 represents a missing field.
- `position` returns the array element that made the document match, to which the positional `$` of an update refers.

https://www.mongodb.com/docs/manual/tutorial/query-array-of-documents/ describes how paths traverse arrays.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp

from secantus_server.bson._raw cimport Element, find_field, first_element, next_element
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DOCUMENT, BSON_MISSING


cdef class MatchExpression:
    """A node of a parsed filter."""

    cdef bint matches_raw(self, const uint8_t* doc) except -1:
        raise NotImplementedError

    cdef bint matches_element(self, const Element* element) except -1:
        raise NotImplementedError

    cdef Py_ssize_t position(self, const uint8_t* doc) except -2:
        return -1

    def matches(self, bytes doc not None):
        """Return whether a document matches."""
        return bool(self.matches_raw(<const uint8_t*>PyBytes_AS_STRING(doc)))

    def array_index(self, bytes doc not None):
        """Return the index of the array element that made a document match, or None.

        Arguments:
            doc: a document that matches.
        """
        found = self.position(<const uint8_t*>PyBytes_AS_STRING(doc))
        return None if found < 0 else found

    def serialize(self):
        """Return the node as a filter, in the form that explain shows."""
        raise NotImplementedError

    def __repr__(self):
        return f"{type(self).__name__}({self.serialize()})"


cdef class AlwaysTrue(MatchExpression):
    """A node that matches every document."""

    cdef bint matches_raw(self, const uint8_t* doc) except -1:
        return True

    cdef bint matches_element(self, const Element* element) except -1:
        return True

    def serialize(self):
        return {"$alwaysTrue": 1}


cdef class AlwaysFalse(MatchExpression):
    """A node that matches no document."""

    cdef bint matches_raw(self, const uint8_t* doc) except -1:
        return False

    cdef bint matches_element(self, const Element* element) except -1:
        return False

    def serialize(self):
        return {"$alwaysFalse": 1}


cdef tuple as_nodes(object children):
    """Return the children as a tuple. Check their types first, because compiled code casts them to nodes without a check."""
    cdef tuple nodes = tuple(children)
    for child in nodes:
        assert isinstance(child, MatchExpression), child
    return nodes


cdef class ListMatch(MatchExpression):
    """The base class of nodes with a list of children."""

    cdef readonly tuple children

    def __init__(self, children):
        self.children = as_nodes(children)

    def serialize_children(self):
        """Return the children as filters."""
        return [child.serialize() for child in self.children]


cdef class And(ListMatch):
    """A node that matches if all children match. Without children, it matches everything."""

    cdef bint matches_raw(self, const uint8_t* doc) except -1:
        for child in self.children:
            if not (<MatchExpression>child).matches_raw(doc):
                return False
        return True

    cdef bint matches_element(self, const Element* element) except -1:
        for child in self.children:
            if not (<MatchExpression>child).matches_element(element):
                return False
        return True

    cdef Py_ssize_t position(self, const uint8_t* doc) except -2:
        # Use the position of the last condition that matches an array element, like MongoDB, which evaluates conditions in a fixed order,
        # not in the order of the filter.
        cdef Py_ssize_t found = -1
        cdef Py_ssize_t next_found
        for child in sorted(_flattened(self), key=_rank):
            next_found = (<MatchExpression>child).position(doc)
            if next_found >= 0:
                found = next_found
        return found

    def serialize(self):
        return {"$and": self.serialize_children()} if self.children else {}


def _flattened(node):
    """Yield the conditions of a node, with nested `$and`s replaced by their conditions."""
    for child in node.children:
        if isinstance(child, And):
            yield from _flattened(child)
        else:
            yield child


cdef dict _RANKS = {
    name: rank
    for rank, name in enumerate(["ElemMatchObject", "ElemMatchValue", "Size", "$eq", "$lte", "$lt", "$gt", "$gte", "RegexMatch", "Mod", "Exists", "In"])
}


def _rank(node):
    """Return the sort key of a condition. As in MongoDB, conditions are ordered by kind, then by path."""
    kind = getattr(node, "operator", None) or type(node).__name__
    return _RANKS.get(kind, -1 if kind == "Or" else len(_RANKS)), getattr(node, "path", "")


def _is_list_of_values(children):
    """Return whether the alternatives of an `$or` are equivalent to one `$in`, because all are values or regular expressions for the same
    path.
    """
    return len({getattr(child, "path", None) for child in children}) == 1 and all(
        type(child).__name__ == "RegexMatch" or getattr(child, "operator", None) == "$eq" for child in children
    )


cdef class Or(ListMatch):
    """A node that matches if at least one child matches."""

    cdef bint matches_raw(self, const uint8_t* doc) except -1:
        for child in self.children:
            if (<MatchExpression>child).matches_raw(doc):
                return True
        return False

    cdef bint matches_element(self, const Element* element) except -1:
        for child in self.children:
            if (<MatchExpression>child).matches_element(element):
                return True
        return False

    cdef Py_ssize_t position(self, const uint8_t* doc) except -2:
        # `$or` reports no array position unless its alternatives are equivalent to a single `$in`.
        cdef Py_ssize_t found = -1
        cdef Py_ssize_t next_found
        if len(self.children) > 1 and not _is_list_of_values(self.children):
            return -1
        for child in self.children:
            if (<MatchExpression>child).matches_raw(doc):
                next_found = (<MatchExpression>child).position(doc)
                if next_found >= 0 and (found < 0 or next_found < found):
                    found = next_found
        return found

    def serialize(self):
        return {"$or": self.serialize_children()}


cdef class Nor(ListMatch):
    """A node that matches if no child matches."""

    cdef bint matches_raw(self, const uint8_t* doc) except -1:
        for child in self.children:
            if (<MatchExpression>child).matches_raw(doc):
                return False
        return True

    cdef bint matches_element(self, const Element* element) except -1:
        for child in self.children:
            if (<MatchExpression>child).matches_element(element):
                return False
        return True

    def serialize(self):
        return {"$nor": self.serialize_children()}


cdef class Not(MatchExpression):
    """A node that matches if the child does not match."""

    cdef readonly MatchExpression child

    def __init__(self, MatchExpression child not None):
        self.child = child

    cdef bint matches_raw(self, const uint8_t* doc) except -1:
        return not self.child.matches_raw(doc)

    cdef bint matches_element(self, const Element* element) except -1:
        return not self.child.matches_element(element)

    def serialize(self):
        if isinstance(self.child, PathMatch):
            [(path, predicate)] = self.child.serialize().items()
            return {path: {"$not": predicate}}
        return {"$nor": [self.child.serialize()]}


cdef bint ends_path(const uint8_t* array, const PathPart* part) noexcept nogil:
    """Return whether a path ends at an array because it cannot continue through it.

    This is the case if the array has no element at the path's index, and either contains a nested array or contains no document.
    """
    cdef Element element
    cdef const uint8_t* cursor = first_element(array)
    cdef bint nested = False
    cdef bint documents = False
    while next_element(&cursor, &element):
        if element.name_len == part.length and memcmp(element.name, part.name, part.length) == 0:
            return False
        nested = nested or element.type == BSON_ARRAY
        documents = documents or element.type == BSON_DOCUMENT
    return nested or not documents


cdef class PathMatch(MatchExpression):
    """The base class of conditions on the values at a dotted path. A subclass defines which values match.

    If the path leads through an array, it continues in each of the array's documents. A number in the path is both an array index and a
    field name. An array at the end of the path is tested element by element and as a whole, or only as a whole if `opens_arrays` is false.
    """

    def __cinit__(self, *args, **kwargs):
        self.parts = NULL

    def __dealloc__(self):
        PyMem_Free(self.parts)

    cdef int set_path(self, str path, bint opens_arrays) except -1:
        """Set the path and split it into parts. The constructor of every subclass calls this method."""
        cdef int i
        cdef bytes name
        self.path = path
        self.opens_arrays = opens_arrays
        self.names = tuple(path.encode("utf-8", "surrogateescape").split(b"."))
        self.part_count = len(self.names)
        self.parts = <PathPart*>PyMem_Malloc(self.part_count * sizeof(PathPart))
        if self.parts == NULL:
            raise MemoryError
        for i in range(self.part_count):
            name = self.names[i]
            self.parts[i].name = PyBytes_AS_STRING(name)
            self.parts[i].length = <uint32_t>PyBytes_GET_SIZE(name)
        return 0

    def predicate(self):
        """Return the condition on the path, as it is written after the path in a filter."""
        raise NotImplementedError

    def serialize(self):
        return {self.path: self.predicate()}

    cdef bint matches_raw(self, const uint8_t* doc) except -1:
        return self.walk_document(doc, 0, NULL)

    cdef Py_ssize_t position(self, const uint8_t* doc) except -2:
        cdef Py_ssize_t found = -1
        self.walk_document(doc, 0, &found)
        return found

    cdef bint walk_document(self, const uint8_t* doc, int depth, Py_ssize_t* position) except -1:
        """Return whether the path's parts from `depth` on lead from a document to a matching value."""
        cdef Element element
        while find_field(doc, self.parts[depth].name, self.parts[depth].length, &element):
            depth += 1
            if element.type == BSON_ARRAY:
                if depth == self.part_count:
                    return self.matches_array(&element, position)
                return self.walk_array(element.value, depth, position)
            if depth == self.part_count:
                return self.matches_element(&element)
            if element.type != BSON_DOCUMENT:
                break
            doc = element.value
        element.type = BSON_MISSING
        return self.matches_element(&element)

    cdef bint matches_array(self, const Element* array, Py_ssize_t* position) except -1:
        """Return whether an array at the end of the path matches."""
        cdef Element element
        cdef const uint8_t* cursor
        cdef Py_ssize_t index = 0
        if self.opens_arrays:
            cursor = first_element(array.value)
            while next_element(&cursor, &element):
                if self.matches_element(&element):
                    if position != NULL:
                        position[0] = index
                    return True
                index += 1
        return self.matches_element(array)

    cdef bint walk_array(self, const uint8_t* array, int depth, Py_ssize_t* position) except -1:
        """Return whether the path's parts from `depth` on lead from an array to a matching value."""
        cdef Element element
        cdef const uint8_t* cursor = first_element(array)
        cdef Py_ssize_t index = 0
        while next_element(&cursor, &element):
            if element.type == BSON_DOCUMENT and self.walk_document(element.value, depth, NULL):
                if position != NULL:
                    position[0] = index
                return True
            if self.matches_at_index(&element, depth):
                return True
            index += 1
        return self.null_through_arrays and ends_path(array, &self.parts[depth])

    cdef bint matches_at_index(self, const Element* element, int depth) except -1:
        """Return whether the element that the path addresses by array index matches.

        Such a match does not set the position to which `$` refers.
        """
        if element.name_len != self.parts[depth].length or memcmp(element.name, self.parts[depth].name, element.name_len) != 0:
            return False
        depth += 1
        if depth == self.part_count:
            return self.matches_element(element)
        if element.type == BSON_DOCUMENT:
            return self.walk_document(element.value, depth, NULL)
        return element.type == BSON_ARRAY and self.walk_array(element.value, depth, NULL)
