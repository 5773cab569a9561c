# cython: language_level=3, boundscheck=False, wraparound=False
"""The match nodes of `$elemMatch`."""

from libc.stdint cimport uint8_t

from secantus_server.bson._raw cimport Element, first_element, next_element
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DOCUMENT
from secantus_server.mql.match._nodes cimport MatchExpression, PathMatch, as_nodes


cdef class ElemMatch(PathMatch):
    """A node that matches if one element of an array at the path satisfies every condition. A value that is not an array never matches."""

    cdef bint accepts(self, const Element* element) except -1:
        raise NotImplementedError

    cdef bint matches_element(self, const Element* element) except -1:
        return element.type == BSON_ARRAY and self.matches_array(element, NULL)

    cdef bint matches_array(self, const Element* array, Py_ssize_t* position) except -1:
        cdef Element element
        cdef const uint8_t* cursor = first_element(array.value)
        cdef Py_ssize_t index = 0
        while next_element(&cursor, &element):
            if self.accepts(&element):
                if position != NULL:
                    position[0] = index
                return True
            index += 1
        return False


cdef class ElemMatchObject(ElemMatch):
    """`{$elemMatch: {field: ...}}`: a filter on elements that are documents, or arrays whose fields are their indexes."""

    cdef readonly MatchExpression child

    def __init__(self, str path not None, MatchExpression child not None):
        self.set_path(path, False)
        self.child = child

    def predicate(self):
        return {"$elemMatch": self.child.serialize()}

    cdef bint accepts(self, const Element* element) except -1:
        return (element.type == BSON_DOCUMENT or element.type == BSON_ARRAY) and self.child.matches_raw(element.value)


cdef class ElemMatchValue(ElemMatch):
    """`{$elemMatch: {$gt: ...}}`: conditions on the elements themselves."""

    cdef readonly tuple children

    def __init__(self, str path not None, children):
        self.set_path(path, False)
        self.children = as_nodes(children)

    def predicate(self):
        found = {}
        for child in self.children:
            predicate = child.serialize().get(self.path)
            # Conditions can be written as one document only if their operators differ and all conditions are on the value itself.
            if type(predicate) is not dict or not found.keys().isdisjoint(predicate):
                return {"$elemMatch": {"$and": [each.serialize() for each in self.children]}}
            found.update(predicate)
        return {"$elemMatch": found}

    cdef bint accepts(self, const Element* element) except -1:
        for child in self.children:
            if not (<MatchExpression>child).matches_element(element):
                return False
        return True
