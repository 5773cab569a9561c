# cython: language_level=3, boundscheck=False, wraparound=False
"""`$lookup`'s loop: the outer documents, each with what was found for it."""

from secantus_server.bson._codec cimport RawArray
from secantus_server.exec._point cimport PointFinder
from secantus_server.pipeline._fields cimport FieldSetter
from secantus_server.pipeline._paths cimport JoinPath


cdef class PointJoin:
    """Finds an outer document's partner by the key of a unique index.

    Arguments:
        path: the local field.
        finder: asked for a value that equals nothing but itself; only one document can have it.
        otherwise: finds the documents for any other value.
    """

    cdef JoinPath path
    cdef PointFinder finder
    cdef object otherwise

    def __init__(self, JoinPath path not None, PointFinder finder not None, otherwise):
        self.path = path
        self.finder = finder
        self.otherwise = otherwise

    cpdef list find(self, bytes document):
        """The documents that match one of the outer document's values."""
        cdef bytes key = self.path.plain_key(document)
        cdef bytes found
        if key is None:
            return self.otherwise(document)
        found = self.finder.find(key)
        return [] if found is None else [found]


cdef class Joined:
    """An iterator over the outer documents with what was found in a field.

    Arguments:
        source: the outer documents.
        field: where the found documents go.
        find: a function from an outer document to a list, or a PointJoin.
        bind: called with each outer document before that, or None.
    """

    cdef object source
    cdef FieldSetter setter
    cdef PointJoin point
    cdef object find
    cdef object bind

    def __init__(self, source, str field not None, find, bind):
        self.source = iter(source)
        self.setter = FieldSetter(field)
        self.point = find if isinstance(find, PointJoin) else None
        self.find = find
        self.bind = bind

    def __iter__(self):
        return self

    def __next__(self):
        cdef bytes document = next(self.source)
        if self.bind is not None:
            self.bind(document)
        found = self.find(document) if self.point is None else self.point.find(document)
        return self.setter.set(document, RawArray(found))
